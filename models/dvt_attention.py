"""The two attentions of DVT: along the motion (D-ST-A) and over resolutions of the frame (D-MS-A).

Neither has keys: positions and weights are both predicted by linear maps, and only values are looked up. Cost grows
with the number of points, and never with the square of the number of tokens.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from videotx.models.deformable import Outside, Planes, at_least_float32, cell_positions, sample
from videotx.models.layers.depthwise import depthwise_conv3d
from videotx.models.motion_embedding import Steering, other_frames

Normalised = Literal["points_and_frames", "points"]
"""Weights sum to one over the points of all other frames, or per other frame (and the frames are averaged)."""


class Points(NamedTuple):
    """Where queries look: ``xy`` (b, t, h, w, heads, k, n, 2), in cells of plane k; weights lack the last axis."""

    xy: Tensor
    weights: Tensor


class PointPredictor(nn.Module):
    """Offsets (x, y) in cells and a weight logit for each of ``num_points`` points, per head and plane, from a query.

    Starts with the same points for every query: the first at offset zero, the others on a circle of radius ``spread``
    that is turned from head to head, all with the same weight. ``max_offset`` bounds an offset (by tanh).
    """

    def __init__(
        self, dim: int, num_heads: int, num_planes: int, num_points: int, *, spread: float, max_offset: float | None
    ) -> None:
        super().__init__()
        self.shape = (num_heads, num_planes, num_points, 3)
        self.max_offset = max_offset
        self.proj = nn.Linear(dim, math.prod(self.shape), bias=False)
        self.spread = nn.Parameter(_circle(num_heads, num_points, spread).unsqueeze(1).repeat(1, num_planes, 1, 1))
        self.logits = nn.Parameter(torch.zeros(self.shape[:-1]))

    def start(self) -> None:
        """Let all queries look at the same offsets."""
        nn.init.zeros_(self.proj.weight)

    def forward(self, x: Tensor, extra: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Offsets (..., heads, planes, n, 2) and logits (..., heads, planes, n) of queries (..., d), at least float32.

        ``extra`` (..., heads, planes, n, 3) is added to the projection; it may have more planes than the predictor.
        """
        predicted = self.proj(x).unflatten(-1, self.shape)
        predicted = at_least_float32(predicted if extra is None else predicted + extra)
        offsets, logits = predicted[..., :2] + self.spread, predicted[..., 2] + self.logits
        if self.max_offset is not None:
            offsets = self.max_offset * torch.tanh(offsets / self.max_offset)
        return offsets, logits


def _circle(num_heads: int, num_points: int, radius: float) -> Tensor:
    """The centre and ``num_points`` - 1 places around it (heads, n, 2), each head's turned a little further."""
    around = max(num_points - 1, 1)
    turn = torch.arange(num_heads).unsqueeze(1) / num_heads
    angle = 2 * math.pi * (torch.arange(num_points) + turn) / around
    places = radius * torch.stack([angle.cos(), angle.sin()], dim=-1)
    places[:, 0] = 0
    return places


