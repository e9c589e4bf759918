"""Pooled tokens and relative positions, against their definitions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from videotx.models.layers.pooling_attention import (
    PoolingAttention,
    RelativePositionBias,
    RelativePositions,
    TokenPool,
)

Grid = tuple[int, int, int]


def true_distance(query: int, key: int, num_queries: int, num_keys: int) -> int:
    """Distance in places of the finer axis, counted from the most negative one (MViTv2's public implementation)."""
    per_query, per_key = max(num_keys / num_queries, 1.0), max(num_queries / num_keys, 1.0)
    return math.floor(query * per_query - key * per_key + (num_keys - 1) * per_key + 1e-9)


@pytest.mark.parametrize(("num_queries", "num_keys"), [(6, 6), (8, 2), (2, 8), (7, 3), (3, 7), (1, 4), (1, 1)])
def test_relative_positions_count_places_of_the_finer_axis(num_queries: int, num_keys: int) -> None:
    positions = RelativePositions(max(num_queries, num_keys), 3)
    vectors = positions(num_queries, num_keys)
    for query, key in itertools.product(range(num_queries), range(num_keys)):
        distance = true_distance(query, key, num_queries, num_keys)
        torch.testing.assert_close(vectors[query, key], positions.weight[distance], rtol=0, atol=0)


def test_relative_positions_of_another_size_are_interpolated_around_the_centre() -> None:
    positions = RelativePositions(4, 1)
    with torch.no_grad():
        positions.weight.copy_(torch.arange(-3.0, 4.0)[:, None])
    vectors = positions(7, 7)[..., 0]  # distances -6 ... 6 over a table of -3 ... 3
    torch.testing.assert_close(vectors.diagonal(), torch.zeros(7))
    torch.testing.assert_close(vectors, -vectors.T)
    torch.testing.assert_close(vectors[4, 3], torch.tensor(7 / 13))
    larger = RelativePositions(7, 1)
    torch.testing.assert_close(larger.resized_from(positions.weight, positions)[6 + 1, 0], vectors[4, 3])


def bias_by_loops(bias: RelativePositionBias, q: Tensor, queries: Grid, keys: Grid) -> Tensor:
    """q . (R_t + R_h + R_w), one query and one key at a time; nothing for the first token."""
    out = torch.zeros(*q.shape[:3], 1 + math.prod(keys))
    tables = [bias.t, bias.h, bias.w]
    for (i, query), (j, key) in itertools.product(
        enumerate(itertools.product(*map(range, queries))), enumerate(itertools.product(*map(range, keys)))
    ):
        for axis, table in enumerate(tables):
            if table is not None:
                distance = true_distance(query[axis], key[axis], queries[axis], keys[axis])
                out[:, :, 1 + i, 1 + j] += q[:, :, 1 + i] @ table.weight[distance]
    return out


@pytest.mark.parametrize("sizes", [(2, 4, 6), (None, 4, 6), (2, None, None)])
def test_decomposed_bias_is_the_sum_over_the_axes(sizes: tuple[int | None, int | None, int | None]) -> None:
    queries, keys = (2, 4, 6), (2, 2, 3)
    bias = RelativePositionBias(sizes, 5, num_prefix=1)
    q = torch.randn(2, 3, 1 + math.prod(queries), 5)
    torch.testing.assert_close(bias(q, queries, keys), bias_by_loops(bias, q, queries, keys))


def test_pooling_passes_the_prefix_by_and_treats_heads_alike() -> None:
    grid, stride = (2, 6, 4), (1, 2, 2)
    x = torch.randn(2, 3, 1 + math.prod(grid), 5)
    places = x[:, :, 1:].unflatten(2, grid).permute(0, 1, 5, 2, 3, 4)  # b heads d t h w
    conv = TokenPool("conv", (3, 3, 3), stride, channels=5, num_prefix=1, norm_eps=1e-6)
    pooled, new_grid = conv(x, grid)
    assert new_grid == (2, 3, 2)
    expected = F.conv3d(places[:, 2], conv.pool.weight, stride=stride, padding=1, groups=5)
    torch.testing.assert_close(pooled[:, 2, 1:], conv.norm(expected.flatten(2).transpose(1, 2)))
    torch.testing.assert_close(pooled[:, :, 0], conv.norm(x[:, :, 0]))

    largest, _ = TokenPool("max", (1, 3, 3), stride, channels=5, num_prefix=1, norm_eps=1e-6)(x, grid)
    torch.testing.assert_close(largest[:, 1, 1], places[:, 1, :, 0, :2, :2].amax((-1, -2)))
    torch.testing.assert_close(largest[:, :, 0], x[:, :, 0])

    average, _ = TokenPool("average", (3, 3, 3), stride, channels=5, num_prefix=1, norm_eps=1e-6)(x, grid)
    torch.testing.assert_close(average[:, 1, 1], places[:, 1, :, :, :2, :2].sum((-1, -2, -3)) / 27)


def test_attention_without_pooling_is_plain_attention_plus_its_queries() -> None:
    layer = PoolingAttention(
        6, 8, 2, pool_q=None, pool_k=None, pool_v=None, position_bias=None, residual=True, num_prefix=1
    )
    x = torch.randn(2, 1 + 12, 6)
    out, grid = layer(x, (1, 3, 4))
    assert grid == (1, 3, 4)
    q, k, v = layer.qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    attended = (q @ k.transpose(-1, -2) / 2.0).softmax(-1) @ v
    attended[:, :, 1:] += q[:, :, 1:]
    torch.testing.assert_close(out, layer.proj(attended.transpose(1, 2).flatten(2)))
