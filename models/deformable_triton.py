"""`videotx.models.deformable.sample` on a GPU: one kernel forward, one backward (Triton, which torch for CUDA brings).

Elementwise operations on corners, shares and factors would each read and write tens of numbers per point from memory,
several times what the values themselves take. Here a program holds a few queries of one head: it computes the corners
of a point in registers, adds up their rows, and goes on to the next point. Backward it reads the same rows once more
and adds to their gradients atomically, in float32 (so sums may differ in their last bits from run to run).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

_QUERIES = 16  # of a program; with 64 channels every thread of four warps reads 16 bytes of bfloat16 at once


Launch = Callable[[Any], Any]
"""What makes a kernel launch: the identity, or `wrap_triton` in an operator that torch's compiler traces."""


@triton.jit
def _neighbours(position, last, border: tl.constexpr):
    """Along one axis: both cells next to a position, their shares, and what one more of the position adds to these."""
    low = tl.zeros_like(last) if border else tl.zeros_like(last) - 1.0
    high = last if border else last + 1.0
    clamped = tl.minimum(tl.maximum(position, low), high)
    before = tl.floor(clamped)
    # What is not a number must not become one by clamping.
    share = tl.where(position == position, clamped - before, position)
    first_inside = ((before >= 0) & (before <= last)).to(tl.float32)
    second_inside = ((before >= -1) & (before <= last - 1)).to(tl.float32)
    moves = ((position >= low) & (position <= high)).to(tl.float32)
    first = tl.minimum(tl.maximum(before, 0.0), last).to(tl.int32)
    second = tl.minimum(tl.maximum(before + 1, 0.0), last).to(tl.int32)
    return (
        first,
        second,
        (1 - share) * first_inside,
        share * second_inside,
        -moves * first_inside,
        moves * second_inside,
    )


@triton.jit
def _point(xy, planes, at, plane_at, known, border: tl.constexpr):
    """The cells of a point's four corners, then shares and slopes of its columns and of its rows."""
    x = tl.load(xy + 2 * at, known, 0.0)
    y = tl.load(xy + 2 * at + 1, known, 0.0)
    start = tl.load(planes + 3 * plane_at, known, 0)
    rows = tl.load(planes + 3 * plane_at + 1, known, 1)
    columns = tl.load(planes + 3 * plane_at + 2, known, 1)
    left, right, left_share, right_share, left_slope, right_slope = _neighbours(x, (columns - 1).to(tl.float32), border)
    upper, lower, upper_share, lower_share, upper_slope, lower_slope = _neighbours(y, (rows - 1).to(tl.float32), border)
    upper = start + upper * columns
    lower = start + lower * columns
    return (
        (upper + left, upper + right, lower + left, lower + right),
        (left_share, right_share, left_slope, right_slope),
        (upper_share, lower_share, upper_slope, lower_slope),
    )


