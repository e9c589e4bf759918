"""The DVT variants.

The paper published neither code nor weights: sizes are ViT's, the rest is `DVTConfig`'s, and no top-1 is claimed. The
costs are of convolutions and matrix products, as for every family; sampling adds 1.3 % to ``dvt_base``.
"""

from __future__ import annotations

from typing import Any

from videotx.models.dvt import DVT, DVTConfig
from videotx.models.spec import ModelSpec

PAPER = "arXiv 2203.16795"


def dvt_tiny(**settings: Any) -> DVTConfig:
    """Small enough to train on a CPU; the `divided` and `joint` variants of it are the baselines to train beside it."""
    return DVTConfig(num_frames=8, resolution=(112, 112), dim=128, depth=4, num_heads=2, mlp_dim=512, **settings)


def dvt_small(**settings: Any) -> DVTConfig:
    return DVTConfig(dim=384, depth=12, num_heads=6, mlp_dim=1536, **settings)


def dvt_base(**settings: Any) -> DVTConfig:
    return DVTConfig(dim=768, depth=12, num_heads=12, mlp_dim=3072, **settings)


def _spec(config: DVTConfig, num_params: int, gmacs: float) -> ModelSpec:
    return ModelSpec(model=DVT, config=config, frame_stride=4, num_params=num_params, gmacs=gmacs, source=PAPER)


DVT_MODELS = {
    "dvt_tiny": _spec(dvt_tiny(), 1_154_904, 0.441297),
    "dvt_tiny_divided": _spec(dvt_tiny(attention="divided"), 1_215_888, 0.472508),
    "dvt_tiny_joint": _spec(dvt_tiny(attention="joint"), 950_672, 0.504220),
    "dvt_small": _spec(dvt_small(), 24_759_336, 81.427126),
    "dvt_base": _spec(dvt_base(), 95_301_768, 317.534417),
    "dvt_base_divided": _spec(dvt_base(attention="divided"), 114_483_856, 369.244287),
    "dvt_base_joint": _spec(dvt_base(attention="joint"), 86_117_008, 449.474507),
}
