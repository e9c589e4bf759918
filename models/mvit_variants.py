"""The MViT variants, with the figures of the papers and of the SlowFast and MViTv2 model zoos.

SlowFast's ``MVIT_B_32x3_CONV.yaml``, from which its "MViTv1 B-Conv 32x3" checkpoints come, is the 24-layer model, here
``mvit_base_24_32x3``; the paper's 16-layer 32x3 is ``mvit_base_32x3``, published by pytorchvideo.
"""

from __future__ import annotations

from typing import Any

from videotx.models.mvit import MViT, MViTConfig
from videotx.models.spec import ModelSpec

PAPER = "arXiv 2104.11227"
PAPER_V2 = "arXiv 2112.01526"
IMAGENET = "ImageNet-1K"

IMAGE: dict[str, Any] = {
    "num_classes": 1000,
    "num_frames": 1,
    "patch_kernel": (1, 7, 7),
    "patch_stride": (1, 4, 4),
    "patch_padding": (0, 3, 3),
    "pool_kernel": (1, 3, 3),
    "stride_kv": (1, 4, 4),
}
"""One frame, patches and pooling without time."""

LAYERS_24: dict[str, Any] = {"depth": 24, "stages_at": (2, 5, 21)}


def mvit_small(**settings: Any) -> MViTConfig:
    """MViT-S, from what the paper's Table 3c says (2x8x8 patches of width 128, stages of 3, 7 and 6 blocks).

    Approximate: no configuration or checkpoint was published, and this one has 26.0 M parameters and 29.95 GMACs where
    the paper prints 26.1 M and 32.9. No stride of keys and values, padding or number of heads tried comes closer.
    """
    return MViTConfig(
        **{
            "dim": 128,
            "stages_at": (3, 10),
            "patch_kernel": (3, 8, 8),
            "patch_stride": (2, 8, 8),
            "patch_padding": (1, 0, 0),
            "stride_kv": (1, 4, 4),
            "drop_path": 0.1,
            **settings,
        }
    )


def mvit_base(**settings: Any) -> MViTConfig:
    return MViTConfig(**{"drop_path": 0.2, "head_dropout": 0.5, **settings})


def mvit_image(**settings: Any) -> MViTConfig:
    return MViTConfig(**{**IMAGE, "joint_positions": True, "drop_path": 0.1, **settings})


def mvit_v2(**settings: Any) -> MViTConfig:
    defaults = {
        "pool_every_query": True,
        "widen_in_attention": True,
        "residual_pooling": True,
        "positions": False,
        "relative_space": True,
        "relative_time": True,
        "drop_path": 0.2,
        "head_dropout": 0.5,
    }
    return MViTConfig(**{**defaults, **settings})


def mvit_v2_image(**settings: Any) -> MViTConfig:
    return mvit_v2(
        **{**IMAGE, "class_token": False, "relative_time": False, "drop_path": 0.1, "head_dropout": 0.0, **settings}
    )


