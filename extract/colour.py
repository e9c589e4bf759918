"""Colour matrices and ranges: what a stream means, and the linear maps between its samples and RGB."""

from __future__ import annotations

from typing import Final

from av.video.reformatter import Colorspace

# AVColorSpace of libavutil/pixfmt.h, which numbers matrices as ITU-T H.273 Table 4 does.
_MATRICES: Final = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}

_FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG


def colour_matrix_of(colourspace: int, pixel_format: str | None) -> str:
    """Name of the matrix in force. Streams that do not say are BT.601: FFmpeg's own default."""
    if pixel_format is not None and pixel_format.startswith("gbr"):
        return "rgb"
    return _MATRICES.get(colourspace, "bt601")


def is_full_range(colour_range: int, pixel_format: str | None) -> bool:
    """Whether luma spans 0-255 rather than 16-235. Streams that do not say are limited, unless the format says full."""
    return colour_range == _FULL_RANGE or (pixel_format is not None and pixel_format.startswith("yuvj"))


# SwsContext's names for the same matrices (libswscale/swscale.h, SWS_CS_*).
_SWSCALE: Final = {
    "rgb": Colorspace.ITU601,
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
    "bt2020": Colorspace.BT2020,
}


def swscale_matrix_of(colourspace: int) -> Colorspace:
    """The matrix in force, as swscale takes it."""
    return _SWSCALE[_MATRICES.get(colourspace, "bt601")]
