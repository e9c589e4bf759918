"""What the bitstream adds to the prediction, as sample planes, and its maps to RGB and to what JPEG stores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from videotx.extract import _native
from videotx.extract.colour import jpeg_from_rgb, rgb_from_samples

ResidualKind = Literal["coded", "difference"]

_STORED_ZERO: Final = 128.0


@cache
def _to_jpeg(colour_matrix: str, full_range: bool, bit_depth: int) -> list[float]:
    """From samples to half of what JPEG stores, row by row."""
    matrix = jpeg_from_rgb() @ rgb_from_samples(colour_matrix, full_range, bit_depth) / 2
    # What is zero but for the rounding of floats is zero: planes that do not mix are converted one by one.
    return [0.0 if abs(entry) < 1e-12 else entry for entry in matrix.ravel().tolist()]


@dataclass(frozen=True, slots=True)
class Residual:
    """Signed residual planes of one native picture, in units of its samples.

    ``y`` is int16 ``(height, width)``; ``cb`` and ``cr`` are int16 at the stream's chroma size, empty where it has no
    chroma. ``coded`` is the inverse transform of the stream's coefficients before clipping and deblocking;
    ``difference`` is the decoded picture minus its motion-compensated reference. Intra blocks and blocks whose motion
    is unknown are zero.
    """

    kind: ResidualKind
    y: npt.NDArray[np.int16]
    cb: npt.NDArray[np.int16]
    cr: npt.NDArray[np.int16]
    colour_matrix: str
    full_range: bool
    bit_depth: int = 8

    def rgb(self, width: int | None = None, height: int | None = None) -> npt.NDArray[np.int16]:
        """Signed RGB int16 ``(height, width, 3)`` in units of 8-bit RGB, at native size or scaled (triangle filter).

        By the linear part of the stream's own matrix and range: a residual of zero is zero.
        """
        rows, columns = self._size(width, height)
        out: npt.NDArray[np.int16] = np.empty((rows, columns, 3), np.int16)
        matrix = rgb_from_samples(self.colour_matrix, self.full_range, self.bit_depth)
        _native.residual_to_rgb(self.y, self.cb, self.cr, matrix=matrix.ravel().tolist(), out=out)
        return out

    def jpeg_planes(self, width: int | None = None, height: int | None = None) -> tuple[npt.NDArray[np.uint8], ...]:
        """The picture ``rgb / 2 + 128`` as JPEG stores it: uint8 planes Y, Cb, Cr, each ``(height, width)`` (4:4:4).

        Scaled and converted in one step, with no RGB in between.
        """
        rows, columns = self._size(width, height)
        out: npt.NDArray[np.uint8] = np.empty((3, rows, columns), np.uint8)
        matrix = _to_jpeg(self.colour_matrix, self.full_range, self.bit_depth)
        _native.residual_to_planes(self.y, self.cb, self.cr, matrix=matrix, offset=_STORED_ZERO, out=out)
        return out[0], out[1], out[2]

    def _size(self, width: int | None, height: int | None) -> tuple[int, int]:
        return height or self.y.shape[0], width or self.y.shape[1]
