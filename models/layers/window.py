"""Attention in shifted windows of a (t, h, w) grid of tokens, with relative positions inside them (Video Swin)."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videotx.models.layers.attention import MultiHead
from videotx.models.layers.positions import Grid, ResizableTable, resize_grid

MASKED = -100.0  # added to logits between tokens that only the cyclic shift made neighbours; the originals' value


class Windows(NamedTuple):
    """How the tokens of one stage fall into windows.

    ``window`` is the window in use, ``shift`` the cyclic shift before partitioning, ``padding`` the zeros appended to
    each axis, ``mask`` an additive float mask (windows, n, n), or None where nothing is shifted.
    """

    window: Grid
    shift: Grid
    padding: Grid
    mask: Tensor | None

    @classmethod
    def over(cls, grid: Grid, window: Grid, *, shifted: bool, like: Tensor) -> Self:
        """Windows over ``grid``; an axis not longer than the window becomes one window, and is not shifted."""
        t, h, w = (min(g, n) for g, n in zip(grid, window, strict=True))
        dt, dh, dw = (n // 2 if shifted and g > n else 0 for g, n in zip(grid, window, strict=True))
        pt, ph, pw = (-g % n for g, n in zip(grid, (t, h, w), strict=True))
        padded = (grid[0] + pt, grid[1] + ph, grid[2] + pw)
        mask = _shift_mask(padded, (t, h, w), (dt, dh, dw), like) if dt or dh or dw else None
        return cls((t, h, w), (dt, dh, dw), (pt, ph, pw), mask)


def partition(x: Tensor, window: Grid) -> Tensor:
    """Cut (b, t, h, w, d) into windows: (b * windows, tokens of a window, d)."""
    t, h, w = window
    boxes: Tensor = x.unflatten(3, (-1, w)).unflatten(2, (-1, h)).unflatten(1, (-1, t))  # b nt t nh h nw w d
    return boxes.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(0, 3)


def unpartition(windows: Tensor, window: Grid, grid: Grid) -> Tensor:
    """Undo `partition`: back to (b, t, h, w, d) of this (padded) grid."""
    counts = [g // n for g, n in zip(grid, window, strict=True)]
    boxes: Tensor = windows.unflatten(1, window).unflatten(0, (-1, *counts))  # b nt nh nw t h w d
    return boxes.permute(0, 1, 4, 2, 5, 3, 6, 7).flatten(5, 6).flatten(3, 4).flatten(1, 2)


def _shift_mask(grid: Grid, window: Grid, shift: Grid, like: Tensor) -> Tensor:
    """Mask (windows, n, n): after a cyclic shift, tokens that come from opposite ends of an axis must not meet."""
    region = torch.zeros(1, 1, 1, device=like.device, dtype=torch.long)
    for axis, (size, length, by) in enumerate(zip(grid, window, shift, strict=True)):
        place = torch.arange(size, device=like.device)
        # The last window of a shifted axis holds its last tokens and, behind them, the first ones, wrapped around.
        part = (place >= size - length).long() + (place >= size - by).long() if by else torch.zeros_like(place)
        region = region * 3 + part.view([-1 if a == axis else 1 for a in range(3)])
    regions = partition(region[None, ..., None], window)  # windows n 1
    return (regions != regions.transpose(1, 2)).to(like.dtype) * MASKED


class WindowPositionBias(ResizableTable):
    """A learned number per head for every offset between two places of a window.

    ``weight`` is ((2t-1)(2h-1)(2w-1), heads) of the native window. A smaller window uses the entries of the offsets it
    has.

    With ``truncate``, a smaller window reads the upper left corner of the native window's n x n matrix instead, as the
    original does: the same where the window is shorter in time only, offsets of other places where it is smaller in
    space. Only for weights that were trained, or results to be repeated, at such a size.
    """

    def __init__(self, window: Grid, num_heads: int, *, truncate: bool = False) -> None:
        super().__init__()
        self.window = window
        self.truncate = truncate
        self.weight = nn.Parameter(torch.empty(math.prod(self._offsets(window)), num_heads))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, window: Grid) -> Tensor:
        """The bias (heads, n, n) among the n places of a window not larger than the native one."""
        if self.truncate:
            n = math.prod(window)
            return self._bias(self.window)[:, :n, :n]
        return self._bias(window)

    def _bias(self, window: Grid) -> Tensor:
        table: Tensor = self.weight.unflatten(0, self._offsets(self.window))  # 2t-1 2h-1 2w-1 heads
        for axis, (native, size) in enumerate(zip(self.window, window, strict=True)):
            # Entry i + j of the offsets -size + 1 ... size - 1; with j = size - 1 - key (flipped below) it is i - key.
            table = table.narrow(axis, native - size, 2 * size - 1).unfold(axis, size, 1)
        bias = table.permute(3, 0, 1, 2, 4, 5, 6).flip(4, 5, 6)  # heads t h w t' h' w'
        return bias.flatten(4, 6).flatten(1, 3)

    def resized_from(self, weight: Tensor, source: Self) -> Tensor:
        """Of another window: interpolated (bicubic in space, linear in time), which repeats a 2-D table over time."""
        table: Tensor = weight.unflatten(0, self._offsets(source.window))
        return resize_grid(table, self._offsets(self.window)).flatten(0, 2)

    @staticmethod
    def _offsets(window: Grid) -> Grid:
        t, h, w = window
        return 2 * t - 1, 2 * h - 1, 2 * w - 1


class WindowAttention(MultiHead):
    """Attention inside the (``shifted``) windows of a (b, t, h, w, d) grid of tokens, with `WindowPositionBias`.

    In the originals' order: zeros appended, shifted, partitioned. Appended tokens are not masked, so they take part
    (with the bias of the projection as their key and value) in the windows at the end of an axis.
    """

    def __init__(
        self, dim: int, num_heads: int, window: Grid, *, shifted: bool, dropout: float = 0.0, truncate: bool = False
    ) -> None:
        super().__init__(dim, num_heads, dropout=dropout)
        self.shifted = shifted
        self.position_bias = WindowPositionBias(window, num_heads, truncate=truncate)

    def forward(self, x: Tensor, windows: tuple[Windows, Windows]) -> Tensor:
        """``windows``: how the grid is cut without and with a shift; the same for all blocks of a stage."""
        cut = windows[self.shifted]
        b, t, h, w, _ = x.shape
        pt, ph, pw = cut.padding
        if pt or ph or pw:
            x = F.pad(x, (0, 0, 0, pw, 0, ph, 0, pt))
        if cut.mask is not None:
            x = x.roll([-s for s in cut.shift], (1, 2, 3))
        tokens = partition(x, cut.window)  # (b windows) n d
        q, k, v = self.project(tokens)
        tokens = self.merge(self.attend(q, k, v, self._mask(cut, b)))
        x = unpartition(tokens, cut.window, (t + pt, h + ph, w + pw))
        if cut.mask is not None:
            x = x.roll(cut.shift, (1, 2, 3))
        return x[:, :t, :h, :w]

    def _mask(self, cut: Windows, batch: int) -> Tensor:
        bias: Tensor = self.position_bias(cut.window)[None]  # 1 heads n n
        if cut.mask is None:
            return bias
        per_window = bias + cut.mask[:, None]  # windows heads n n
        return per_window.expand(batch, -1, -1, -1, -1).flatten(0, 1)
