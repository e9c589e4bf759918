"""The values that leave a reader: one :class:`CodedFrame` per displayed picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from videotx.extract.picture import Picture
    from videotx.extract.residual import Residual

REF_NONE: Final = 0
"""This list is not used by the block (or the block is intra)."""

REF_UNKNOWN: Final = -128
"""The block may well have motion, but what it is cannot be known; its vector is stored as zero and means nothing."""

# Comparing an array's type with a dtype is quick, with a scalar type it is not.
_MV_TYPE: Final = np.dtype(np.int16)
_REF_TYPE: Final = np.dtype(np.int8)

PictureType = Literal["I", "P", "B", "S"]


@dataclass(frozen=True, slots=True)
class MotionField:
    """Block motion of one picture.

    ``mv`` is int16 ``(list, row, column, xy)`` in quarter luma samples, from the block to its source. ``ref`` is int8
    ``(list, row, column)``: the signed distance in display-order frames to the picture the vector points into, with
    :data:`REF_NONE` and :data:`REF_UNKNOWN` as the two values that are no distance. The grid has ``block`` x ``block``
    luma samples per cell and covers the native picture: ``ceil(height / block)`` x ``ceil(width / block)`` cells, each
    holding the vector of the block that covers the cell's top-left sample. Where macroblocks are predicted by field,
    two blocks share its lines: docs/interlaced.md says what the cell holds then. ``exact`` says whether every known
    vector and reference is what the encoder wrote, rather than an assumption or a mean.
    """

    mv: npt.NDArray[np.int16]
    ref: npt.NDArray[np.int8]
    block: int
    exact: bool

    def __post_init__(self) -> None:
        if self.mv.dtype != _MV_TYPE or self.ref.dtype != _REF_TYPE:
            raise TypeError(f"expected mv int16 and ref int8, got {self.mv.dtype} and {self.ref.dtype}")
        cells = self.ref.shape
        if len(cells) != 3 or cells[0] != 2 or self.mv.shape != (*cells, 2):
            raise ValueError(
                f"expected mv (2, rows, columns, 2) and ref (2, rows, columns), got {self.mv.shape} and {cells}"
            )

    def __repr__(self) -> str:
        rows, columns = self.ref.shape[1:]
        return f"MotionField({rows}x{columns} blocks of {self.block}, exact={self.exact})"


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """One displayed picture with what the bitstream says about it. Streams that were not asked for are None.

    ``index`` is the position in display order from 0, ``pts`` the container's time stamp in units of the time base
    (None where it has none), ``seconds`` the time since the start of the stream (strictly increasing, derived from the
    frame rate where stamps are missing), ``num_bytes`` the size of the coded picture. ``qp`` is int8 per macroblock,
    ``(ceil(height / 16), ceil(width / 16))``, QP_Y of H.264, quantiser_scale of MPEG-4; of two field macroblocks on the
    same lines, that of the top field stands above. ``damaged`` marks a picture
    in which the reader met an error. ``picture`` holds decoded pixels and converts them only when asked.
    """

    index: int
    pts: int | None
    seconds: float
    picture_type: PictureType
    key_frame: bool
    num_bytes: int
    damaged: bool
    motion: MotionField | None
    qp: npt.NDArray[np.int8] | None
    residual: Residual | None
    picture: Picture | None

    @property
    def rgb(self) -> npt.NDArray[np.uint8] | None:
        """Decoded RGB uint8 ``(y, x, channel)`` at native size, or None where RGB was not asked for."""
        return None if self.picture is None else self.picture.rgb()

    def __repr__(self) -> str:
        parts = [f"{self.index}", self.picture_type, f"{self.seconds:.3f}s", f"{self.num_bytes} bytes"]
        for name in ("motion", "qp", "residual", "picture"):
            if getattr(self, name) is not None:
                parts.append(name)
        return f"CodedFrame({', '.join(parts)})"
