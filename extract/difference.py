"""The difference residual: a decoded picture minus what its block motion predicts from decoded references.

The interpolation is the codec's own (H.264 clause 8.4.2.2; ISO/IEC 14496-2 clause 7.6.2) with the plain average of
two references. Where a stream's prediction is more than that (weighted prediction, partitions below the motion grid,
sprite warping, references assumed rather than known), the rest stays in the residual: it is what CoViAR called
residual, not what the encoder coded. Codecs repeat edge samples beyond the coded picture; here they repeat beyond as
much of it as libavcodec hands out, which lacks rows below and samples left of and above the native picture.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, cast

import av
import numpy as np
import numpy.typing as npt

from videotx.extract import _native
from videotx.extract.colour import colour_matrix_of, is_full_range
from videotx.extract.errors import UnsupportedCodecError
from videotx.extract.frame import REF_NONE, REF_UNKNOWN, MotionField
from videotx.extract.info import VideoInfo
from videotx.extract.residual import Residual

# Displayed pictures that are kept as references: those a distance may reach that any stream seen uses.
_KEPT_PICTURES: Final = 32

_H264: Final = 0
_MPEG4_HALF: Final = 1
_MPEG4_QUARTER: Final = 2

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class SamplePlanes:
    """Views of a decoded picture's planes, Y alone or Y, Cb, Cr, without a copy. They keep the frame alive.

    ``wide_planes`` go on to the right into what is cropped off there, as far as the coded picture does.
    """

    planes: tuple[Samples, ...]
    wide_planes: tuple[Samples, ...]
    chroma_shift_x: int
    chroma_shift_y: int
    bit_depth: int


def sample_planes(frame: av.VideoFrame, cropped_right: int = 0) -> SamplePlanes | None:
    """Views of the planes, or None for a pixel format that is not planar YUV, GBR or grey of up to 14 bits.

    ``cropped_right`` is the number of luma samples that the coded picture has to the right of the native one.
    """
    pixel_format = frame.format
    bits = {component.bits for component in pixel_format.components}
    num_planes = len(frame.planes)
    if len(bits) != 1 or num_planes not in (1, 3) or len(pixel_format.components) != num_planes:
        return None
    depth = bits.pop()
    if not 8 <= depth <= 14 or pixel_format.is_big_endian:
        return None
    planes: list[Samples] = []
    wide_planes: list[Samples] = []
    for plane in frame.planes:
        rows = np.frombuffer(cast("memoryview[int]", plane), np.uint8).reshape(-1, plane.line_size)
        samples: Samples = rows[: plane.height] if depth == 8 else rows[: plane.height].view(np.uint16)
        planes.append(samples[:, : plane.width])
        wide_planes.append(samples[:, : plane.width + cropped_right * plane.width // frame.width])
    shift_x = int(num_planes == 3 and frame.planes[1].width < frame.width)
    shift_y = int(num_planes == 3 and frame.planes[1].height < frame.height)
    return SamplePlanes(tuple(planes), tuple(wide_planes), shift_x, shift_y, depth)


class DifferenceResidual:
    """Makes the difference residual of one stream's pictures. Serves every reader.

    Call :meth:`displayed` for each decoded picture in display order, ahead of :meth:`residual` by as many pictures as
    motion may point into the future.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._path = info.path
        self._codec = info.codec
        self._cropped_right = info.coded_width - info.crop_left - info.width
        self._pictures: OrderedDict[int, SamplePlanes] = OrderedDict()

    def displayed(self, index: int, frame: av.VideoFrame) -> None:
        """Keep a decoded picture as a possible reference. Raises UnsupportedCodecError for its pixel format."""
        planes = sample_planes(frame, self._cropped_right)
        if planes is None:
            raise UnsupportedCodecError(
                self._path, f"expected planar samples of 8 to 14 bits for a residual, got {frame.format.name}"
            )
        self._pictures[index] = planes
        while len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)

    def residual(
        self, index: int, frame: av.VideoFrame, motion: MotionField, *, quarter_sample: bool, rounding: int
    ) -> Residual:
        """Residual of the picture ``index``; zero in cells that are intra, unknown, or refer to a picture out of reach.

        ``quarter_sample`` and ``rounding`` (vop_rounding_type) matter to MPEG-4 alone.
        """
        current = self._pictures[index]
        y, cb, cr = _zeros(current)
        references = [
            (distance, list(self._pictures[index + distance].wide_planes))
            for distance in np.unique(motion.ref).tolist()
            if distance not in (REF_NONE, REF_UNKNOWN) and index + distance in self._pictures
        ]
        if references:
            interpolation = _H264
            if self._codec == "mpeg4":
                interpolation = _MPEG4_QUARTER if quarter_sample else _MPEG4_HALF
            _native.subtract_prediction(
                list(current.planes),
                references,
                motion.mv,
                motion.ref,
                y,
                cb,
                cr,
                block=motion.block,
                interpolation=interpolation,
                rounding=rounding,
                chroma_shift_x=current.chroma_shift_x,
                chroma_shift_y=current.chroma_shift_y,
                bit_depth=current.bit_depth,
            )
        return Residual(
            "difference",
            y,
            cb,
            cr,
            colour_matrix_of(frame.colorspace, frame.format.name),
            is_full_range(frame.color_range, frame.format.name),
            current.bit_depth,
        )


def _zeros(current: SamplePlanes) -> tuple[npt.NDArray[np.int16], ...]:
    shapes = [plane.shape for plane in current.planes] + [(0, 0)] * (3 - len(current.planes))
    return tuple(np.zeros(shape, np.int16) for shape in shapes)
