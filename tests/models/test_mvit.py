"""MViT beyond its originals: what blocks do, other layouts and sizes of the same weights, clips of another size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from videotx.models.checkpoints import CheckpointError, load_pretrained
from videotx.models.mvit import MViT, MViTConfig, block_shapes
from videotx.models.mvit_variants import mvit_base, mvit_v2, mvit_v2_image

SIZE: dict[str, Any] = {
    "num_classes": 5,
    "num_frames": 4,
    "resolution": (32, 32),
    "dim": 16,
    "depth": 4,
    "stages_at": (1, 3),
    "stride_kv": (1, 4, 4),
}


@pytest.mark.parametrize("name", ["mvit_v1_conv_slowfast", "mvit_v2_slowfast", "mvit_image_max_slowfast"])
def test_blocks_have_the_settings_the_original_resolves(name: str, load_reference: Any) -> None:
    facts = load_reference(name).facts
    config = MViTConfig(
        dim=facts["dim"],
        depth=facts["depth"],
        stages_at=(1, 3),
        stride_kv=tuple(facts["pool_kv_stride_adaptive"]),
        widen_in_attention=facts["dim_mul_in_attention"],
        pool_every_query=facts["dim_mul_in_attention"],
    )
    shapes = block_shapes(config)
    for shape, block in zip(shapes, facts["blocks"], strict=True):
        ours = (shape.in_dim, shape.out_dim, shape.dim, shape.num_heads, list(shape.stride_kv))
        assert ours == tuple(block[key] for key in ("dim_in", "dim_out", "attn_dim", "heads", "stride_kv"))
        assert (list(shape.stride_q) if shape.pool_q else []) == block["stride_q"]


def test_the_24_layer_model_pools_with_kernels_of_its_strides() -> None:
    model = MViT(mvit_base(**{**SIZE, "depth": 4}, pool_kernel=None, pool_unstrided_kv=False))
    kernels = [None if b.attention.pool_k is None else b.attention.pool_k.pool.kernel_size for b in model.blocks]
    assert kernels == [(1, 5, 5), (1, 3, 3), (1, 3, 3), None]
    assert model.blocks[3].attention.pool_q.pool.kernel_size == (1, 3, 3)


def test_weights_without_pooling_in_the_last_stage_fit_the_model_that_says_so(tmp_path: Path) -> None:
    """SlowFast's MViT-B 16x4 checkpoint of 2021."""
    early = MViT(mvit_base(**SIZE, pool_unstrided_kv=False))
    torch.save({"model_state": slowfast_keys(early)}, tmp_path / "early.pyth")
    assert load_pretrained(MViT(early.config), tmp_path / "early.pyth").complete
    with pytest.raises(CheckpointError, match=r"missing: 6\n  blocks\.3\.attention\.pool_k"):
        load_pretrained(MViT(mvit_base(**SIZE)), tmp_path / "early.pyth")


def slowfast_keys(model: MViT) -> dict[str, torch.Tensor]:
    renamed = {}
    for ours, tensor in model.state_dict().items():
        parts = ours.replace("attention", "attn").replace("skip", "proj").split(".")
        if "position_bias" in parts:
            parts = [*parts[:3], f"rel_pos_{parts[4]}"]
        elif parts[-2:-1] == ["pool"]:
            parts = [*parts[:-2], parts[-1]]
        elif parts[-2:-1] == ["norm"] and len(parts) > 2:
            parts = [*parts[:-3], parts[-3].replace("pool", "norm"), parts[-1]]
        key = ".".join(parts).replace("embedding", "patch_embed.proj").replace("head.targets.label", "head.projection")
        renamed[key] = tensor
    renamed["cls_token"] = renamed.pop("cls")[None, None]
    if model.time_positions is not None:
        spatial = renamed.pop("positions.weight")[None]
        renamed["pos_embed_class"], renamed["pos_embed_spatial"] = spatial[:, :1], spatial[:, 1:]
        renamed["pos_embed_temporal"] = renamed.pop("time_positions.weight")[None]
    return renamed


def test_separate_image_positions_are_joined_for_a_model_with_one_table(load_reference: Any, tmp_path: Path) -> None:
    """pytorchvideo's image models keep two tables where the published size has one."""
    reference, same = load_reference("mvit_image_conv_pytorchvideo"), load_reference("mvit_image_conv_slowfast")
    config = MViTConfig(
        num_classes=11,
        num_frames=1,
        resolution=(48, 48),
        dim=24,
        depth=4,
        stages_at=(1, 3),
        patch_kernel=(1, 7, 7),
        patch_stride=(1, 4, 4),
        patch_padding=(0, 3, 3),
        pool_kernel=(1, 3, 3),
        stride_kv=(1, 4, 4),
        joint_positions=True,
    )
    model = MViT(config).eval()
    torch.save(reference.state, tmp_path / "image.pth")
    report = load_pretrained(model, tmp_path / "image.pth")
    assert report.reshaped["positions.weight"] == "1 time steps and 144 places, joined"
    assert report.ignored["blocks.0.attn._attention_pool_k.pool.weight"]
    with torch.no_grad():
        torch.testing.assert_close(model(same.rgb), same.logits, rtol=0, atol=2e-5)


@pytest.mark.parametrize("make", [mvit_base, mvit_v2, mvit_v2_image])
@pytest.mark.parametrize("size", [(8, 32, 32), (4, 48, 20), (2, 64, 96)])
def test_clips_of_any_size_are_taken(make: Any, size: tuple[int, int, int]) -> None:
    model = MViT(make(**SIZE)).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 3, *size)).shape == (2, 5)


def test_tables_follow_the_clip_a_model_is_built_for(tmp_path: Path) -> None:
    """Interpolating on the fly and storing interpolated tables are the same."""
    small = MViT(mvit_v2(**SIZE)).eval()
    torch.save(slowfast_keys(small), tmp_path / "small.pyth")
    large = MViT(replace(small.config, num_frames=8, resolution=(64, 64))).eval()
    report = load_pretrained(large, tmp_path / "small.pyth", source=small.config)
    assert report.interpolated["blocks.0.attention.position_bias.h.weight"] == "(15, 16) -> (31, 16)"
    rgb = torch.randn(1, 3, 8, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(large(rgb), small(rgb), rtol=0, atol=1e-5)
