"""Decoded pixels, converted only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final, cast

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from videotx.extract import _native
from videotx.extract.colour import (
    colour_matrix_of,
    is_full_range,
    jpeg_from_rgb,
    rgb_from_samples,
    swscale_matrix_of,
)


class PictureConverter:
    """swscale contexts, kept from one picture to the next because setting one up costs more than using it.

    One per reader; the pictures of a reader share it.
    """

    def __init__(self) -> None:
        self._rgb = VideoReformatter()
        self._planes = VideoReformatter()

    def to_rgb(self, frame: av.VideoFrame, width: int, height: int) -> npt.NDArray[np.uint8]:
        """RGB uint8 ``(height, width, 3)`` by the frame's own matrix and range."""
        matrix = swscale_matrix_of(frame.colorspace)
        converted = self._rgb.reformat(
            frame,
            width,
            height,
            "rgb24",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=_range(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=_ACCURATE,
            threads=1,
        )
        return _plane(converted, 0, width, height, 3).reshape(height, width, 3)

    def to_jpeg_planes(self, frame: av.VideoFrame, width: int, height: int) -> tuple[npt.NDArray[np.uint8], ...]:
        """Planes Y, Cb, Cr of full-range BT.601 4:2:0."""
        native = swscale_matrix_of(frame.colorspace)
        converted = self._planes.reformat(
            frame,
            width,
            height,
            "yuv420p",
            src_colorspace=native,
            dst_colorspace=native,
            src_color_range=_range(frame),
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        chroma = ((width + 1) // 2, (height + 1) // 2)
        y = _plane(converted, 0, width, height, 1)
        cb, cr = (_plane(converted, index, *chroma, 1) for index in (1, 2))
        matrix = colour_matrix_of(frame.colorspace, frame.format.name)
        if matrix not in ("bt601", "rgb"):
            # swscale would change the matrix by way of RGB, at five times the cost.
            _native.change_matrix(y, cb, cr, matrix=_to_jpeg(matrix))
        return y, cb, cr


@cache
def _to_jpeg(matrix: str) -> list[float]:
    """From full-range samples of a matrix to those of JPEG."""
    to_jpeg: list[float] = (jpeg_from_rgb() @ rgb_from_samples(matrix, True)).ravel().tolist()
    return to_jpeg


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture, as the decoder left it."""

    frame: av.VideoFrame
    converter: PictureConverter = field(default_factory=PictureConverter, repr=False)

    def rgb(self, width: int | None = None, height: int | None = None) -> npt.NDArray[np.uint8]:
        """RGB uint8 ``(height, width, 3)``, at native size or scaled (bilinear, area-weighted when shrinking)."""
        return self.converter.to_rgb(self.frame, width or self.frame.width, height or self.frame.height)

    def jpeg_planes(self, width: int | None = None, height: int | None = None) -> tuple[npt.NDArray[np.uint8], ...]:
        """What JPEG stores: planes Y ``(height, width)``, Cb and Cr ``(ceil(height / 2), ceil(width / 2))``, uint8.

        Full-range BT.601 (ITU-T T.871) 4:2:0, scaled and converted from the stream's matrix and range in one step, with
        no RGB in between.
        """
        return self.converter.to_jpeg_planes(self.frame, width or self.frame.width, height or self.frame.height)


# swscale's default tables leave RGB darker than it is by 1 to 2 steps on average.
_ACCURATE: Final = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def _range(frame: av.VideoFrame) -> ColorRange:
    return ColorRange.JPEG if is_full_range(frame.color_range, frame.format.name) else ColorRange.MPEG


def _plane(frame: av.VideoFrame, index: int, width: int, height: int, channels: int) -> npt.NDArray[np.uint8]:
    plane = frame.planes[index]
    padded = np.frombuffer(cast("memoryview[int]", plane), np.uint8).reshape(-1, plane.line_size)
    return padded[:height, : width * channels].copy()
