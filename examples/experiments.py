"""What `prove_motion.py` trains: tiny models of all families and variants of DVT.

The families' numbers of parameters are equal to 1 %, and DVT is not the one that computes most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from packed_clips import NUM_FRAMES, PATCH, SIDE, SUBCLIP
from videotx.models import VideoModel, create_model
from videotx.models.layers.positions import ResizableTable
from videotx.models.motion_embedding import MotionEmbedding

Feed = Literal["motion", "unknown", "zero", "another clip's", "one frame", "shuffled frames"]
"""What a model gets to see: the clip with its motion; motion that counts as unknown, is zero throughout, or is that of
another clip; the middle frame in place of all; all frames out of order. In the last two no motion is known."""


@dataclass(frozen=True)
class Experiment:
    """A variant of `videotx.models`, what its config has in place of the variant's, and what the model gets to see."""

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    feed: Feed = "motion"


def build(experiment: Experiment, num_classes: int) -> VideoModel[Any]:
    """Its model, with first weights drawn by torch's generator."""
    clip = {"num_frames": NUM_FRAMES, "resolution": SIDE, "num_classes": num_classes}
    model = create_model(experiment.model, **clip, head_dropout=0.0, drop_path=0.0, **experiment.settings)
    start_narrow(model)
    return model


@torch.no_grad()
def start_narrow(model: VideoModel[Any]) -> None:
    """First weights for models as narrow as these, of every family alike.

    The families start with a deviation of 0.02, which keeps a signal's size in a model 768 wide; here every matrix
    would shrink it to a fifth. Matrices get 1 / sqrt(inputs), tables of positions ten times their values.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.mul_(module.in_features**-0.5 / 0.02)
        elif isinstance(module, ResizableTable):
            module.weight.mul_(10)
        elif isinstance(module, MotionEmbedding):
            for table in (module.distance, module.unknown):
                if table is not None:
                    table.mul_(10)


DVT = {
    "patch": PATCH,
    "subclip_frames": SUBCLIP,
    "dim": 96,
    "depth": 3,
    "num_heads": 2,
    "mlp_dim": 220,
    "num_points": 4,
    "num_scale_points": 2,
}
# A narrower MLP makes up for the second attention's weights.
DIVIDED = DVT | {"attention": "divided", "mlp_dim": 192}
VIVIT = {"tubelet": (2, PATCH, PATCH), "dim": 96, "depth": 4, "num_heads": 2, "mlp_dim": 192}
VIDTR = {"tubelet": (1, PATCH, PATCH), "dim": 96, "depth": 3, "num_heads": 2, "mlp_dim": 288, "dropout": 0.0}
SWIN = {"dim": 52, "depths": (2, 2), "num_heads": (2, 4), "window": (4, 4, 4)}
MVIT = {"dim": 24, "depth": 5, "stages_at": (1, 3), "stride_kv": (1, 4, 4), "mlp_ratio": 4.6}

CORE: dict[str, Experiment] = {
    "DVT": Experiment("dvt_tiny", DVT),
    "DVT, motion zero": Experiment("dvt_tiny", DVT, "zero"),
    "DVT, motion unknown": Experiment("dvt_tiny", DVT, "unknown"),
    "divided space-time": Experiment("dvt_tiny", DIVIDED),
    "ViViT": Experiment("vivit_base_model1", VIVIT),
    "VidTr": Experiment("vidtr_small", VIDTR),
    "Video Swin": Experiment("video_swin_tiny", SWIN),
    "MViT": Experiment("mvit_base_16x4", MVIT),
    "divided, one frame": Experiment("dvt_tiny", DIVIDED, "one frame"),
    "divided, frames shuffled": Experiment("dvt_tiny", DIVIDED, "shuffled frames"),
}
"""The five families, DVT without its motion, and two controls without order in time."""

# Each changes one thing of "DVT": cue both, N = 4, both attentions, mixer.
ABLATIONS: dict[str, Experiment] = {
    "DVT": CORE["DVT"],
    "motion steers only": Experiment("dvt_tiny", DVT | {"motion_in_values": False}),
    "cue none": Experiment("dvt_tiny", DVT | {"cue": "none"}),
    "cue displacement": Experiment("dvt_tiny", DVT | {"cue": "displacement"}),
    "cue residual": Experiment("dvt_tiny", DVT | {"cue": "residual"}),
    "N 1": Experiment("dvt_tiny", DVT | {"num_points": 1}),
    "N 2": Experiment("dvt_tiny", DVT | {"num_points": 2}),
    "N 8": Experiment("dvt_tiny", DVT | {"num_points": 8}),
    "D-ST alone": Experiment("dvt_tiny", DVT | {"attention": "space_time"}),
    "D-MS alone": Experiment("dvt_tiny", DVT | {"attention": "multi_scale"}),
    "fusion linear": Experiment("dvt_tiny", DVT | {"fusion": "linear"}),
    "offsets not along the motion": Experiment("dvt_tiny", DVT | {"along_motion": False}),
}
EXPERIMENTS = CORE | ABLATIONS