MVIT = {
    "mvit_small_16x4": ModelSpec(
        model=MViT,
        config=mvit_small(),
        frame_stride=4,
        num_params=26_038_032,
        gmacs=29.947,
        top1=76.0,
        top5=92.1,
        views="5x1",
        published_gflops=32.9,
        source=PAPER,
    ),
    "mvit_base_16x4": ModelSpec(
        model=MViT,
        config=mvit_base(),
        frame_stride=4,
        num_params=36_610_672,
        gmacs=70.599,
        top1=78.4,
        top5=93.5,
        views="5x1",
        published_gflops=70.5,
        source=PAPER,
    ),
    "mvit_base_16x4_max": ModelSpec(
        model=MViT,
        config=mvit_base(pooling="max"),
        frame_stride=4,
        num_params=36_513_232,
        gmacs=70.325,
        top1=77.2,
        views="5x1",
        published_gflops=70.5,
        source=PAPER,
    ),
    "mvit_base_32x3": ModelSpec(
        model=MViT,
        config=mvit_base(num_frames=32),
        frame_stride=3,
        num_params=36_611_440,
        gmacs=169.958,
        top1=80.2,
        top5=94.4,
        views="5x1",
        published_gflops=170,
        source=PAPER,
    ),
    "mvit_base_64x3": ModelSpec(
        model=MViT,
        config=mvit_base(num_frames=64),
        frame_stride=3,
        num_params=36_612_976,
        gmacs=455.062,
        top1=81.2,
        top5=95.1,
        views="3x3",
        published_gflops=455,
        source=PAPER,
    ),
    "mvit_base_24_32x3": ModelSpec(
        model=MViT,
        config=mvit_base(num_frames=32, drop_path=0.3, pool_kernel=None, pool_unstrided_kv=False, **LAYERS_24),
        frame_stride=3,
        num_params=53_115_280,
        gmacs=235.776,
        dataset="Kinetics-600",
        top1=83.8,
        top5=96.3,
        views="5x1",
        published_gflops=236,
        source=PAPER,
    ),
    "mvit_v2_small_16x4": ModelSpec(
        model=MViT,
        config=mvit_v2(),
        frame_stride=4,
        num_params=34_537_744,
        gmacs=64.224,
        top1=81.0,
        top5=94.6,
        views="5x1",
        published_gflops=64,
        source=PAPER_V2,
    ),
    "mvit_v2_base_32x3": ModelSpec(
        model=MViT,
        config=mvit_v2(num_frames=32, drop_path=0.3, **LAYERS_24),
        frame_stride=3,
        num_params=51_230_128,
        gmacs=224.473,
        top1=82.9,
        top5=95.7,
        views="5x1",
        published_gflops=225,
        source=PAPER_V2,
    ),
    # Of the configuration SlowFast publishes; the paper prints 217.6 M parameters and 2828 GFLOPs.
    "mvit_v2_large_40x3_312": ModelSpec(
        model=MViT,
        config=mvit_v2(
            num_frames=40,
            resolution=(312, 312),
            dim=144,
            num_heads=2,
            depth=48,
            stages_at=(2, 8, 44),
            drop_path=0.75,
        ),
        frame_stride=3,
        num_params=213_390_112,
        gmacs=2823.404,
        top1=86.1,
        top5=97.0,
        views="5x3",
        published_gflops=2828,
        source=PAPER_V2,
    ),
    "mvit_image_base_16": ModelSpec(
        model=MViT,
        config=mvit_image(),
        frame_stride=1,
        num_params=36_982_600,
        gmacs=7.809,
        dataset=IMAGENET,
        top1=83.0,
        views="1x1",
        published_gflops=7.8,
        source=PAPER,
    ),
    "mvit_image_base_16_max": ModelSpec(
        model=MViT,
        config=mvit_image(pooling="max"),
        frame_stride=1,
        num_params=36_945_640,
        gmacs=7.781,
        dataset=IMAGENET,
        top1=82.5,
        views="1x1",
        published_gflops=7.8,
        source=PAPER,
    ),
    "mvit_image_base_24": ModelSpec(
        model=MViT,
        config=mvit_image(**LAYERS_24),
        frame_stride=1,
        num_params=53_516_392,
        gmacs=10.94,
        dataset=IMAGENET,
        source=PAPER,
    ),
    "mvit_image_base_24_max": ModelSpec(
        model=MViT,
        config=mvit_image(pooling="max", **LAYERS_24),
        frame_stride=1,
        num_params=53_462_536,
        gmacs=10.903,
        dataset=IMAGENET,
        top1=83.1,
        views="1x1",
        published_gflops=10.9,
        source=PAPER,
    ),
    "mvit_image_base_24_wide_320": ModelSpec(
        model=MViT,
        config=mvit_image(dim=112, resolution=(320, 320), **LAYERS_24),
        frame_stride=1,
        num_params=72_961_832,
        gmacs=32.718,
        dataset=IMAGENET,
        top1=84.8,
        views="1x1",
        published_gflops=32.7,
        source=PAPER,
    ),
    "mvit_image_base_24_wide_320_max": ModelSpec(
        model=MViT,
        config=mvit_image(dim=112, resolution=(320, 320), pooling="max", **LAYERS_24),
        frame_stride=1,
        num_params=72_899_000,
        gmacs=32.63,
        dataset=IMAGENET,
        top1=84.3,
        views="1x1",
        published_gflops=32.7,
        source=PAPER,
    ),
    "mvit_v2_image_tiny": ModelSpec(
        model=MViT,
        config=mvit_v2_image(depth=10, stages_at=(1, 3, 8)),
        frame_stride=1,
        num_params=24_173_320,
        gmacs=4.677,
        dataset=IMAGENET,
        top1=82.3,
        views="1x1",
        published_gflops=4.7,
        source=PAPER_V2,
    ),
    "mvit_v2_image_small": ModelSpec(
        model=MViT,
        config=mvit_v2_image(),
        frame_stride=1,
        num_params=34_870_216,
        gmacs=6.96,
        dataset=IMAGENET,
        top1=83.6,
        views="1x1",
        published_gflops=7.0,
        source=PAPER_V2,
    ),
    "mvit_v2_image_base": ModelSpec(
        model=MViT,
        config=mvit_v2_image(drop_path=0.3, **LAYERS_24),
        frame_stride=1,
        num_params=51_472_744,
        gmacs=10.102,
        dataset=IMAGENET,
        top1=84.4,
        views="1x1",
        published_gflops=10.2,
        source=PAPER_V2,
    ),
}
