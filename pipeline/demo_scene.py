"""Pictures whose motion is known: a textured background under a moving camera, and textured discs that move over it.

Everything moves steadily, so where any pixel lies in any other frame is a formula: `Scene.follow`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

BACKGROUND_SIDE: Final = 256
DISC_TEXTURE_SIDE: Final = 128

Texture = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SteadyMotion:
    """What content does from one frame to the next: x to the right, y down, angles clockwise as seen."""

    dx_px: float = 0.0
    dy_px: float = 0.0
    zoom_percent: float = 0.0
    rotation_degrees: float = 0.0

    def scaled(self, factor: float) -> SteadyMotion:
        return SteadyMotion(*(factor * value for value in astuple(self)))

    def turned_and_scaled(self, xy: Points, num_frames: float) -> Points:
        """Where ``xy`` (..., 2), about the centre of the motion, goes in ``num_frames``, shift aside."""
        scale = (1 + self.zoom_percent / 100) ** num_frames
        angle = np.deg2rad(self.rotation_degrees) * num_frames
        x, y = xy[..., 0], xy[..., 1]
        turned = np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], axis=-1)
        return np.asarray(scale * turned, np.float64)

    def shift(self, num_frames: float) -> Points:
        """Pixels (x, y) of ``num_frames`` of shift."""
        return np.array([self.dx_px, self.dy_px]) * num_frames


@dataclass(frozen=True, slots=True)
class Disc:
    """A textured disc: its centre (x, y) from the middle of the picture and its radius at time 0."""

    x_px: float
    y_px: float
    radius_px: float


@dataclass(frozen=True, slots=True)
class Scene:
    """``discs`` over a background that moves by ``camera``; each moves by ``motion`` over the background.

    Time counts in frames and may be negative. Positions are pixels (x, y) from the middle of a picture of ``width`` x
    ``height``. The background repeats without end; what leaves the picture of a disc comes back in on the other side,
    so that where discs are says nothing about where they go. Later discs hide earlier ones.
    """

    width: int
    height: int
    camera: SteadyMotion
    motion: SteadyMotion
    discs: tuple[Disc, ...]
    background: Texture
    textures: tuple[Texture, ...]

    def __post_init__(self) -> None:
        if self.discs and (self.camera.zoom_percent or self.camera.rotation_degrees):
            raise ValueError(f"discs need a camera that only pans, got {self.camera}")
        if len(self.discs) != len(self.textures):
            raise ValueError(f"expected a texture per disc, got {len(self.textures)} for {len(self.discs)}")

    def frame(self, time: float) -> npt.NDArray[np.uint8]:
        """The picture, uint8 (height, width, 3)."""
        x = np.arange(self.width, dtype=np.float64) - (self.width - 1) / 2
        y = np.arange(self.height, dtype=np.float64)[:, None] - (self.height - 1) / 2
        xy = np.stack(np.broadcast_arrays(x, y), axis=-1)
        picture = sample(self.background, self.camera.turned_and_scaled(xy, -time) - self.camera.shift(time))
        for disc, texture in zip(self.discs, self.textures, strict=True):
            own_x, own_y = self._from_centre(disc, x, y, time)
            inside = disc.radius_px * self._size(time) + 0.5 - np.sqrt(own_x**2 + own_y**2)
            rows, columns = np.nonzero(inside > 0)
            share = np.minimum(inside[rows, columns], 1)[:, None]  # edges are covered in part
            own = np.stack([own_x[columns], own_y[rows, 0]], axis=-1)
            content = sample(texture, self.motion.turned_and_scaled(own, -time))
            picture[rows, columns] += share * (content - picture[rows, columns])
        return np.asarray(np.rint(picture), np.uint8)

    def frames(self, num_frames: int, start: float = 0.0) -> Iterator[npt.NDArray[np.uint8]]:
        for number in range(num_frames):
            yield self.frame(start + number)

    def disc_at(self, xy: Points, time: float) -> npt.NDArray[np.int64]:
        """Which disc is seen at ``xy`` (..., 2); -1 is the background."""
        seen = np.full(xy.shape[:-1], -1, np.int64)
        for number, disc in enumerate(self.discs):
            own_x, own_y = self._from_centre(disc, xy[..., 0], xy[..., 1], time)
            seen[np.hypot(own_x, own_y) < disc.radius_px * self._size(time)] = number
        return seen

    def follow(self, xy: Points, start: float, end: float) -> Points:
        """How far what is seen at ``xy`` (..., 2) at time ``start`` moves until ``end``: pixels (..., 2)."""
        steps = end - start
        moved = self.camera.turned_and_scaled(xy - self.camera.shift(start), steps) + self.camera.shift(end) - xy
        seen = self.disc_at(xy, start)
        for number, disc in enumerate(self.discs):
            own = np.stack(self._from_centre(disc, xy[..., 0], xy[..., 1], start), axis=-1)
            along = self.motion.turned_and_scaled(own, steps) - own + self._drift(steps)
            moved = np.where((seen == number)[..., None], along, moved)
        return np.asarray(moved, np.float64)

    def _size(self, time: float) -> float:
        return float((1 + self.motion.zoom_percent / 100) ** time)

    def _drift(self, time: float) -> Points:
        return self.motion.shift(time) + self.camera.shift(time)

    def _from_centre(self, disc: Disc, x: Points, y: Points, time: float) -> tuple[Points, Points]:
        """``x`` and ``y`` from the centre of the disc, or of its copy beyond an edge where that is nearer."""
        drift_x, drift_y = self._drift(time)
        away_x, away_y = x - disc.x_px - drift_x, y - disc.y_px - drift_y
        return (
            away_x - self.width * np.rint(away_x / self.width),
            away_y - self.height * np.rint(away_y / self.height),
        )


def random_texture(rng: np.random.Generator, side: int) -> Texture:
    """A coloured cloud pattern that repeats without a seam, float32 ``(side, side, 3)`` of 16 to 240."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)) * BACKGROUND_SIDE
    # Fine enough for blocks to be told apart, smooth enough to be moved by parts of a pixel.
    amplitude = np.where((frequency > 2) & (frequency < 40), 1 / np.maximum(frequency, 1), 0)
    planes = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * amplitude) for _ in range(3)]
    grey, *tints = (plane / plane.std() for plane in planes)
    rgb = np.stack([grey + 0.3 * tints[0], grey, grey + 0.3 * tints[1]], axis=-1)
    return np.asarray(np.clip(128 + 45 * rgb, 16, 240), np.float32)


def sample(texture: Texture, xy: Points) -> npt.NDArray[np.float32]:
    """Colours (..., 3) at ``xy`` (..., 2): bilinear, and repeating beyond the edges."""
    side = texture.shape[0]
    cell = np.floor(xy)
    along, down = np.moveaxis((xy - cell).astype(np.float32), -1, 0)[..., None]
    left, top = np.moveaxis(cell.astype(np.int64), -1, 0)
    rows, columns = (top % side * side, (top + 1) % side * side), (left % side, (left + 1) % side)
    table = texture.reshape(-1, 3)

    def colours(row: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        first, second = table.take(row + columns[0], axis=0), table.take(row + columns[1], axis=0)
        return np.asarray(first + along * (second - first), np.float32)

    upper, lower = colours(rows[0]), colours(rows[1])
    return np.asarray(upper + down * (lower - upper), np.float32)
