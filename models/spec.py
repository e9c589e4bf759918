"""One entry of the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from videotx.models.video_model import VideoConfig, VideoModel


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A published variant: how to build it, and what is known of it.

    ``num_params`` and ``gmacs`` (10^9 multiply-accumulates of convolutions and matrix products, one native clip) are
    counted with the config's own number of classes. ``top1`` is the published accuracy in percent on ``dataset``, with
    ``views`` (temporal x spatial) per video; None where none is published. ``published_gflops`` is the cost as printed
    at the source, which may count otherwise.
    """

    model: type[VideoModel[Any]]
    config: VideoConfig
    frame_stride: int
    num_params: int
    gmacs: float
    source: str
    dataset: str = "Kinetics-400"
    top1: float | None = None
    top5: float | None = None
    views: str | None = None
    published_gflops: float | None = None
