"""Colour matrices and ranges: what a stream means, and the linear maps between its samples and RGB."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
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


# Luma weights (Kr, Kb) of each matrix (ITU-T H.273 Table 4).
_LUMA_WEIGHTS: Final = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
    "bt2020": (0.2627, 0.0593),
}


def rgb_from_samples(matrix: str, full_range: bool, bit_depth: int = 8) -> npt.NDArray[np.float64]:
    """The linear part, 3x3, of the map from (Y, Cb, Cr) samples to RGB of 0-255 (ITU-T H.273 equations 47 to 53)."""
    sample = 255 / ((1 << bit_depth) - 1)
    if matrix == "rgb":
        # GBR pictures store G, B, R as their three planes.
        return np.array([[0, 0, sample], [sample, 0, 0], [0, sample, 0]], np.float64)
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    rgb: npt.NDArray[np.float64] = np.array(
        [
            [1, 0, 2 * (1 - kr)],
            [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg],
            [1, 2 * (1 - kb), 0],
        ]
    )
    if full_range:
        return np.asarray(rgb * sample, np.float64)
    scale = 1 << (bit_depth - 8)
    return np.asarray(rgb * [255 / (219 * scale), 255 / (224 * scale), 255 / (224 * scale)], np.float64)


def jpeg_from_rgb() -> npt.NDArray[np.float64]:
    """The linear part, 3x3, of the map from RGB to JPEG's full-range BT.601 (ITU-T T.871)."""
    return np.asarray(np.linalg.inv(rgb_from_samples("bt601", True)), np.float64)
