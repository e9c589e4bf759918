"""MViT against the original implementations: same weights, same clip, same logits."""

from __future__ import annotations

from typing import Any

import pytest

from videotx.models.mvit import MViT, MViTConfig

FIXTURES = [
    *(f"mvit_v1_conv_{layout}" for layout in ("slowfast", "slowfast_split", "pytorchvideo", "torchvision")),
    *(f"mvit_v1_max_{layout}" for layout in ("slowfast", "pytorchvideo")),
    *(f"mvit_image_{pooling}_{layout}" for pooling in ("conv", "max") for layout in ("slowfast", "pytorchvideo")),
    *(f"mvit_v2_{layout}" for layout in ("slowfast", "torchvision")),
]


def mvit_config_of(facts: dict[str, Any]) -> MViTConfig:
    second = facts["dim_mul_in_attention"]
    return MViTConfig(
        num_classes=facts["num_classes"],
        num_frames=facts["num_frames"],
        resolution=(facts["height"], facts["width"]),
        dim=facts["dim"],
        num_heads=facts["num_heads"],
        depth=facts["depth"],
        stages_at=tuple(block for block, _ in facts["dim_mul"]),
        mlp_ratio=facts["mlp_ratio"],
        patch_kernel=tuple(facts["patch_kernel"]),
        patch_stride=tuple(facts["patch_stride"]),
        patch_padding=tuple(facts["patch_padding"]),
        pooling=facts["pool_mode"],
        pool_kernel=tuple(facts["pool_kernel"]),
        stride_kv=tuple(facts["pool_kv_stride_adaptive"]),
        pool_every_query=second,
        widen_in_attention=second,
        residual_pooling=facts["residual_pooling"],
        class_token=facts["cls_token"],
        positions=facts["pos_embed"] != "none",
        joint_positions=facts["pos_embed"] == "joint",
        relative_space=facts["rel_pos_spatial"],
        relative_time=facts["rel_pos_temporal"],
    )


@pytest.mark.parametrize("name", FIXTURES)
def test_mvit_equals_its_original(name: str, load_reference: Any, check_parity: Any) -> None:
    reference = load_reference(name)
    model = MViT(mvit_config_of(reference.facts))
    check_parity(model, model.blocks[0], reference)
