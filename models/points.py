"""Points: where a query of deformable attention looks, predicted from the query itself."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from videotx.models.deformable import at_least_float32
from videotx.models.layers.gpu_kernels import HAS_TRITON, runs_kernels

if HAS_TRITON:
    from videotx.models.points_triton import place_points

Normalised = Literal["points_and_frames", "points"]
"""Weights sum to one over the points of all other frames, or per other frame (and the frames are averaged)."""


class Points(NamedTuple):
    """Where queries look: ``xy`` (..., heads, k, n, 2), in cells of plane k; weights lack the last axis."""

    xy: Tensor
    weights: Tensor


class PointPredictor(nn.Module):
    """Offsets (x, y) in cells and a weight logit for each of ``num_points`` points, per head and plane, from a query.

    Starts with the same points for every query: the first at offset zero, the others on a circle of radius ``spread``
    that is turned from head to head, all with the same weight. ``max_offset`` bounds an offset (by tanh).
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        num_planes: int,
        num_points: int,
        *,
        spread: float,
        max_offset: float | None,
        normalised: Normalised = "points_and_frames",
    ) -> None:
        super().__init__()
        self.shape = (num_heads, num_planes, num_points, 3)
        self.num_points = num_points
        self.max_offset = max_offset
        self.normalised = normalised
        self.proj = nn.Linear(dim, math.prod(self.shape), bias=False)
        self.spread = nn.Parameter(_circle(num_heads, num_points, spread).unsqueeze(1).repeat(1, num_planes, 1, 1))
        self.logits = nn.Parameter(torch.zeros(self.shape[:-1]))

    def start(self) -> None:
        """Let all queries look at the same offsets."""
        nn.init.zeros_(self.proj.weight)

    def forward(self, x: Tensor, anchor: Tensor, extra: Tensor | None = None) -> Points:
        """Points of queries ``x`` (..., d) around ``anchor`` (..., planes, 2), in the type of ``anchor``.

        ``anchor`` broadcasts to the queries from the left. ``extra`` (..., planes, heads * n * 3) is added to the
        projection; with it the predictor must have one plane, whose prediction serves all of them.
        """
        predicted = self.proj(x)
        if runs_kernels(anchor):
            return self._place_fused(predicted, anchor, extra)
        predicted = predicted.unflatten(-1, self.shape)
        if extra is not None:
            predicted = predicted + extra.unflatten(-1, (self.shape[0], *self.shape[2:])).transpose(-4, -3)
        predicted = at_least_float32(predicted)  # ... heads k n 3
        offsets, logits = predicted[..., :2] + self.spread, predicted[..., 2] + self.logits
        if self.max_offset is not None:
            offsets = self.max_offset * torch.tanh(offsets / self.max_offset)
        if self.normalised == "points_and_frames":
            weights = logits.flatten(-2).softmax(-1).view_as(logits)
        else:
            weights = logits.softmax(-1) / logits.shape[-2]
        return Points(anchor[..., None, :, None, :] + offsets, weights)

    def _place_fused(self, predicted: Tensor, anchor: Tensor, extra: Tensor | None) -> Points:
        heads, _, num_points, _ = self.shape
        planes = anchor.shape[-2]
        xy, weights = place_points(
            predicted.flatten(0, -2).contiguous(),
            None if extra is None else extra.flatten(0, -3).contiguous(),
            torch.cat([self.spread, self.logits.unsqueeze(-1)], dim=-1).float(),
            anchor.reshape(-1, planes, 2).contiguous(),
            self.max_offset or 0.0,
            self.normalised == "points_and_frames",
        )
        shape = (*predicted.shape[:-1], heads, planes, num_points)
        return Points(xy.view(*shape, 2), weights.view(shape))


def _circle(num_heads: int, num_points: int, radius: float) -> Tensor:
    """The centre and ``num_points`` - 1 places around it (heads, n, 2), each head's turned a little further."""
    around = max(num_points - 1, 1)
    turn = torch.arange(num_heads).unsqueeze(1) / num_heads
    angle = 2 * math.pi * (torch.arange(num_points) + turn) / around
    places = radius * torch.stack([angle.cos(), angle.sin()], dim=-1)
    places[:, 0] = 0
    return places
