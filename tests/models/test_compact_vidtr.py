"""What compact VidTr drops, and when it refuses to."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from videotx.models.compact_vidtr import CompactVidTr, CompactVidTrConfig, PooledBlock, TopKStdBlock
from videotx.models.vidtr import VidTr, VidTrConfig

CONFIG = CompactVidTrConfig(
    num_classes=3,
    num_frames=8,
    resolution=(16, 16),
    tubelet=(1, 8, 8),
    dim=12,
    depth=4,
    num_heads=2,
    mlp_dim=24,
    pool_layers=(0, 2),
    pool_drop=(3, 1),
)
PLACES = 4


def tokens_after(model: CompactVidTr, layer: int, rgb: torch.Tensor) -> torch.Tensor:
    kept: list[torch.Tensor] = []
    handle = model.blocks[layer].register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    with torch.no_grad():
        model(rgb)
    handle.remove()
    return kept[0]


@pytest.mark.parametrize(
    ("pooling", "left"), [("topk_std", [5, 5, 4, 4]), ("average", [4, 4, 2, 2]), ("convolution", [4, 4, 2, 2])]
)
def test_frames_left_after_each_layer(pooling: str, left: list[int]) -> None:
    model = CompactVidTr(replace(CONFIG, pooling=pooling)).eval()
    rgb = torch.randn(2, 3, 8, 16, 16)
    assert [tokens_after(model, i, rgb).shape[1] for i in range(4)] == [1 + PLACES * t for t in left]


def test_topk_std_drops_the_time_steps_that_look_everywhere_alike() -> None:
    """Zero queries make uniform rows: with one query that looks somewhere, its time step must stay."""
    block = CompactVidTr(replace(CONFIG, pool_layers=(0,), pool_drop=(7,))).blocks[0]
    assert isinstance(block, TopKStdBlock)
    with torch.no_grad():
        for parameter in (*block.attention.parameters(), *block.mlp.parameters()):
            parameter.zero_()
        block.attention.qkv.weight[:24].copy_(torch.cat([torch.eye(12), torch.eye(12)]))
        block.norm1.weight.fill_(3.0)
        steps = torch.zeros(1, 8, PLACES, 12)
        steps[:, 5] = torch.randn(12)  # the norm turns the constant others into zeros
        x = torch.cat([torch.zeros(1, 1, 12), steps.flatten(1, 2)], 1)
        out = block(x, torch.zeros(1 + 8 * PLACES, 12), PLACES)
    torch.testing.assert_close(out[:, 1:], steps[:, 5])


def test_the_strided_convolution_starts_by_taking_every_second_step() -> None:
    block = CompactVidTr(replace(CONFIG, pooling="convolution")).blocks[0]
    assert isinstance(block, PooledBlock)
    steps = torch.randn(6, 12, 7)
    with torch.no_grad():
        torch.testing.assert_close(block.pooling(steps), steps[..., ::2])


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="expected more time steps than the 4 that pooling drops, got 4"):
        CompactVidTr(CONFIG)(torch.zeros(1, 3, 4, 16, 16))


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected pooling layers in rising order below 4, got \(2, 0\)"):
        CompactVidTr(replace(CONFIG, pool_layers=(2, 0)))
    with pytest.raises(ValueError, match=r"expected one number per pooling layer \(0, 2\), got \(3,\)"):
        CompactVidTr(replace(CONFIG, pool_drop=(3,)))


def test_positions_can_be_kept_out_of_the_values() -> None:
    config = VidTrConfig(
        num_classes=3, num_frames=2, resolution=(16, 16), tubelet=(1, 8, 8), dim=12, depth=1, num_heads=2, mlp_dim=24
    )
    with_them, without = VidTr(config).eval(), VidTr(replace(config, position_in_values=False)).eval()
    without.load_state_dict(with_them.state_dict())
    rgb = torch.randn(1, 3, 2, 16, 16)
    with torch.no_grad():
        assert not torch.allclose(with_them(rgb), without(rgb))
        for model in (with_them, without):
            model.positions.weight.zero_()
        torch.testing.assert_close(with_them(rgb), without(rgb))
