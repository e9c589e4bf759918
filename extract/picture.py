"""Decoded pixels, converted only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final, cast

import av
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane
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
        return _plane(converted.planes[0], height, 3 * width).copy().reshape(height, width, 3)

    def to_jpeg_planes(self, frame: av.VideoFrame, width: int, height: int) -> tuple[npt.NDArray[np.uint8], ...]:
        """Planes Y, Cb, Cr of full-range BT.601 4:2:0."""
        matrix = colour_matrix_of(frame.colorspace, frame.format.name)
        full_range = is_full_range(frame.color_range, frame.format.name)
        if (frame.width, frame.height) != (width, height) or frame.format.name not in _NATIVE_420:
            native = swscale_matrix_of(frame.colorspace)
            frame = self._planes.reformat(
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
            matrix, full_range = ("bt601" if matrix == "rgb" else matrix), True
        sizes = ((height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2)
        planes = [_plane(plane, rows, columns) for plane, (rows, columns) in zip(frame.planes, sizes, strict=True)]
        out = tuple(np.empty(size, np.uint8) for size in sizes)
        # swscale would change the matrix by way of RGB, at five times the cost.
        _native.picture_to_jpeg(planes, out, matrix=_to_jpeg(matrix, full_range), black=0 if full_range else 16)
        return out


# Formats whose samples are those of JPEG, but for range and matrix.
_NATIVE_420: Final = frozenset({"yuv420p", "yuvj420p"})


@cache
def _to_jpeg(matrix: str, full_range: bool) -> list[float]:
    """From samples of a matrix and a range to those of JPEG, row by row."""
    to_jpeg: list[float] = (jpeg_from_rgb() @ rgb_from_samples(matrix, full_range)).ravel().tolist()
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


def _plane(plane: VideoPlane, num_rows: int, row_bytes: int) -> npt.NDArray[np.uint8]:
    """A view of a frame's own memory, without the padding at the end of its rows."""
    padded = np.frombuffer(cast("memoryview[int]", plane), np.uint8).reshape(-1, plane.line_size)
    return padded[:num_rows, :row_bytes]
