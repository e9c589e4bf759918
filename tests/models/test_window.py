"""Windows, their masks and their relative positions, against computations from scratch."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from videotx.models.layers.window import WindowAttention, WindowPositionBias, Windows, partition, unpartition

Grid = tuple[int, int, int]


def places(grid: Grid) -> list[Grid]:
    return list(itertools.product(*map(range, grid)))


def bias_by_offsets(table: Tensor, native: Grid, window: Grid) -> Tensor:
    """The definition: entry ((dt + t - 1) (2h - 1) + dh + h - 1) (2w - 1) + dw + w - 1 for the offset query - key."""
    t, h, w = native
    n = math.prod(window)
    bias = torch.empty(table.shape[1], n, n)
    for (i, query), (j, key) in itertools.product(enumerate(places(window)), repeat=2):
        dt, dh, dw = (a - b for a, b in zip(query, key, strict=True))
        bias[:, i, j] = table[((dt + t - 1) * (2 * h - 1) + dh + h - 1) * (2 * w - 1) + dw + w - 1]
    return bias


small = st.integers(1, 4)


@given(native=st.tuples(small, small, small), cut=st.tuples(small, small, small))
@settings(max_examples=25, deadline=None)
def test_bias_belongs_to_the_true_offset_in_windows_of_any_size(native: Grid, cut: Grid) -> None:
    window = (min(native[0], cut[0]), min(native[1], cut[1]), min(native[2], cut[2]))
    bias = WindowPositionBias(native, num_heads=2)
    torch.testing.assert_close(bias(window), bias_by_offsets(bias.weight, native, window), rtol=0, atol=0)


def test_truncated_bias_is_the_corner_of_the_native_one() -> None:
    native = (2, 3, 3)
    bias = WindowPositionBias(native, num_heads=2, truncate=True)
    whole = bias_by_offsets(bias.weight, native, native)
    torch.testing.assert_close(
        bias((1, 3, 3)), bias_by_offsets(bias.weight, native, (1, 3, 3))
    )  # shorter in time: true
    torch.testing.assert_close(bias((2, 2, 2)), whole[:, :8, :8])  # smaller in space: the original's, and not true
    assert not torch.equal(bias((2, 2, 2)), bias_by_offsets(bias.weight, native, (2, 2, 2)))


def test_a_bias_table_of_another_window_keeps_what_both_have() -> None:
    flat, tall = WindowPositionBias((1, 3, 3), num_heads=2), WindowPositionBias((4, 3, 3), num_heads=2)
    with torch.no_grad():
        tall.weight.copy_(tall.resized_from(flat.weight, flat))
    bias = tall((4, 3, 3)).unflatten(2, (4, 9)).unflatten(1, (4, 9))  # heads t s t' s'
    for t, other in itertools.product(range(4), repeat=2):
        torch.testing.assert_close(bias[:, t, :, other], flat((1, 3, 3)))


def test_partition_is_undone() -> None:
    x = torch.randn(2, 4, 6, 6, 5)
    windows = partition(x, (2, 3, 2))
    assert windows.shape == (2 * 12, 12, 5)
    torch.testing.assert_close(windows[1], x[0, :2, :3, 2:4].reshape(12, 5))
    torch.testing.assert_close(unpartition(windows, (2, 3, 2), (4, 6, 6)), x)


@pytest.mark.parametrize(
    ("grid", "window"),
    [((4, 4, 6), (2, 2, 3)), ((3, 5, 4), (2, 3, 2)), ((2, 5, 3), (4, 3, 4)), ((1, 2, 2), (2, 4, 4))],
)
@pytest.mark.parametrize("shifted", [False, True])
def test_window_attention_is_dense_attention_among_the_right_tokens(grid: Grid, window: Grid, shifted: bool) -> None:
    """Dense attention over the padded grid: who sees whom follows from the windows' borders, without rolling
    anything."""
    torch.manual_seed(0)
    layer = WindowAttention(8, 2, window, shifted=shifted)
    torch.nn.init.normal_(layer.position_bias.weight)
    torch.nn.init.normal_(layer.qkv.bias)
    x = torch.randn(2, *grid, 8)
    cuts = (Windows.over(grid, window, shifted=False, like=x), Windows.over(grid, window, shifted=True, like=x))

    size = [min(g, n) for g, n in zip(grid, window, strict=True)]
    padded = tuple(math.ceil(g / n) * n for g, n in zip(grid, size, strict=True))
    by = [n // 2 if shifted and g > n else 0 for g, n in zip(grid, window, strict=True)]
    tokens = torch.zeros(2, *padded, 8)
    tokens[:, : grid[0], : grid[1], : grid[2]] = x
    q, k, v = layer.qkv(tokens.flatten(1, 3)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    logits = q @ k.transpose(-1, -2) / math.sqrt(4)
    t, h, w = window
    for (i, query), (j, key) in itertools.product(enumerate(places(padded)), repeat=2):
        if any((a - s) // n != (b - s) // n for a, b, s, n in zip(query, key, by, size, strict=True)):
            logits[..., i, j] = -torch.inf
            continue
        dt, dh, dw = (a - b for a, b in zip(query, key, strict=True))
        entry = ((dt + t - 1) * (2 * h - 1) + dh + h - 1) * (2 * w - 1) + dw + w - 1
        logits[..., i, j] = logits[..., i, j] + layer.position_bias.weight[entry]
    out = layer.proj((logits.softmax(-1) @ v).transpose(1, 2).flatten(2)).unflatten(1, padded)
    expected = out[:, : grid[0], : grid[1], : grid[2]]
    torch.testing.assert_close(layer(x, cuts), expected, rtol=1e-5, atol=1e-5)
