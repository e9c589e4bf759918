"""The Video Swin variants, with the figures of the paper (Tables 1 and 3) and its repository."""

from __future__ import annotations

from typing import Any

from videotx.models.spec import ModelSpec
from videotx.models.video_swin import VideoSwin, VideoSwinConfig

PAPER = "arXiv 2106.13230"


def video_swin_tiny(**settings: Any) -> VideoSwinConfig:
    return VideoSwinConfig(dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), **{"drop_path": 0.1, **settings})


def video_swin_small(**settings: Any) -> VideoSwinConfig:
    return VideoSwinConfig(dim=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24), **{"drop_path": 0.1, **settings})


def video_swin_base(**settings: Any) -> VideoSwinConfig:
    return VideoSwinConfig(dim=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32), **{"drop_path": 0.3, **settings})


def video_swin_large(**settings: Any) -> VideoSwinConfig:
    return VideoSwinConfig(dim=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48), **{"drop_path": 0.4, **settings})


VIDEO_SWIN = {
    "video_swin_tiny": ModelSpec(
        model=VideoSwin,
        config=video_swin_tiny(),
        frame_stride=2,
        num_params=28_158_070,
        gmacs=87.764,
        top1=78.8,
        top5=93.6,
        views="4x3",
        published_gflops=87.9,
        source=PAPER,
    ),
    "video_swin_small": ModelSpec(
        model=VideoSwin,
        config=video_swin_small(),
        frame_stride=2,
        num_params=49_816_678,
        gmacs=165.682,
        top1=80.6,
        top5=94.5,
        views="4x3",
        published_gflops=165.9,
        source=PAPER,
    ),
    # Pretrained on ImageNet-22K; 80.6 from ImageNet-1K.
    "video_swin_base": ModelSpec(
        model=VideoSwin,
        config=video_swin_base(),
        frame_stride=2,
        num_params=88_048_984,
        gmacs=281.333,
        top1=82.7,
        top5=95.5,
        views="4x3",
        published_gflops=281.6,
        source=PAPER,
    ),
    "video_swin_large": ModelSpec(
        model=VideoSwin,
        config=video_swin_large(),
        frame_stride=2,
        num_params=196_953_916,
        gmacs=603.269,
        top1=83.1,
        top5=95.9,
        views="4x3",
        published_gflops=604,
        source=PAPER,
    ),
    "video_swin_large_384": ModelSpec(
        model=VideoSwin,
        config=video_swin_large(resolution=(384, 384), window=(8, 12, 12)),
        frame_stride=2,
        num_params=199_999_516,
        gmacs=2106.38,
        top1=84.9,
        top5=96.7,
        views="10x5",
        published_gflops=2107,
        source=PAPER,
    ),
    "video_swin_base_ssv2": ModelSpec(
        model=VideoSwin,
        config=video_swin_base(window=(16, 7, 7), num_classes=174),
        frame_stride=2,
        num_params=88_834_038,
        gmacs=320.36,
        dataset="Something-Something-V2",
        top1=69.6,
        top5=92.7,
        views="1x3",
        published_gflops=320.6,
        source=PAPER,
    ),
}
