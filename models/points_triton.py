"""From what a query predicts to its points, on a GPU: one kernel forward, one backward (Triton).

A point is three predicted numbers; bounding, moving and weighing them one operation at a time would read and write all
of them a dozen times.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_GROUPS = 16  # (query, head) pairs of a program


@triton.jit
def _point_indices(groups, heads, planes, points, group, block_groups: tl.constexpr, block_points: tl.constexpr,
                   block_planes: tl.constexpr):  # fmt: skip
    """Of the tile (groups, planes, points): query, head, plane, point, which planes exist and which points do."""
    plane = tl.arange(0, block_planes)[None, :, None]
    point = tl.arange(0, block_points)[None, None, :]
    group = (group * block_groups + tl.arange(0, block_groups))[:, None, None]
    there = (group < groups) & (plane < planes)
    return group // heads, group % heads, plane, point, there, there & (point < points)


@triton.jit
def _tanh(x):
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def _place_kernel(
    predicted, extra, bias, anchor, xy, weights, groups, anchors, max_offset,
    heads: tl.constexpr, planes: tl.constexpr, points: tl.constexpr, bounded: tl.constexpr, joint: tl.constexpr,
    block_groups: tl.constexpr, block_planes: tl.constexpr, block_points: tl.constexpr,
):  # fmt: skip
    query, head, plane, point, there, known = _point_indices(
        groups, heads, planes, points, tl.program_id(0), block_groups, block_points, block_planes
    )
    query = query.to(tl.int64)
    at = ((query * heads + head) * planes + plane) * points + point
    if extra is None:
        own = ((head * planes + plane) * points + point) * 3
        from_query = at * 3
    else:
        own = (head * points + point) * 3
        from_query = ((query * heads + head) * points + point) * 3
    x = tl.load(predicted + from_query, known, 0.0).to(tl.float32) + tl.load(bias + own, known, 0.0)
    y = tl.load(predicted + from_query + 1, known, 0.0).to(tl.float32) + tl.load(bias + own + 1, known, 0.0)
    logit = tl.load(predicted + from_query + 2, known, 0.0).to(tl.float32) + tl.load(bias + own + 2, known, 0.0)
    if extra is not None:
        from_extra = (((query * planes + plane) * heads + head) * points + point) * 3
        x += tl.load(extra + from_extra, known, 0.0).to(tl.float32)
        y += tl.load(extra + from_extra + 1, known, 0.0).to(tl.float32)
        logit += tl.load(extra + from_extra + 2, known, 0.0).to(tl.float32)
    if bounded:
        x = max_offset * _tanh(x / max_offset)
        y = max_offset * _tanh(y / max_offset)
    start = ((query % anchors) * planes + plane) * 2
    tl.store(xy + 2 * at, x + tl.load(anchor + start, there, 0.0), known)
    tl.store(xy + 2 * at + 1, y + tl.load(anchor + start + 1, there, 0.0), known)
    logit = tl.where(known, logit, -float("inf"))
    highest = tl.max(logit, 2, keep_dims=True)
    if joint:
        highest = tl.max(highest, 1, keep_dims=True)
    weight = tl.where(known, tl.exp(logit - highest), 0.0)
    total = tl.sum(weight, 2, keep_dims=True)
    if joint:
        total = tl.sum(total, 1, keep_dims=True)
    else:
        total *= planes
    tl.store(weights + at, weight / total, known)


@triton.jit
def _place_gradient_kernel(
    xy_gradient, weight_gradient, xy, weights, anchor, of_predicted, groups, anchors, max_offset,
    heads: tl.constexpr, planes: tl.constexpr, points: tl.constexpr, bounded: tl.constexpr, joint: tl.constexpr,
    planes_first: tl.constexpr,
    block_groups: tl.constexpr, block_planes: tl.constexpr, block_points: tl.constexpr,
):  # fmt: skip
    query, head, plane, point, there, known = _point_indices(
        groups, heads, planes, points, tl.program_id(0), block_groups, block_points, block_planes
    )
    query = query.to(tl.int64)
    at = ((query * heads + head) * planes + plane) * points + point
    of_x = tl.load(xy_gradient + 2 * at, known, 0.0)
    of_y = tl.load(xy_gradient + 2 * at + 1, known, 0.0)
    if bounded:
        start = ((query % anchors) * planes + plane) * 2
        x = (tl.load(xy + 2 * at, known, 0.0) - tl.load(anchor + start, there, 0.0)) / max_offset
        y = (tl.load(xy + 2 * at + 1, known, 0.0) - tl.load(anchor + start + 1, there, 0.0)) / max_offset
        of_x *= 1 - x * x
        of_y *= 1 - y * y
    weight = tl.load(weights + at, known, 0.0)
    of_weight = tl.load(weight_gradient + at, known, 0.0)
    mean = tl.sum(weight * of_weight, 2, keep_dims=True)
    if joint:
        mean = tl.sum(mean, 1, keep_dims=True)
    else:
        mean *= planes
    to = ((query * planes + plane) * heads + head) * points + point if planes_first else at
    tl.store(of_predicted + 3 * to, of_x, known)
    tl.store(of_predicted + 3 * to + 1, of_y, known)
    tl.store(of_predicted + 3 * to + 2, weight * (of_weight - mean), known)


def _blocks(planes: int, points: int) -> tuple[int, int, int]:
    return _GROUPS, triton.next_power_of_2(planes), triton.next_power_of_2(points)


class _PlacePoints(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, predicted: Tensor, extra: Tensor | None, bias: Tensor, anchor: Tensor, max_offset: float, joint: bool
    ) -> tuple[Tensor, Tensor]:
        (heads, _, points, _), planes, queries = bias.shape, anchor.shape[1], len(predicted)
        xy = predicted.new_empty(queries, heads, planes, points, 2, dtype=torch.float32)
        weights = predicted.new_empty(queries, heads, planes, points, dtype=torch.float32)
        _place_kernel[(triton.cdiv(queries * heads, _GROUPS),)](
            predicted, extra, bias, anchor, xy, weights, queries * heads, len(anchor), max_offset,
            heads, planes, points, max_offset > 0, joint, *_blocks(planes, points),
        )  # fmt: skip
        ctx.save_for_backward(xy, weights, anchor)
        ctx.max_offset, ctx.joint = max_offset, joint
        ctx.dtype, ctx.extra_dtype = predicted.dtype, None if extra is None else extra.dtype
        return xy, weights

    @staticmethod
    def backward(ctx, xy_gradient: Tensor, weight_gradient: Tensor) -> tuple[Tensor | None, ...]:
        xy, weights, anchor = ctx.saved_tensors
        queries, heads, planes, points = weights.shape
        shared = ctx.extra_dtype is not None
        xy_gradient, weight_gradient = xy_gradient.contiguous(), weight_gradient.contiguous()
        found = weights.new_empty(
            (queries, planes, heads, points, 3) if shared else (queries, heads, planes, points, 3)
        )
        _place_gradient_kernel[(triton.cdiv(queries * heads, _GROUPS),)](
            xy_gradient, weight_gradient, xy, weights, anchor, found, queries * heads, len(anchor), ctx.max_offset,
            heads, planes, points, ctx.max_offset > 0, ctx.joint, shared, *_blocks(planes, points),
        )  # fmt: skip
        of_anchor = None
        if ctx.needs_input_grad[3]:
            of_anchor = xy_gradient.sum((1, 3)).unflatten(0, (-1, len(anchor))).sum(0)
        if not shared:
            return found.flatten(1).to(ctx.dtype), None, found.sum(0), of_anchor, None, None
        of_predicted = found.flatten(2).sum(1)
        of_bias = of_predicted.sum(0).view(heads, 1, points, 3)
        return of_predicted.to(ctx.dtype), found.flatten(2).to(ctx.extra_dtype), of_bias, of_anchor, None, None


def place_points(
    predicted: Tensor, extra: Tensor | None, bias: Tensor, anchor: Tensor, max_offset: float, joint: bool
) -> tuple[Tensor, Tensor]:
    """Positions (queries, heads, planes, n, 2) and weights of points, float32; all that is given is contiguous.

    ``predicted`` (queries, heads * planes * n * 3): x, y and logit of each point. With ``extra`` (queries, planes,
    heads * n * 3), added to it, it has no axis of planes and serves all of them, as ``bias`` does, float32 (heads,
    planes, n, 3). ``anchor`` float32 (anchors, planes, 2) is used again and again by as many queries. A ``max_offset``
    of 0 bounds nothing. Weights sum to 1 over all planes (``joint``), or over each to a share of it.
    """
    found: tuple[Tensor, Tensor] = _PlacePoints.apply(predicted, extra, bias, anchor, max_offset, joint)
    return found
