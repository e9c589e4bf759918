"""The VidTr variants, with the figures of the paper and of gluonmm's model zoo.

The published GFLOPs are not the multiply-accumulates of the published code: they are close to those of its perceptrons
alone. ``gmacs`` counts everything.
"""

from __future__ import annotations

from typing import Any

from videotx.models.compact_vidtr import CompactVidTr, CompactVidTrConfig
from videotx.models.spec import ModelSpec
from videotx.models.vidtr import VidTr, VidTrConfig

PAPER = "arXiv 2104.11746"
DROPOUTS: dict[str, Any] = {"dropout": 0.1, "head_dropout": 0.5}


def vidtr(num_frames: int, **settings: Any) -> VidTrConfig:
    return VidTrConfig(num_frames=num_frames, **DROPOUTS, **settings)


def compact_vidtr(num_frames: int, **settings: Any) -> CompactVidTrConfig:
    return CompactVidTrConfig(num_frames=num_frames, **DROPOUTS, **settings)


def _spec(
    config: VidTrConfig, stride: int, num_params: int, gmacs: float, *, views: str | None = "10x3", **published: Any
) -> ModelSpec:
    return ModelSpec(
        model=CompactVidTr if isinstance(config, CompactVidTrConfig) else VidTr,
        config=config,
        frame_stride=stride,
        num_params=num_params,
        gmacs=gmacs,
        source=PAPER,
        views=views,
        **published,
    )


VIDTR = {
    "vidtr_small": _spec(vidtr(8), 8, 87_473_296, 158.246, top1=77.7, top5=93.3, published_gflops=89.0),
    "vidtr_medium": _spec(
        vidtr(16, position_in_every_layer=True), 4, 88_689_808, 299.506, top1=78.6, top5=93.5, published_gflops=179.0
    ),
    "vidtr_large": _spec(vidtr(32), 2, 91_122_832, 583.420, top1=79.1, top5=93.9, published_gflops=351.0),
    "vidtr_joint_small": _spec(vidtr(8, separable=False), 8, 87_159_952, 179.563, views=None),
    "compact_vidtr_small": _spec(
        compact_vidtr(8, pool_layers=(1, 3, 5), pool_drop=(2, 2, 2)),
        8,
        87_159_952,
        64.600,
        top1=75.7,
        top5=92.4,
        published_gflops=39.0,
    ),
    "compact_vidtr_medium": _spec(
        compact_vidtr(16, pool_layers=(1, 2, 4), pool_drop=(8, 4, 2)),
        4,
        88_364_176,
        77.192,
        top1=76.7,
        top5=92.5,
        published_gflops=59.0,
    ),
}
