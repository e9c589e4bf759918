"""Which part of the native picture a clip shows, at what size: one value that RGB, motion and positions all follow.

Positions are continuous: sample ``i`` covers ``[i, i + 1)``, x to the right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Region(NamedTuple):
    """A part of a picture, in whole pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a picture, shown at ``out_height`` x ``out_width`` pixels, mirrored left to right if ``flip``.

    ``left``, ``top``, ``width`` and ``height`` are in samples of the ``frame_width`` x ``frame_height`` picture and may
    be fractions.
    """

    frame_height: int
    frame_width: int
    top: float
    left: float
    height: float
    width: float
    out_height: int
    out_width: int
    flip: bool = False

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.out_height, self.out_width) <= 0:
            raise ValueError(f"expected sizes above 0, got {self}")
        slack = 1e-3
        if (
            min(self.top, self.left) < -slack
            or self.top + self.height > self.frame_height + slack
            or self.left + self.width > self.frame_width + slack
        ):
            raise ValueError(f"expected a window inside {self.frame_height} x {self.frame_width}, got {self}")

    @classmethod
    def whole(cls, height: int, width: int) -> Window:
        """The picture as it is."""
        return cls(height, width, 0.0, 0.0, float(height), float(width), height, width)

    def on(self, frame_height: int, frame_width: int) -> Window:
        """The same part of the same picture stored at another size (native luma samples, say)."""
        y, x = frame_height / self.frame_height, frame_width / self.frame_width
        return Window(
            frame_height, frame_width, self.top * y, self.left * x, self.height * y, self.width * x,
            self.out_height, self.out_width, self.flip,
        )  # fmt: skip

    def region(self) -> Region:
        """Its borders as whole pixels. Raises ValueError when they are not."""
        borders = (self.top, self.left, self.height, self.width)
        region = Region(*(round(value) for value in borders))
        if any(abs(exact - whole) > 1e-3 for exact, whole in zip(borders, region, strict=True)):
            raise ValueError(f"expected a window of whole pixels, got {self}")
        return region

    @property
    def out_size(self) -> tuple[int, int]:
        """(height, width) of what is shown."""
        return self.out_height, self.out_width

    @property
    def scale(self) -> tuple[float, float]:
        """(x, y): pixels shown per sample of the picture; x is negative when mirrored."""
        x = self.out_width / self.width
        return (-x if self.flip else x, self.out_height / self.height)

    def to_frame(self, shown: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Positions ``(..., xy)`` in the shown pixels to positions in the picture."""
        x_scale, y_scale = self.scale
        origin = (self.left + self.width if self.flip else self.left, self.top)
        return np.asarray(shown / np.array([x_scale, y_scale]) + np.array(origin), np.float32)

    def to_shown(self, position: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Positions ``(..., xy)`` in the picture to positions in the shown pixels."""
        origin = (self.left + self.width if self.flip else self.left, self.top)
        return np.asarray((position - np.array(origin)) * np.array(self.scale), np.float32)

    def vectors(self, displacement: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Vectors ``(..., xy)`` of the picture in shown pixels: scaled, and with x mirrored when the window is."""
        out = np.array(displacement, np.float32)
        for axis, scale in enumerate(self.scale):  # a product with (x, y) would loop over two numbers at a time
            if scale != 1:
                out[..., axis] *= np.float32(scale)
        return out

    def patch_centres(self, patch: int) -> npt.NDArray[np.float32]:
        """Centres ``(rows, columns, xy)`` of the patches of the shown picture, as positions in the picture.

        Raises ValueError when patches of ``patch`` x ``patch`` pixels do not tile the shown picture.
        """
        if patch < 1 or self.out_height % patch or self.out_width % patch:
            raise ValueError(f"patches of {patch} do not tile {self.out_height} x {self.out_width}")
        centres = np.empty((self.out_height // patch, self.out_width // patch, 2))
        centres[..., 0] = (np.arange(centres.shape[1]) + 0.5) * patch
        centres[..., 1] = (np.arange(centres.shape[0])[:, None] + 0.5) * patch
        return self.to_frame(centres)
