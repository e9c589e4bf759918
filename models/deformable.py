"""Weighted sums of values at fractional positions: what deformable attention computes in place of q k^T.

Values lie in planes (frames, or resolutions of a frame) of rows x columns cells. A point is a position (x, y) in
cells of one plane, 0 at the centre of the first cell, and a weight::

    out = sum over points p of weight_p * value at (x_p, y_p), interpolated bilinearly

Four corners of P points are 4 P rows of one table with 4 P factors, so the whole sum is one `embedding_bag`: no sampled
value is ever stored, memory is that of the positions, and heads stay in the last axes where the linear layer left them.
Measured against `grid_sample` and a gather in ``benchmarks/deformable_sampling.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Outside = Literal["zeros", "border"]
"""What lies outside of a plane: nothing, or its nearest cell."""


@dataclass(frozen=True)
class Planes:
    """The plane of every point: int64 tensors that broadcast to the points.

    ``first`` is the plane's first cell among all cells of a batch element, ``rows`` and ``columns`` its size.
    """

    first: Tensor
    rows: Tensor
    columns: Tensor


def sample(values: Tensor, xy: Tensor, weights: Tensor, planes: Planes, *, outside: Outside = "zeros") -> Tensor:
    """Weighted sum over points, per query and head.

    ``values`` (b, cells, heads, c) holds the cells of all planes, row by row; ``xy`` (b, ..., heads, points, 2) and
    ``weights`` (b, ..., heads, points) hold the queries in the middle axes; returns (b, ..., heads * c). Positions need
    at least float32, whatever the type of the values; both have gradients, and so have the weights.
    """
    b, cells, heads, c = values.shape
    column, row, factors = _corners(xy, weights, planes, outside)  # b ... heads points 4
    cell = planes.first.unsqueeze(-1) + row * planes.columns.unsqueeze(-1) + column
    middle = [1] * (xy.ndim - 4)
    element = torch.arange(b, device=xy.device).view(b, *middle, 1, 1, 1)
    head = torch.arange(heads, device=xy.device).view(heads, 1, 1)
    index = (element * cells + cell) * heads + head
    out = F.embedding_bag(
        index.flatten(-2).flatten(0, -2),
        values.reshape(b * cells * heads, c),
        per_sample_weights=factors.to(values.dtype).flatten(-2).flatten(0, -2),
        mode="sum",
    )
    return out.view(*xy.shape[:-3], heads * c)


def _corners(xy: Tensor, weights: Tensor, planes: Planes, outside: Outside) -> tuple[Tensor, Tensor, Tensor]:
    """Columns, rows and factors (..., points, 4) of the cells around each point."""
    last_row, last_column = planes.rows - 1, planes.columns - 1
    x, y = xy.unbind(-1)
    if outside == "border":
        zero = x.new_zeros(())
        x, y = torch.clamp(x, zero, last_column.to(x.dtype)), torch.clamp(y, zero, last_row.to(y.dtype))
    # A point further out than one cell has no corner inside; kept near, it cannot overflow as an integer either.
    near = x.new_full((), -2.0)
    x = torch.clamp(x, near, (last_column + 2).to(x.dtype))
    y = torch.clamp(y, near, (last_row + 2).to(y.dtype))
    left, top = x.detach().floor(), y.detach().floor()
    right_part, lower_part = x - left, y - top
    left_part, upper_part = 1 - right_part, 1 - lower_part

    column, row = left.long(), top.long()
    columns = torch.stack([column, column + 1, column, column + 1], dim=-1)
    rows = torch.stack([row, row, row + 1, row + 1], dim=-1)
    shares = torch.stack(
        [left_part * upper_part, right_part * upper_part, left_part * lower_part, right_part * lower_part], dim=-1
    )
    last_row, last_column = last_row.unsqueeze(-1), last_column.unsqueeze(-1)
    inside = (columns >= 0) & (columns <= last_column) & (rows >= 0) & (rows <= last_row)
    factors = weights.unsqueeze(-1) * shares * inside
    nothing = torch.zeros_like(last_row)
    return columns.clamp(nothing, last_column), rows.clamp(nothing, last_row), factors


def cell_positions(rows: int, columns: int, like: Tensor) -> Tensor:
    """Positions (rows, columns, 2) of the cells of a plane, as (x, y), on the device and in the type of ``like``."""
    y = torch.arange(rows, device=like.device, dtype=like.dtype).view(rows, 1).expand(rows, columns)
    x = torch.arange(columns, device=like.device, dtype=like.dtype).view(1, columns).expand(rows, columns)
    return torch.stack([x, y], dim=-1)


def at_least_float32(tensor: Tensor) -> Tensor:
    """A 16-bit tensor as float32, others as they are: a bfloat16 position is off by up to a sixteenth of a cell."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
