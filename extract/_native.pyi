"""The native part of :mod:`videotx.extract` as Python sees it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from av.buffer import Buffer

class CodedPicture:
    """One picture as the bitstream describes it, in display order. Arrays are read-only views without a copy, but for
    ``mv`` and ``ref`` of MPEG-4, which is read on 8x8 luma samples.

    Grids cover the coded, macroblock-aligned picture: 4x4 luma samples per cell for ``mv`` (qpel, block to source) and
    ``ref`` (display distance, 0 none, -128 unknown), one macroblock per cell for the rest. Residual planes are None
    unless the reader was asked for them.
    """

    @property
    def id(self) -> int: ...
    @property
    def packet(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def key(self) -> bool: ...
    @property
    def damaged(self) -> bool: ...
    @property
    def motion_unknown(self) -> bool: ...
    @property
    def field_motion(self) -> bool: ...
    @property
    def num_bits(self) -> int: ...
    @property
    def macroblock_columns(self) -> int: ...
    @property
    def macroblock_rows(self) -> int: ...
    @property
    def mv(self) -> npt.NDArray[np.int16]: ...
    @property
    def ref(self) -> npt.NDArray[np.int8]: ...
    @property
    def weights(self) -> npt.NDArray[np.int16] | None:
        """Sample prediction weights ``(8x8 row, 8x8 column, list, component, [weight, offset, log2 denominator])``."""

    # H.264 pictures with fields, None for others. The two field macroblocks that share the lines of two macroblocks
    # stand one above the other, that of the top field first: here, in `weights` and in the grids of macroblocks below.
    # The last three are filled along with the weights, and are None without.
    @property
    def field_macroblock(self) -> npt.NDArray[np.uint8] | None: ...
    @property
    def coded_mv(self) -> npt.NDArray[np.int16] | None:
        """As ``mv``, in quarter samples of the frame or field that each vector points into."""

    @property
    def coded_ref(self) -> npt.NDArray[np.int8] | None:
        """Display distance to the frame with it, which for fields may be 0."""

    @property
    def coded_structure(self) -> npt.NDArray[np.uint8] | None:
        """0 no vector, 1 into a top field, 2 into a bottom field, 3 into a frame."""

    @property
    def macroblock_class(self) -> npt.NDArray[np.uint8]: ...
    @property
    def qp(self) -> npt.NDArray[np.int8]: ...
    @property
    def macroblock_bits(self) -> npt.NDArray[np.int32]: ...
    @property
    def residual_y(self) -> npt.NDArray[np.int16] | None: ...
    @property
    def residual_cb(self) -> npt.NDArray[np.int16] | None: ...
    @property
    def residual_cr(self) -> npt.NDArray[np.int16] | None: ...
    def crop_motion(
        self,
        mv: npt.NDArray[np.int16],  # out: (2, rows, columns, 2)
        ref: npt.NDArray[np.int8],  # out: (2, rows, columns)
        block: int,
        crop_left: int,
        crop_top: int,
    ) -> None:
        """Motion of the native picture, whose top left sample lies at the crop, on a grid of ``block`` luma samples."""

    def crop_quantisers(
        self,
        qp: npt.NDArray[np.int8],  # out: (rows, columns) of macroblocks
        crop_left: int,
        crop_top: int,
    ) -> None:
        """The part of ``qp`` that covers the native picture."""

    def crop_residual(
        self, width: int, height: int, crop_left: int, crop_top: int
    ) -> tuple[npt.NDArray[np.int16] | None, npt.NDArray[np.int16] | None, npt.NDArray[np.int16] | None]:
        """Views of Y, Cb and Cr over the native picture, in luma samples. None where there is no such residual."""

# raster: libavcodec's side data to grids

def rasterise_vectors(
    side_data: Buffer | npt.NDArray[np.uint8],
    mv: npt.NDArray[np.int16],  # out: (2, rows, columns, 2), zeroed by the caller
    ref: npt.NDArray[np.int8],  # out: (2, rows, columns), zeroed by the caller
    *,
    block: int,
    crop_left: int,
    crop_top: int,
    list0: int,  # what list 0's vectors point into: a distance, or -128
    list1: int,
    field_blocks_unknown: bool,  # 16x8 blocks become unknown (MPEG-4 field prediction)
    both_unknown: bool,  # every exported block becomes unknown in both lists (MPEG-4 B-VOPs)
) -> tuple[int, int]: ...  # vectors painted, cells in which a list may be libavcodec's filler
def rasterise_quantisers(
    side_data: Buffer | npt.NDArray[np.uint8],
    qp: npt.NDArray[np.int8],  # out: (rows, columns) of macroblocks
    *,
    crop_left: int,
    crop_top: int,
    divisor: int,  # 2 for MPEG-4, which libavcodec exports doubled
) -> bool: ...  # False where the side data is of an unknown layout

# reference_order: what libavcodec's vectors point into

MAX_REORDER_FRAMES: int
"""No decoder holds back more pictures."""

class ReferenceOrder:
    """Resolves the pictures behind list 0 and list 1 from decoding and display order.

    Pictures are numbered in decoding order. Tell it of every reference picture by :meth:`coded` and of every displayed
    picture by :meth:`displayed`; :meth:`resolve` then gives a picture's two distances, or None while a reference that
    may be meant has not been displayed yet.

    With ``single`` (the stream allows one reference) both lists point into the reference decoded last: exact. Else each
    list is taken to point to the nearest reference in its direction (list 0 past, list 1 future) among those decoded
    before, or, where there is none, in the other direction: an assumption.
    """

    single: bool

    def __init__(self, single: bool) -> None: ...
    def coded(self, number: int, shown: bool) -> None:
        """The reference picture ``number`` was decoded; not ``shown``, it will never be displayed."""

    def displayed(self, number: int, index: int) -> None:
        """The picture ``number`` is the ``index``-th in display order."""

    def resolve(self, number: int, index: int, *, both: bool, final: bool) -> tuple[int, int] | None:
        """Distances (list 0, list 1) of the displayed picture ``number``, -128 where there is no telling.

        ``both`` asks for list 1 too. ``final`` says that nothing more will be displayed.
        """

# readers

class Mpeg4Reader:
    """Entropy-level reader of MPEG-4 Part 2 packets, packed DivX ones included, as the container delivers them.

    ``extradata`` holds the headers that the container keeps apart, ``codec_tag`` is its four-character code as a
    little-endian number. Both methods return the pictures that are complete by now, in display order: those, and as
    many, that libavcodec outputs. Damaged data marks pictures; RuntimeError names a feature that is not covered.
    """

    def __init__(self, extradata: bytes, codec_tag: int, residual: bool) -> None: ...
    def feed(self, packet: bytes, number: int) -> list[CodedPicture]:
        """Read a packet, the ``number``-th of the stream."""

    def finish(self) -> list[CodedPicture]:
        """The pictures held back. Nothing may be fed afterwards."""

def peek_vop(packet: bytes, time_bits: int, global_motion: bool) -> tuple[str, bool, int] | None:
    """Type, vop_coded and vop_rounding_type of a packet's first VOP, None where there is none.

    ``time_bits`` are those of vop_time_increment; without them (0) only the type is known.
    """

class UnsupportedH264Error(ValueError):
    """The stream uses a tool that the native reader does not read; the message names it."""

class H264Reader:
    """Entropy-level reader of H.264 packets, each one access unit.

    ``extradata`` is an avcC record or Annex B. ``residual`` asks for the residual planes, ``intra_residual`` for those
    of intra macroblocks too, ``weights`` for the sample prediction weights. Both methods return the pictures that are
    complete by now, in display order: those that libavcodec shows. Damaged data marks pictures;
    :class:`UnsupportedH264Error` names what is not covered.
    """

    def __init__(
        self, extradata: bytes, *, residual: bool = False, intra_residual: bool = False, weights: bool = False
    ) -> None: ...
    def feed(self, packet: bytes, number: int, displayed: bool = True) -> list[CodedPicture]:
        """Read a packet, the ``number``-th of the stream; its picture is shown only if ``displayed``."""

    def finish(self) -> list[CodedPicture]:
        """The pictures held back. Nothing may be fed afterwards."""

class H264Scanner:
    """Looks at parameter sets and slice headers alone."""

    def __init__(self, extradata: bytes) -> None: ...
    def feed(self, packet: bytes) -> str | None:
        """What the packet uses that :class:`H264Reader` does not read, None where it reads all of it."""

# compensate: the difference residual

def subtract_prediction(
    current: Sequence[npt.NDArray[np.uint8] | npt.NDArray[np.uint16]],  # Y alone, or Y, Cb, Cr, rows may be padded
    references: Sequence[tuple[int, Sequence[npt.NDArray[np.uint8] | npt.NDArray[np.uint16]]]],  # by ref distance
    mv: npt.NDArray[np.int16],
    ref: npt.NDArray[np.int8],
    y: npt.NDArray[np.int16],  # out, zeroed by the caller
    cb: npt.NDArray[np.int16],
    cr: npt.NDArray[np.int16],
    *,
    block: int,
    interpolation: int,  # 0 H.264, 1 MPEG-4 half sample, 2 MPEG-4 quarter sample
    rounding: int,  # MPEG-4 vop_rounding_type
    chroma_shift_x: int,
    chroma_shift_y: int,
    bit_depth: int,
) -> None: ...

# colour: samples to another colour representation, residual planes to another size too

def picture_to_jpeg(
    planes: Sequence[npt.NDArray[np.uint8]],  # Y, Cb, Cr of 4:2:0; rows may lie apart
    out: Sequence[npt.NDArray[np.uint8]],  # of the same shapes
    *,
    matrix: Sequence[float],  # 3x3, row by row, from (Y - black, Cb - 128, Cr - 128) to (Y, Cb - 128, Cr - 128)
    black: float,
) -> None: ...
def residual_to_rgb(
    y: npt.NDArray[np.int16],
    cb: npt.NDArray[np.int16],
    cr: npt.NDArray[np.int16],
    *,
    matrix: Sequence[float],  # 3x3, row by row
    out: npt.NDArray[np.int16],  # (height, width, 3)
) -> None: ...
def residual_to_planes(
    y: npt.NDArray[np.int16],
    cb: npt.NDArray[np.int16],
    cr: npt.NDArray[np.int16],
    *,
    matrix: Sequence[float],
    offset: float,
    out: npt.NDArray[np.uint8],  # (3, height, width)
) -> None: ...
