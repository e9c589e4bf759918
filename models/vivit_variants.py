"""The ViViT variants, with the figures of the paper (Tables 2, 4 and 5) and of the scenic model zoo."""

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


VIVIT = {
    "vivit_base_model1": ModelSpec(
        model=ViViT,
        config=vivit_base(model=1),
        frame_stride=2,
        num_params=88_954_000,
        gmacs=451.52,
        top1=80.0,
        published_gflops=455.2,
        source=PAPER,
    ),
}