@triton.jit
def _sum_kernel(
    values, xy, weights, planes, out, num_queries, queries_per_element, cells,
    heads: tl.constexpr, channels: tl.constexpr, points: tl.constexpr, border: tl.constexpr,
    block_queries: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    query = tl.program_id(0) * block_queries + tl.arange(0, block_queries)
    head = tl.program_id(1)
    known = query < num_queries
    channel = tl.arange(0, block_channels)[None, :]
    inside = known[:, None] & (channel < channels)
    table = ((query // queries_per_element).to(tl.int64) * cells * heads + head)[:, None] * channels + channel
    at = (query.to(tl.int64) * heads + head) * points
    plane_at = (query % queries_per_element) * points
    total = tl.zeros([block_queries, block_channels], tl.float32)
    for p in range(points):
        corners, across, down = _point(xy, planes, at + p, plane_at + p, known, border)
        weight = tl.load(weights + at + p, known, 0.0)
        for corner in tl.static_range(4):
            share = weight * across[corner % 2] * down[corner // 2]
            row = table + (corners[corner] * (heads * channels))[:, None]
            total += share[:, None] * tl.load(values + row, inside, 0.0).to(tl.float32)
    out_at = (query.to(tl.int64) * heads + head)[:, None] * channels + channel
    tl.store(out + out_at, total, inside)


@triton.jit
def _sum_gradient_kernel(
    values, xy, weights, planes, out_gradient, value_gradient, xy_gradient, weight_gradient,
    num_queries, queries_per_element, cells,
    heads: tl.constexpr, channels: tl.constexpr, points: tl.constexpr, border: tl.constexpr,
    block_queries: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    query = tl.program_id(0) * block_queries + tl.arange(0, block_queries)
    head = tl.program_id(1)
    known = query < num_queries
    channel = tl.arange(0, block_channels)[None, :]
    inside = known[:, None] & (channel < channels)
    table = ((query // queries_per_element).to(tl.int64) * cells * heads + head)[:, None] * channels + channel
    at = (query.to(tl.int64) * heads + head) * points
    plane_at = (query % queries_per_element) * points
    out_at = (query.to(tl.int64) * heads + head)[:, None] * channels + channel
    above = tl.load(out_gradient + out_at, inside, 0.0).to(tl.float32)
    for p in range(points):
        corners, across, down = _point(xy, planes, at + p, plane_at + p, known, border)
        weight = tl.load(weights + at + p, known, 0.0)
        by_weight = tl.zeros([block_queries], tl.float32)
        by_x = tl.zeros([block_queries], tl.float32)
        by_y = tl.zeros([block_queries], tl.float32)
        for corner in tl.static_range(4):
            row = table + (corners[corner] * (heads * channels))[:, None]
            share = across[corner % 2] * down[corner // 2]
            # What the loss gains by one more of this corner.
            by_corner = tl.sum(tl.load(values + row, inside, 0.0).to(tl.float32) * above, 1)
            by_weight += share * by_corner
            by_x += across[2 + corner % 2] * down[corner // 2] * by_corner
            by_y += across[corner % 2] * down[2 + corner // 2] * by_corner
            tl.atomic_add(value_gradient + row, (weight * share)[:, None] * above, inside, sem="relaxed")
        tl.store(weight_gradient + at + p, by_weight, known)
        tl.store(xy_gradient + 2 * (at + p), weight * by_x, known)
        tl.store(xy_gradient + 2 * (at + p) + 1, weight * by_y, known)


def _sum(launch: Launch, values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool) -> Tensor:
    b, cells, heads, channels = values.shape
    queries, points = xy.shape[1], xy.shape[3]
    out = values.new_empty(b, queries, heads, channels)
    launch(_sum_kernel)[(triton.cdiv(b * queries, _QUERIES), heads)](
        values, xy, weights, planes, out, b * queries, queries, cells,
        heads, channels, points, border, _QUERIES, triton.next_power_of_2(channels),
    )  # fmt: skip
    return out


def _gradients(
    launch: Launch, gradient: Tensor, values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients, float32, of the values, positions and weights."""
    b, cells, heads, channels = values.shape
    queries, points = xy.shape[1], xy.shape[3]
    of_values = torch.zeros_like(values, dtype=torch.float32)
    of_xy, of_weights = torch.empty_like(xy), torch.empty_like(weights)
    launch(_sum_gradient_kernel)[(triton.cdiv(b * queries, _QUERIES), heads)](
        values, xy, weights, planes, gradient, of_values, of_xy, of_weights, b * queries, queries, cells,
        heads, channels, points, border, _QUERIES, triton.next_power_of_2(channels),
    )  # fmt: skip
    return of_values, of_xy, of_weights


def _keep(ctx, inputs, output):
    *tensors, ctx.border = inputs
    ctx.save_for_backward(*tensors)


def _backward(gradients, ctx, gradient):
    values, *others = ctx.saved_tensors
    of_values, of_xy, of_weights = gradients(gradient.contiguous(), values, *others, ctx.border)
    return of_values.to(values.dtype), of_xy, of_weights, None, None


@triton_op("videotx::sample_points", mutates_args=())
def _traced_sum(values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool) -> Tensor:
    return _sum(wrap_triton, values, xy, weights, planes, border)


@triton_op("videotx::sample_points_gradient", mutates_args=())
def _traced_gradients(
    gradient: Tensor, values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return _gradients(wrap_triton, gradient, values, xy, weights, planes, border)


_traced_sum.register_autograd(partial(_backward, _traced_gradients), setup_context=_keep)


def _directly(kernel):
    return kernel


class _SamplePoints(torch.autograd.Function):
    """The same without torch's dispatcher, which an operator passes many times: a quarter of a millisecond a call."""

    @staticmethod
    def forward(ctx, *inputs):
        _keep(ctx, inputs, None)
        return _sum(_directly, *inputs)

    @staticmethod
    def backward(ctx, gradient):
        return _backward(partial(_gradients, _directly), ctx, gradient)


def sample_points(values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool) -> Tensor:
    """Weighted sums (b, queries, heads, c) of ``values`` (b, cells, heads, c), in their type.

    ``xy`` float32 (b, queries, heads, points, 2), ``weights`` float32 without the last axis; ``planes`` int32
    (queries, points, 3): first cell, rows and columns of the plane that a point lies in. All contiguous.
    """
    run = _traced_sum if torch.compiler.is_compiling() else _SamplePoints.apply
    found: Tensor = run(values, xy, weights, planes, border)
    return found