class SpaceTimeDeformable(nn.Module):
    """D-ST-A: from every patch to ``num_points`` predicted places in each other frame of its sub-clip.

    A place is the patch's own, plus where its content moved, plus an offset predicted from the query and from the
    motion embedding; the weight is predicted from the same two. With ``motion_in_values`` what is found at a place is
    its value plus a linear map of the motion embedding that led there.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        subclip_frames: int,
        motion_dim: int,
        num_points: int,
        spread: float,
        max_offset: float | None,
        normalised: Normalised,
        outside: Outside,
        motion_in_values: bool,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.subclip_frames = subclip_frames
        self.normalised = normalised
        self.outside: Outside = outside
        self.value = nn.Linear(dim, dim)
        # The query knows its frame but not the other one, so its part is the same for all of them.
        self.predictor = PointPredictor(dim, num_heads, 1, num_points, spread=spread, max_offset=max_offset)
        self.motion = nn.Linear(motion_dim, num_heads * num_points * 3, bias=False)
        self.motion_value = nn.Linear(motion_dim, dim, bias=False) if motion_in_values else None

    def start(self) -> None:
        """Let the motion embedding say nothing yet: the displacement itself already points the way."""
        nn.init.zeros_(self.motion.weight)

    def forward(self, x: Tensor, steering: Steering) -> Tensor:
        """What each token (b, t, h, w, d) finds at its points."""
        b, t, h, w, d = x.shape
        n, k = self.subclip_frames, self.subclip_frames - 1
        points = self.points(x, steering)
        xy = points.xy.flatten(-3, -2).reshape(-1, n, h, w, self.num_heads, k * points.xy.shape[-2], 2)
        first = torch.tensor(other_frames(n, n), device=x.device) * (h * w)  # t k
        first = first.repeat_interleave(points.xy.shape[-2], dim=1).view(n, 1, 1, 1, -1)  # t 1 1 1 (k n)
        planes = Planes(first, torch.full_like(first, h), torch.full_like(first, w))
        values = self.value(x).reshape(-1, n * h * w, self.num_heads, d // self.num_heads)
        out = sample(values, xy, points.weights.flatten(-2).reshape(xy.shape[:-1]), planes, outside=self.outside)
        out = out.view(b, t, h, w, d)
        if self.motion_value is None:
            return out
        # The weighted mean of a linear map is the map of the weighted mean: m is averaged before it is mapped.
        mean = points.weights.sum(-1).to(steering.embedding.dtype) @ steering.embedding  # b t h w heads m
        matrix = self.motion_value.weight.view(self.num_heads, -1, mean.shape[-1])  # heads c m
        return out + torch.einsum("...hm,hcm->...hc", mean, matrix).flatten(-2)

    def points(self, x: Tensor, steering: Steering) -> Points:
        """Where each token looks and with which weights."""
        h, w = x.shape[2:4]
        shape = (self.num_heads, -1, 3)
        extra = self.motion(steering.embedding).unflatten(-1, shape).transpose(-4, -3)  # b t h w heads k n 3
        offsets, logits = self.predictor(x, extra)
        base = steering.base[..., None, :, None, :]  # b t h w 1 k 1 2
        own = cell_positions(h, w, like=base).view(1, 1, h, w, 1, 1, 1, 2)
        if self.normalised == "points_and_frames":
            weights = logits.flatten(-2).softmax(-1).view_as(logits)
        else:
            weights = logits.softmax(-1) / (self.subclip_frames - 1)
        return Points(own + base + offsets, weights)


class MultiScaleDeformable(nn.Module):
    """D-MS-A: from every patch to ``num_points`` predicted places in each of several resolutions of its own frame.

    The resolutions are 3-D convolutions of the values, ``strides`` apart in space: depthwise, as the linear map before
    them already mixes channels (a full 3x3x3 convolution alone would cost two blocks). They start as averages over
    stride x stride patches.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        strides: tuple[int, ...],
        num_points: int,
        spread: float,
        max_offset: float | None,
        outside: Outside,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.strides = strides
        self.outside: Outside = outside
        self.value = nn.Linear(dim, dim)
        self.scales = nn.ModuleList(Scale(dim, stride) for stride in strides)
        self.predictor = PointPredictor(dim, num_heads, len(strides), num_points, spread=spread, max_offset=max_offset)

    def forward(self, x: Tensor) -> Tensor:
        """What each token (b, t, h, w, d) finds at its points."""
        b, t, h, w, d = x.shape
        points = self.points(x)
        num_points = points.xy.shape[-2]
        values = self.value(x).permute(0, 4, 1, 2, 3)  # b d t h w
        pyramid, sizes = [], []
        for scale, stride in zip(self.scales, self.strides, strict=True):
            # Cells at the end that the stride cuts are filled up, so that every patch is in some cell.
            padded = nn.functional.pad(values, (0, -w % stride, 0, -h % stride))
            coarse = scale(padded)
            sizes.append((coarse.shape[3], coarse.shape[4]))
            pyramid.append(coarse.permute(0, 2, 3, 4, 1).flatten(2, 3))  # b t cells d
        cells = torch.cat(pyramid, dim=2).reshape(b * t, -1, self.num_heads, d // self.num_heads)
        out = sample(
            cells,
            points.xy.flatten(-3, -2).flatten(0, 1),
            points.weights.flatten(-2).flatten(0, 1),
            _stacked_planes(sizes, num_points, x),
            outside=self.outside,
        )
        return out.view(b, t, h, w, d)

    def points(self, x: Tensor) -> Points:
        """Where each token looks, in cells of each resolution, and with which weights."""
        h, w = x.shape[2:4]
        offsets, logits = self.predictor(x)
        weights = logits.flatten(-2).softmax(-1).view_as(logits)
        own = cell_positions(h, w, like=offsets).view(1, 1, h, w, 1, 1, 1, 2)
        stride = offsets.new_tensor(self.strides).view(-1, 1, 1)
        return Points((own + 0.5) / stride - 0.5 + offsets, weights)


class Scale(nn.Conv3d):
    """A resolution ``stride`` times coarser in space, (b, d, t, h, w) in and out."""

    def __init__(self, dim: int, stride: int) -> None:
        # Kernel stride + 2 with padding 1 puts the centre of cell i at (i + 1/2) * stride - 1/2, at every stride.
        kernel = (3, stride + 2, stride + 2)
        super().__init__(dim, dim, kernel, stride=(1, stride, stride), padding=1, groups=dim, bias=False)
        nn.init.zeros_(self.weight)
        nn.init.constant_(self.weight[:, :, 1, 1:-1, 1:-1], 1 / stride**2)

    def forward(self, values: Tensor) -> Tensor:
        return depthwise_conv3d(values, self.weight.to(values.dtype), self.stride, (1, 1, 1))


def _stacked_planes(sizes: list[tuple[int, int]], num_points: int, x: Tensor) -> Planes:
    """Planes of these sizes one after the other, for ``num_points`` points in each."""
    first = [sum(rows * columns for rows, columns in sizes[:i]) for i in range(len(sizes))]
    table = torch.tensor([(start, *size) for start, size in zip(first, sizes, strict=True)], device=x.device)
    start, rows, columns = table.repeat_interleave(num_points, dim=0).unbind(-1)
    return Planes(start, rows, columns)
