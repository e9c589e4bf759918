"""Weighted sums of values at fractional positions: what deformable attention computes in place of q k^T.

Values lie in planes (frames, or resolutions of a frame) of rows x columns cells. A point is a position (x, y) in
cells of one plane, 0 at the centre of the first cell, and a weight::

    out = sum over points p of weight_p * value at (x_p, y_p), interpolated bilinearly

On a CPU (`videotx.models.deformable_cpu`) and on a GPU with Triton (`videotx.models.deformable_triton`) one kernel sums
points as it computes their corners. Elsewhere four corners of P points are 4 P rows of one table with 4 P factors, so
the whole sum is one `embedding_bag`. No sampled value is ever stored, and heads stay in the last axes where the linear
layer left them. ``benchmarks/deformable_sampling.py`` measures them against `grid_sample` and a gather.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from videotx.models.deformable_cpu import sample_points_cpu
from videotx.models.layers.gpu_kernels import HAS_TRITON

if HAS_TRITON:
    from videotx.models.deformable_triton import sample_points

Outside = Literal["zeros", "border"]
"""What lies outside of a plane: nothing, or its nearest cell."""


@dataclass(frozen=True)
class Planes:
    """The plane of every point: ``table`` int32 (..., points, 3), which broadcasts to the points.

    Its numbers are the plane's first cell among all cells of a batch element, and its rows and columns.
    """

    table: Tensor


def sample(values: Tensor, xy: Tensor, weights: Tensor, planes: Planes, *, outside: Outside = "zeros") -> Tensor:
    """Weighted sum over points, per query and head.

    ``values`` (b, cells, heads, c) holds the cells of all planes, row by row; ``xy`` (b, ..., heads, points, 2) and
    ``weights`` (b, ..., heads, points) hold the queries in the middle axes; returns (b, ..., heads * c). Positions need
    at least float32, whatever the type of the values; both have gradients, and so have the weights.
    """
    if values.is_cpu:
        found = _sample_fused(values.to(xy.dtype), xy, weights, planes, outside, kernel=sample_points_cpu)
        return found.to(values.dtype)
    if HAS_TRITON and values.is_cuda and xy.dtype == torch.float32:
        return _sample_fused(values, xy, weights, planes, outside, kernel=sample_points)
    return _sample_by_table(values, xy, weights, planes, outside)


def _sample_fused(
    values: Tensor, xy: Tensor, weights: Tensor, planes: Planes, outside: Outside, *, kernel: Callable[..., Tensor]
) -> Tensor:
    queries, (heads, points) = xy.shape[1:-3], xy.shape[-3:-1]
    # The planes of a point are the same for all heads.
    table = planes.table.expand(*queries, 1, points, 3).reshape(-1, points, 3)
    out = kernel(
        values.contiguous(),
        xy.reshape(xy.shape[0], -1, heads, points, 2).contiguous(),
        weights.to(xy.dtype).reshape(xy.shape[0], -1, heads, points).contiguous(),
        table.contiguous(),
        outside == "border",
    )
    return out.view(*xy.shape[:-3], -1)


def _sample_by_table(values: Tensor, xy: Tensor, weights: Tensor, planes: Planes, outside: Outside) -> Tensor:
    b, cells, heads, c = values.shape
    kind = values.dtype
    if values.is_cuda:
        values = at_least_float32(values)  # there the gradient of factors knows no bfloat16
    x, y = xy.unbind(-1)
    first, rows, columns = planes.table.unbind(-1)
    column, across = _neighbours(x, columns, outside)  # b ... heads points 2
    row, down = _neighbours(y, rows, outside)
    factors = (weights.unsqueeze(-1) * down).unsqueeze(-1) * across.unsqueeze(-2)  # b ... heads points 2 2
    row = row * columns.to(row.dtype).unsqueeze(-1) + first.to(row.dtype).unsqueeze(-1)
    element = torch.arange(b, device=xy.device, dtype=row.dtype).view(b, *[1] * (xy.ndim - 1))
    head = torch.arange(heads, device=xy.device, dtype=row.dtype).view(heads, 1, 1)
    row = (element * cells + row) * heads + head
    index = row.unsqueeze(-1) + (column * heads).unsqueeze(-2)  # b ... heads points 2 2
    out = F.embedding_bag(
        index.flatten(-3).flatten(0, -2),
        values.reshape(b * cells * heads, c),
        per_sample_weights=factors.to(values.dtype).flatten(-3).flatten(0, -2),
        mode="sum",
    )
    return out.view(*xy.shape[:-3], heads * c).to(kind)


def _neighbours(position: Tensor, size: Tensor, outside: Outside) -> tuple[Tensor, Tensor]:
    """The two cells (..., 2) next to each position along one axis, as int32, and the share of each."""
    last = (size - 1).to(position.dtype)
    # One cell outside there is nothing left to interpolate; kept that near, a position cannot overflow as an integer.
    margin = 0 if outside == "border" else 1
    position = torch.clamp(position, torch.zeros_like(last) - margin, last + margin)
    before = position.detach().floor()
    share = position - before
    cell = torch.stack([before, before + 1], dim=-1)
    last = last.unsqueeze(-1)
    inside = (cell >= 0) & (cell <= last)
    shares = torch.stack([1 - share, share], dim=-1) * inside
    # A position that is not a number gives a share that is none either; its cell must still be one of the table's.
    return torch.clamp(cell, torch.zeros_like(last), last).nan_to_num(0.0).int(), shares


def cell_positions(rows: int, columns: int, like: Tensor) -> Tensor:
    """Positions (rows, columns, 2) of the cells of a plane, as (x, y), on the device and in the type of ``like``."""
    y = torch.arange(rows, device=like.device, dtype=like.dtype).view(rows, 1).expand(rows, columns)
    x = torch.arange(columns, device=like.device, dtype=like.dtype).view(1, columns).expand(rows, columns)
    return torch.stack([x, y], dim=-1)


def at_least_float32(tensor: Tensor) -> Tensor:
    """A 16-bit tensor as float32, others as they are: a bfloat16 position is off by up to a sixteenth of a cell."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
