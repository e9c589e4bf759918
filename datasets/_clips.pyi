"""Pictures of shards, and the composition of block motion between frames (C++)."""

import numpy as np
import numpy.typing as npt

def decode_picture(
    data: bytes,
    size: tuple[int, int],
    region: tuple[int, int, int, int],
    out: npt.NDArray[np.uint8],
    plain: bool = False,
) -> None:
    """Decode the part (top, left, height, width) of a JPEG into ``out``, RGB uint8 ``(y, x, 3)``.

    Equal to what libjpeg-turbo makes of the whole picture, bit for bit; where ``out`` is of another size than the
    region, to that as :func:`resize` makes it. Raises ValueError when it is not a baseline JPEG of ``size`` (height,
    width) in 4:2:0 or 4:4:4, or ends early.
    """

def resize(
    pictures: npt.NDArray[np.uint8], region: tuple[int, int, int, int], out: npt.NDArray[np.uint8], plain: bool = False
) -> None:
    """The part (top, left, height, width) of pictures ``(frame, y, x, 3)`` into ``out``, at its size.

    Equal to what torch's antialiased bilinear ``interpolate`` makes of that part, bit for bit. Raises ValueError where
    it is not inside the pictures.
    """

def to_rgb_units(stored: npt.NDArray[np.uint8], zero: int, scale: int, out: npt.NDArray[np.int16]) -> None:
    """``(stored - zero) * scale`` of four-dimensional arrays."""

def reduce_pictures(
    pictures: npt.NDArray[np.uint8] | npt.NDArray[np.int16],
    zero: int,
    scale: int,
    x: npt.NDArray[np.int32],
    y: npt.NDArray[np.int32],
    out: npt.NDArray[np.float32],
) -> None:
    """Mean and mean absolute residual of the cells with borders ``x`` and ``y``, ``(frame, row, column, 6)``.

    A stored value v of ``pictures`` ``(frame, y, x, 3)`` means ``(v - zero) * scale``.
    """

def reduce_picture(
    data: bytes,
    size: tuple[int, int],
    scale: int,
    x: npt.NDArray[np.int32],
    y: npt.NDArray[np.int32],
    out: npt.NDArray[np.float32],
    region: tuple[int, int, int, int],
    shown: npt.NDArray[np.uint8] | None,
) -> None:
    """The same of one JPEG in 4:4:4 whose value 128 means 0, ``out`` being ``(1, row, column, 6)``; and, where
    ``shown`` is given, its part (top, left, height, width), as :func:`decode_picture` gives it."""

def trace(
    motion: npt.NDArray[np.int16],
    ref: npt.NDArray[np.int8],
    frames: npt.NDArray[np.int32],
    points: npt.NDArray[np.float32],
    *,
    block: float,
    pool: int,
    height: float,
    width: float,
    scale: tuple[float, float],
    most_filled: float,
    residual: npt.NDArray[np.float32] | None,
    first: int,
    cells: tuple[float, float, float, float],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Displacement (t, t', point, xy) times ``scale``, whether valid, filled share, residual (t, t', point, 6).

    Motion is that of ``pool`` x ``pool`` blocks, their median. Traces that cross a key frame or a cut, that leave the
    picture or that are filled by more than ``most_filled`` are not valid. ``residual`` are cells (frame, row, column,
    6), ``first`` the frame of the run that they begin with, ``cells`` (left, top, width, height) where they lie in
    native samples. Raises ValueError on shapes that do not belong together.
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
