"""Sums of values at fractional positions on a CPU (C++). Tensors are contiguous; all but planes are of one type."""

from torch import Tensor

def sum_points(
    values: Tensor, xy: Tensor, weights: Tensor, planes: Tensor, border: bool, num_threads: int, out: Tensor
) -> None:
    """Write weighted sums of ``values`` (b, cells, heads, c) to ``out`` (b, queries, heads, c), float32 or float64.

    ``xy`` (b, queries, heads, points, 2), ``weights`` without the last axis; ``planes`` int32 (queries, points, 3):
    first cell, rows and columns of the plane that a point lies in. Raises ValueError for planes beyond the cells, or
    sizes that disagree.
    """

def sum_points_backward(
    of_out: Tensor,
    values: Tensor,
    xy: Tensor,
    weights: Tensor,
    planes: Tensor,
    border: bool,
    num_threads: int,
    of_values: Tensor,
    of_xy: Tensor,
    of_weights: Tensor,
) -> None:
    """Add the gradient of the values to ``of_values`` and write those of positions and weights.

    ``of_out`` is the gradient of what `sum_points` made of the same arguments.
    """
