"""Residual pictures, and their means over the cells that a clip's patches are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videotx.datasets import _clips
from videotx.datasets.geometry import Window

NUM_VALUES = 6
"""Of a cell: mean residual of R, G and B, then mean absolute residual of R, G and B."""


@dataclass(frozen=True, slots=True)
class ResidualPictures:
    """Residual ``(frame, y, x, 3)`` as stored: a value v means ``(v - zero) * scale`` in RGB units.

    ``first`` is the position of its first frame in the run of motion that it goes with.
    """

    stored: npt.NDArray[np.uint8] | npt.NDArray[np.int16]
    zero: int = 0
    scale: int = 1
    first: int = 0

    def __post_init__(self) -> None:
        if self.stored.ndim != 4 or self.stored.shape[3] != 3 or not self.stored.flags.c_contiguous:
            raise ValueError(f"expected a C-contiguous residual (frame, y, x, 3), got {self.stored.shape}")

    def in_rgb_units(self) -> npt.NDArray[np.int16]:
        """Signed residual, int16 ``(frame, y, x, 3)``."""
        if self.zero == 0 and self.scale == 1:
            return np.asarray(self.stored, np.int16)
        return (self.stored.astype(np.int16) - np.int16(self.zero)) * np.int16(self.scale)


@dataclass(frozen=True, slots=True)
class ResidualGrid:
    """Residual pictures cut into cells half as large as the patches of a clip, so that a point between four of them,
    weighted bilinearly, stands for one patch.

    ``x`` and ``y`` int32 are the borders of the cells in samples of the pictures. Cell (row, column) has its centre at
    native position ``(left + (column + 0.5) * cell_width, top + (row + 0.5) * cell_height)``.
    """

    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.int32]
    left: float
    top: float
    cell_width: float
    cell_height: float

    @classmethod
    def under(cls, window: Window, height: int, width: int, patch: int) -> ResidualGrid:
        """The cells of ``height`` x ``width`` pictures under patches of ``patch`` shown pixels of a native window."""
        on_pictures = window.on(height, width)
        x_scale, y_scale = on_pictures.scale
        cell_width, cell_height = 0.5 * patch / abs(x_scale), 0.5 * patch / y_scale
        x, left = _borders(on_pictures.left, cell_width, width)
        y, top = _borders(on_pictures.top, cell_height, height)
        to_x, to_y = window.frame_width / width, window.frame_height / height
        return cls(x, y, left * to_x, top * to_y, cell_width * to_x, cell_height * to_y)

    def room(self, num_frames: int) -> npt.NDArray[np.float32]:
        """Where the values of frames go."""
        return np.empty((num_frames, len(self.y) - 1, len(self.x) - 1, NUM_VALUES), np.float32)

    def reduce(self, pictures: ResidualPictures) -> ResidualCells:
        """Raises ValueError when the pictures are of another size."""
        values = self.room(len(pictures.stored))
        _clips.reduce_pictures(pictures.stored, pictures.zero, pictures.scale, self.x, self.y, values)
        return ResidualCells(values, self, pictures.first)


@dataclass(frozen=True, slots=True)
class ResidualCells:
    """``values`` float32 ``(frame, row, column, 6)`` of the cells of a grid, in RGB units; ``first`` as in
    :class:`ResidualPictures`."""

    values: npt.NDArray[np.float32]
    grid: ResidualGrid
    first: int = 0


def _borders(origin: float, cell: float, length: int) -> tuple[npt.NDArray[np.int32], float]:
    """Borders of cells along one axis, one of which is at ``origin``: from 0 to ``length``; and where the first cell
    would begin if it were whole."""
    first = origin - math.ceil(origin / cell) * cell
    inner = np.rint(first + cell * np.arange(math.ceil((length - first) / cell) + 1))
    return np.clip(inner, 0, length).astype(np.int32), first
