"""Composition of block motion between frames (C++)."""

import numpy as np
import numpy.typing as npt

def trace(
    motion: npt.NDArray[np.int16],
    ref: npt.NDArray[np.int8],
    frames: npt.NDArray[np.int32],
    points: npt.NDArray[np.float32],
    *,
    block: float,
    height: float,
    width: float,
    residual: npt.NDArray[np.uint8] | npt.NDArray[np.int16] | None,
    first: int,
    zero: int,
    scale: int,
    cells: tuple[float, float, float, float],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Displacement (t, t', point, xy), state (1 broken, 2 outside), filled share, residual (t, t', point, 6).

    ``first`` is the frame of the run that ``residual`` begins with, ``cells`` (origin x, origin y, width, height) the
    residual cells in samples of the residual picture; a stored residual v means ``(v - zero) * scale``. Raises
    ValueError on shapes that do not belong together.
    """

def accumulate(
    motion: npt.NDArray[np.int16],
    ref: npt.NDArray[np.int8],
    frame: int,
    *,
    height: int,
    width: int,
    block: float,
    native_height: float,
    native_width: float,
    residual: npt.NDArray[np.uint8] | npt.NDArray[np.int16] | None,
    zero: int,
    scale: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32] | None, npt.NDArray[np.int32]]:
    """Displacement (y, x, xy) to the end of each sample's reference chain, residual (y, x, 3), its frame (y, x)."""
