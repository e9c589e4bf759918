"""The two attentions of DVT: along the motion (D-ST-A) and over resolutions of the frame (D-MS-A).

Neither has keys: positions and weights are both predicted by linear maps, and only values are looked up. Cost grows
with the number of points, and never with the square of the number of tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from videotx.models.deformable import Outside, Planes, at_least_float32, cell_positions, sample
from videotx.models.motion_embedding import Steering, other_frames
from videotx.models.points import Normalised, PointPredictor, Points
from videotx.models.pyramid import Pyramid


class Places(NamedTuple):
    """What all blocks need to know of the patches of a grid, made once for a clip.

    ``own`` (h, w, planes, 2): the place of every patch in each plane that it looks into, as (x, y) in cells of that
    plane. ``planes``: the plane of every point of every patch.
    """

    own: Tensor
    planes: Planes


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
        self.outside: Outside = outside
        self.value = nn.Linear(dim, dim)
        # The query knows its frame but not the other one, so its part is the same for all of them.
        self.predictor = PointPredictor(
            dim, num_heads, 1, num_points, spread=spread, max_offset=max_offset, normalised=normalised
        )
        self.motion = nn.Linear(motion_dim, num_heads * num_points * 3, bias=False)
        self.motion_value = nn.Linear(motion_dim, dim, bias=False) if motion_in_values else None

    def start(self) -> None:
        """Let the motion embedding say nothing yet: the displacement itself already points the way."""
        nn.init.zeros_(self.motion.weight)

    def places(self, h: int, w: int, like: Tensor) -> Places:
        """Those of a grid of h x w patches, on the device of ``like``."""
        n = self.subclip_frames
        first = torch.tensor(other_frames(n, n), device=like.device).int() * (h * w)  # t k
        size = torch.tensor([h, w], device=like.device).int()
        planes = torch.cat([first.unsqueeze(-1), size.expand(n, n - 1, 2)], dim=-1)
        planes = planes.repeat_interleave(self.predictor.num_points, dim=1).view(n, 1, 1, 1, -1, 3)  # t 1 1 1 (k n) 3
        own = cell_positions(h, w, like=at_least_float32(like)).unsqueeze(2)
        return Places(own.expand(h, w, n - 1, 2), Planes(planes.expand(n, h, w, 1, -1, 3).contiguous()))

    def forward(self, x: Tensor, steering: Steering, places: Places) -> Tensor:
        """What each token (b, t, h, w, d) finds at its points."""
        b, t, h, w, d = x.shape
        n = self.subclip_frames
        points = self.points(x, steering, places)
        xy = points.xy.flatten(-3, -2).reshape(-1, n, h, w, self.num_heads, (n - 1) * points.xy.shape[-2], 2)
        values = self.value(x).reshape(-1, n * h * w, self.num_heads, d // self.num_heads)
        weights = points.weights.flatten(-2).reshape(xy.shape[:-1])
        out = sample(values, xy, weights, places.planes, outside=self.outside)
        out = out.view(b, t, h, w, d)
        if self.motion_value is None:
            return out
        # The weighted mean of a linear map is the map of the weighted mean: m is averaged before it is mapped.
        mean = points.weights.sum(-1).to(steering.embedding.dtype) @ steering.embedding  # b t h w heads m
        matrix = self.motion_value.weight.view(self.num_heads, -1, mean.shape[-1])  # heads c m
        return out + torch.einsum("...hm,hcm->...hc", mean, matrix).flatten(-2)

    def points(self, x: Tensor, steering: Steering, places: Places) -> Points:
        """Where each token looks and with which weights."""
        points: Points = self.predictor(x, places.own + steering.base, self.motion(steering.embedding))
        return points


class MultiScaleDeformable(nn.Module):
    """D-MS-A: from every patch to ``num_points`` predicted places in each of several resolutions of its own frame.

    The resolutions are `videotx.models.pyramid`, ``strides`` patches apart.
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
        self.outside: Outside = outside
        self.value = nn.Linear(dim, dim)
        self.scales = Pyramid(dim, strides)
        self.predictor = PointPredictor(dim, num_heads, len(strides), num_points, spread=spread, max_offset=max_offset)

    def places(self, h: int, w: int, like: Tensor) -> Places:
        """Those of a grid of h x w patches, on the device of ``like``."""
        sizes = self.scales.sizes(h, w)
        first = [sum(rows * columns for rows, columns in sizes[:i]) for i in range(len(sizes))]
        planes = torch.tensor([(start, *size) for start, size in zip(first, sizes, strict=True)], device=like.device)
        planes = planes.int().repeat_interleave(self.predictor.num_points, dim=0)
        own = cell_positions(h, w, like=at_least_float32(like)).unsqueeze(2)
        own = (own + 0.5) / own.new_tensor(self.scales.strides).unsqueeze(-1) - 0.5
        return Places(own, Planes(planes.expand(h, w, 1, -1, 3).contiguous()))

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """What each token (b, t, h, w, d) finds at its points."""
        b, t, h, w, d = x.shape
        points = self.points(x, places)
        cells = self.scales(self.value(x))
        out = sample(
            cells.reshape(b * t, -1, self.num_heads, d // self.num_heads),
            points.xy.flatten(-3, -2).flatten(0, 1),
            points.weights.flatten(-2).flatten(0, 1),
            places.planes,
            outside=self.outside,
        )
        return out.view(b, t, h, w, d)

    def points(self, x: Tensor, places: Places) -> Points:
        """Where each token looks, in cells of each resolution, and with which weights."""
        points: Points = self.predictor(x, places.own)
        return points
