"""`videotx.models.deformable.sample` on a CPU: one pass forward, one backward, in C++ (``models/csrc``).

A point's corners, shares and slopes are computed where they are used and never stored. As a table of rows the same sum
is written and read several times over, and its gradient sorts all rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from videotx.models import _sampling


@torch.library.custom_op("videotx::sample_points_cpu", mutates_args=(), device_types="cpu")
def sample_points_cpu(values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool) -> Tensor:
    """Weighted sums (b, queries, heads, c) of ``values`` (b, cells, heads, c).

    ``xy`` (b, queries, heads, points, 2) and ``weights``, without the last axis, are of the values' type, float32 or
    float64; ``planes`` int32 (queries, points, 3): first cell, rows and columns of the plane that a point lies in. All
    contiguous. Raises ValueError for a plane that is not within the cells.
    """
    out = _out_like(values, xy)
    _sampling.sum_points(values, xy, weights, planes, border, torch.get_num_threads(), out)
    return out


@sample_points_cpu.register_fake
def _out_of(values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool) -> Tensor:
    return _out_like(values, xy)


def _out_like(values: Tensor, xy: Tensor) -> Tensor:
    return values.new_empty(values.shape[0], xy.shape[1], *values.shape[2:])


@torch.library.custom_op("videotx::sample_points_cpu_backward", mutates_args=(), device_types="cpu")
def _sample_points_cpu_backward(
    gradient: Tensor, values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the values, positions and weights of `sample_points_cpu`."""
    of = torch.zeros_like(values), torch.empty_like(xy), torch.empty_like(weights)
    _sampling.sum_points_backward(gradient, values, xy, weights, planes, border, torch.get_num_threads(), *of)
    return of


@_sample_points_cpu_backward.register_fake
def _gradients_of(
    gradient: Tensor, values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(values), torch.empty_like(xy), torch.empty_like(weights)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.border = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    of = _sample_points_cpu_backward(gradient.contiguous(), *ctx.saved_tensors, ctx.border)
    return *of, None, None


sample_points_cpu.register_autograd(_backward, setup_context=_keep)
