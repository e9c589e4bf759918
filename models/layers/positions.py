"""Learned tables of positions, and how they adapt to clips of another size."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Grid = tuple[int, int, int]


def resize_grid(values: Tensor, grid: Grid) -> Tensor:
    """Interpolate a table (t, h, w, d) to another grid: bicubic over space, linear over time, in float32."""
    t, h, w, _ = values.shape
    resized = values.float()
    if (h, w) != grid[1:]:
        spatial = resized.permute(0, 3, 1, 2)  # t d h w
        spatial = F.interpolate(spatial, size=grid[1:], mode="bicubic", align_corners=False)
        resized = spatial.permute(0, 2, 3, 1)  # t h w d
    if t != grid[0]:
        temporal = resized.permute(1, 2, 3, 0).flatten(1, 2)  # h (w d) t
        temporal = F.interpolate(temporal, size=grid[0], mode="linear", align_corners=False)
        resized = temporal.unflatten(1, (grid[2], -1)).permute(3, 0, 1, 2)  # t h w d
    return resized.to(values.dtype)


class ResizableTable(nn.Module, ABC):
    """A module whose ``weight`` depends on the size of the clip, and can be made from that of another size."""

    weight: nn.Parameter

    @abstractmethod
    def resized_from(self, weight: Tensor, source: Self) -> Tensor:
        """The ``weight`` of ``source``, a module of the same class built for another clip, adapted to this one's."""


class PositionTable(ResizableTable):
    """One learned vector for each of ``num_prefix`` leading tokens and each place of a (t, h, w) grid, in that order.

    ``weight`` is (num_prefix + t * h * w, d). Called with the grid of a clip it returns the table for that clip,
    interpolated where the grid is not its own.
    """

    def __init__(self, grid: Grid, dim: int, *, num_prefix: int = 0, std: float = 0.02) -> None:
        super().__init__()
        self.grid = grid
        self.num_prefix = num_prefix
        self.weight = nn.Parameter(torch.empty(num_prefix + math.prod(grid), dim))
        nn.init.trunc_normal_(self.weight, std=std)

    def forward(self, grid: Grid) -> Tensor:
        """The table (num_prefix + t * h * w, d) for a clip of this grid."""
        return self.weight if grid == self.grid else _resized(self.weight, self.num_prefix, self.grid, grid)

    def resized_from(self, weight: Tensor, source: Self) -> Tensor:
        return _resized(weight, self.num_prefix, source.grid, self.grid)


def _resized(weight: Tensor, num_prefix: int, old: Grid, new: Grid) -> Tensor:
    prefix, places = weight[:num_prefix], weight[num_prefix:]
    return torch.cat([prefix, resize_grid(places.unflatten(0, old), new).flatten(0, 2)])
