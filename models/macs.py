"""How much a model computes."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from videotx.models.video_model import VideoConfig, VideoModel


def count_params(model: VideoModel[Any]) -> int:
    """Number of learned values; buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_gmacs(model_class: type[VideoModel[Any]], config: VideoConfig) -> float:
    """10^9 multiply-accumulates of one native clip: convolutions and matrix products, nothing else.

    Counted on shapes alone (torch's meta device): no memory, no arithmetic, whatever the size of the model.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = model_class(config).eval().requires_grad_(False)
        model(torch.empty(1, 3, config.num_frames, *config.resolution))
    return float(counter.get_total_flops()) / 2 / 1e9
