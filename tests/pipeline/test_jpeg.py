"""The encoder of 4:4:4 pictures, against libjpeg-turbo and against the arithmetic of ITU-T T.81 in floating point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from videotx.pipeline import _jpeg

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def sparse_planes(height: int, width: int, seed: int, share: float) -> Planes:
    """Grey with patches of noise, extremes, single samples and waves, over ``share`` of its 8x8 blocks."""
    rng = np.random.default_rng(seed)
    planes = np.full((3, height, width), 128, np.uint8)
    for plane in planes:
        for top in range(0, height, 8):
            for left in range(0, width, 8):
                if rng.random() >= share:
                    continue
                patch = plane[top : top + 8, left : left + 8]
                match rng.integers(5):
                    case 0:
                        patch[:] = rng.integers(0, 256, patch.shape)
                    case 1:
                        patch[:] = rng.choice([0, 255], patch.shape)
                    case 2:
                        patch[-1, -1] = rng.integers(0, 256)
                    case 3:
                        patch[:] = rng.integers(0, 256)
                    case _:  # few coefficients, far apart
                        y, x = np.indices(patch.shape)
                        waves = [np.cos((2 * axis + 1) * rng.integers(8) * np.pi / 16) for axis in (y, x)]
                        patch[:] = 128 + rng.integers(-120, 121) * waves[0] * waves[1]
    return planes[0], planes[1], planes[2]


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 41),
    width=st.integers(1, 41),
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    quality=st.integers(96, 100),
)
def test_the_bytes_are_those_of_libjpeg_turbo(height: int, width: int, seed: int, share: float, quality: int) -> None:
    """From quality 96 on libjpeg-turbo's interface takes its accurate transform, which is the one here."""
    planes = sparse_planes(height, width, seed, share)
    assert _jpeg.encode(*planes, quality=quality) == simplejpeg.encode_jpeg_yuv_planes(*planes, quality=quality)


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 90, 95])
def test_headers_are_those_of_libjpeg_turbo(quality: int) -> None:
    planes = sparse_planes(24, 40, 3, 0.5)
    ours = _jpeg.encode(*planes, quality=quality)
    theirs = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=quality)
    start_of_scan = theirs.index(b"\xff\xda") + 14
    assert ours[:start_of_scan] == theirs[:start_of_scan]


# Table K.1 at quality 50.
LUMA_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def quantised_blocks(
    blocks: npt.NDArray[np.float64], steps: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """What a decoder without rounding would show of (block, 8, 8), and of which blocks that is certain (A.3.3, A.3.4).

    An integer transform may round a coefficient that lies within 1/4 of the middle between two steps either way.
    """
    u, x = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    basis = np.where(u == 0, np.sqrt(1 / 8), 1 / 2) * np.cos((2 * x + 1) * u * np.pi / 16)
    coefficients = basis @ (blocks - 128) @ basis.T
    whole = np.round(coefficients / steps) * steps
    certain = (steps / 2 - np.abs(coefficients - whole) > 1 / 4).all((1, 2))
    return basis.T @ whole @ basis + 128, certain


@pytest.mark.parametrize("quality", [10, 50, 75, 90])
def test_pictures_are_what_the_standard_makes_of_them(quality: int) -> None:
    rng = np.random.default_rng(quality)
    blocks = np.clip(128 + rng.normal(0, 25, (3000, 8, 8)).cumsum(2) / 3, 0, 255).astype(np.uint8)
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    expected, certain = quantised_blocks(blocks.astype(np.float64), np.clip((LUMA_STEPS * percent + 50) // 100, 1, 255))
    luma = blocks.reshape(-1, 8)
    grey = np.full_like(luma, 128)
    shown = simplejpeg.decode_jpeg(_jpeg.encode(luma, grey, grey, quality=quality), colorspace="GRAY")
    assert certain.sum() >= 20
    assert np.abs(shown.reshape(blocks.shape) - np.clip(expected, 0, 255))[certain].max() < 1.01


def test_planes_may_be_part_of_larger_ones_and_nothing_else_gets_in() -> None:
    planes = sparse_planes(21, 13, 1, 0.7)
    inside = tuple(np.pad(plane, 5, constant_values=7)[5:-5, 5:-5] for plane in planes)
    assert not inside[0].flags.c_contiguous
    assert _jpeg.encode(*inside, quality=90) == _jpeg.encode(*planes, quality=90)


def test_planes_that_make_no_picture_are_refused() -> None:
    grey = np.full((8, 8), 128, np.uint8)
    with pytest.raises(ValueError, match="three planes of one size"):
        _jpeg.encode(grey, grey[:4], grey, quality=90)
    with pytest.raises(ValueError, match="not empty"):
        _jpeg.encode(grey[:0], grey[:0], grey[:0], quality=90)
    with pytest.raises(ValueError, match="rows are contiguous"):
        _jpeg.encode(grey, grey[:, ::-1], grey, quality=90)
    with pytest.raises(ValueError, match="quality must be 1 to 100"):
        _jpeg.encode(grey, grey, grey, quality=0)
    with pytest.raises(TypeError):
        _jpeg.encode(grey, grey.astype(np.int16), grey, quality=90)  # type: ignore[arg-type]
