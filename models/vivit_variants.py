"""The ViViT variants, with the figures of the paper (Tables 2, 4, 5 and 6)."""

from __future__ import annotations

from typing import Any

from videotx.models.spec import ModelSpec
from videotx.models.vivit import ViViT, ViViTConfig

PAPER = "arXiv 2103.15691"


def vivit_base(**settings: Any) -> ViViTConfig:
    return ViViTConfig(dim=768, depth=12, num_heads=12, mlp_dim=3072, **settings)


def vivit_large(**settings: Any) -> ViViTConfig:
    return ViViTConfig(dim=1024, depth=24, num_heads=16, mlp_dim=4096, **settings)


def vivit_huge(**settings: Any) -> ViViTConfig:
    return ViViTConfig(dim=1280, depth=32, num_heads=16, mlp_dim=5120, **settings)


def _spec(config: ViViTConfig, num_params: int, gmacs: float, **published: Any) -> ModelSpec:
    return ModelSpec(
        model=ViViT, config=config, frame_stride=2, num_params=num_params, gmacs=gmacs, source=PAPER, **published
    )


VIVIT = {
    "vivit_base_model1": _spec(vivit_base(model=1), 88_954_000, 451.52, top1=80.0, published_gflops=455.2),
    "vivit_base_model2": _spec(vivit_base(model=2), 115_062_928, 283.34, top1=78.8, published_gflops=284.4),
    "vivit_base_model3": _spec(vivit_base(model=3), 117_319_312, 371.09, top1=77.4, published_gflops=372.3),
    "vivit_base_model4": _spec(vivit_base(model=4), 88_952_464, 276.18, top1=76.3, published_gflops=277.1),
    "vivit_base_average": _spec(
        vivit_base(model=2, temporal_depth=0), 86_696_080, 282.86, top1=75.8, published_gflops=283.9
    ),
    "vivit_large_model1": _spec(vivit_large(model=1), 307_508_624, 1435.97, top1=80.3, published_gflops=1446.0),
    "vivit_large_model1_320": _spec(
        vivit_large(model=1, resolution=(320, 320)), 310_850_960, 3957.00, top1=81.0, published_gflops=3992.0
    ),
    # The released factorised encoder has as many temporal layers as spatial ones.
    "vivit_large_model2": _spec(
        vivit_large(model=2, temporal_depth=24), 606_827_920, 992.47, top1=81.7, views="1x3", published_gflops=995.3
    ),
    # Pre-trained on JFT. The published cost, 47.77 TFLOPs in 12 views, is that of 14x14 patches.
    "vivit_huge_model1": _spec(
        vivit_huge(model=1, tubelet=(2, 14, 14)), 636_945_040, 3958.84, top1=84.9, views="4x3", published_gflops=3981.0
    ),
}
