"""Pictures resized while they are decoded, and without being coded at all, against torch, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from videotx.datasets import _clips
from videotx.datasets.geometry import Region
from videotx.datasets.resize import resize

LENGTHS = st.one_of(st.integers(1, 70), st.sampled_from([1, 2, 31, 32, 33, 64, 224]))


def by_torch(pictures: npt.NDArray[Any], region: Region, size: tuple[int, int]) -> npt.NDArray[Any]:
    """The region of pictures (frame, y, x, 3), resized by torch in the dtype that it is given."""
    planes = torch.from_numpy(pictures[:, *region.slices].copy()).permute(0, 3, 1, 2)
    return F.interpolate(planes, size, mode="bilinear", antialias=True).permute(0, 2, 3, 1).numpy()


def draw_region(data: Any, height: int, width: int) -> Region:
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    return Region(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))


@settings(max_examples=300, deadline=None)
@given(st.tuples(LENGTHS, LENGTHS), st.tuples(LENGTHS, LENGTHS), st.integers(0, 2**32 - 1), st.booleans(), st.data())
def test_bytes_are_resized_as_torch_does(
    whole: tuple[int, int], size: tuple[int, int], seed: int, extreme: bool, data: Any
) -> None:
    (height, width), (out_height, out_width) = whole, size
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 256, (2, height, width, 3), np.uint8)
    if extreme:  # black and white alone: sums that reach both ends
        pictures = np.where(pictures > 127, 255, 0).astype(np.uint8)
    region = draw_region(data, height, width)
    expected = by_torch(pictures, region, size)
    for plain in (False, True):
        guarded = np.full(2 * out_height * out_width * 3 + 64, 77, np.uint8)
        out = guarded[:-64].reshape(2, *size, 3)
        _clips.resize(pictures, region, out, plain)
        np.testing.assert_array_equal(out, expected)
        assert (guarded[-64:] == 77).all()


def test_whole_pictures_shrink_to_a_pixel_and_grow_from_one() -> None:
    large = np.random.default_rng(0).integers(0, 256, (1, 300, 500, 3), np.uint8)
    for pictures, size in ((large, (1, 1)), (large, (1, 500)), (large[:, :1, :1], (40, 90)), (large, (300, 500))):
        region = Region(0, 0, *pictures.shape[1:3])
        np.testing.assert_array_equal(resize(pictures, region, size), by_torch(pictures, region, size))


@settings(max_examples=60, deadline=None)
@given(LENGTHS, LENGTHS, st.sampled_from(["420", "444"]), st.integers(0, 2**32 - 1), st.data())
def test_a_picture_resized_while_it_is_decoded_is_the_decoded_one_resized(
    out_height: int, out_width: int, subsampling: str, seed: int, data: Any
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).repeat(9, 0).repeat(8, 1).astype(np.uint8)
    coded = simplejpeg.encode_jpeg(pixels, colorsubsampling=subsampling)
    region = draw_region(data, 54, 64)
    expected = by_torch(simplejpeg.decode_jpeg(coded)[None], region, (out_height, out_width))[0]
    out = np.empty((out_height, out_width, 3), np.uint8)
    for plain in (False, True):
        _clips.decode_picture(coded, (54, 64), region, out, plain)
        np.testing.assert_array_equal(out, expected)


def test_signed_numbers_are_resized_and_rounded() -> None:
    signed = np.random.default_rng(0).integers(-300, 300, (2, 30, 40, 3)).astype(np.int16)
    region = Region(3, 5, 20, 30)
    resized = resize(signed, region, (14, 45))
    assert resized.dtype == np.int16
    np.testing.assert_array_equal(resized, by_torch(signed.astype(np.float32), region, (14, 45)).round())
    np.testing.assert_array_equal(resize(signed, region, (20, 30)), signed[:, 3:23, 5:35])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("region", [Region(-1, 0, 5, 5), Region(0, 0, 0, 5), Region(0, 16, 5, 5), Region(8, 0, 5, 5)])
def test_regions_outside_the_pictures_are_refused(dtype: type, region: Region) -> None:
    with pytest.raises(ValueError, match="inside 12 x 20"):
        resize(np.zeros((1, 12, 20, 3), dtype), region, (5, 5))


def test_room_of_another_shape_is_refused() -> None:
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="room for as many"):
        _clips.resize(pictures, (0, 0, 8, 8), np.zeros((1, 4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="at least one pixel"):
        _clips.resize(pictures, (0, 0, 8, 8), np.zeros((2, 0, 4, 3), np.uint8))
