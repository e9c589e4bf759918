"""Our decoder of stored pictures against libjpeg-turbo, bit for bit, and what it does with anything else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from videotx.datasets import _clips
from videotx.datasets.geometry import Window
from videotx.datasets.residual import ResidualGrid, ResidualPictures
from videotx.datasets.resize import resize
from videotx.datasets.shards import open_shards


def picture(height: int, width: int, seed: int, noise: float) -> np.ndarray:
    """Flat areas, edges and noise: short and long codes, clamped colours, blocks of one value."""
    random = np.random.default_rng(seed)
    coarse = random.normal(128, 90, (height // 5 + 1, width // 7 + 1, 3)).repeat(5, 0).repeat(7, 1)[:height, :width]
    return np.clip(coarse + random.normal(0, noise, (height, width, 3)), 0, 255).astype(np.uint8)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 3.0, 100.0]),
    st.integers(1, 100),
    st.sampled_from(["420", "444"]),
    st.data(),
)
def test_every_region_is_what_libjpeg_turbo_decodes(  # noqa: PLR0917
    height: int, width: int, seed: int, noise: float, quality: int, subsampling: str, data: Any
) -> None:
    coded = simplejpeg.encode_jpeg(picture(height, width, seed, noise), quality=quality, colorsubsampling=subsampling)
    expected = simplejpeg.decode_jpeg(coded)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    for y0, y1, x0, x1 in ((0, height, 0, width), (top, bottom, left, right)):
        out = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
        for plain in (False, True):
            out[:] = 0
            _clips.decode_picture(coded, (height, width), (y0, x0, y1 - y0, x1 - x0), out, plain)
            np.testing.assert_array_equal(out, expected[y0:y1, x0:x1])


def with_own_codes(height: int, width: int, seed: int) -> bytes:
    """A JPEG whose Huffman tables are made for it alone."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "yuvj420p", Fraction(1, 30)
    context.options, context.thread_count = {"huffman": "optimal"}, 1  # more threads would put restart markers in
    frame = av.VideoFrame.from_ndarray(picture(height, width, seed, 10.0), format="rgb24").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def test_pictures_with_other_codes_may_follow_each_other() -> None:
    size = 50, 70
    pictures = [simplejpeg.encode_jpeg(picture(*size, 0, 10.0)), with_own_codes(*size, 1), with_own_codes(*size, 2)]
    out = np.empty((*size, 3), np.uint8)
    for i in (0, 1, 2, 0, 2, 1, 1, 0):
        _clips.decode_picture(pictures[i], size, (0, 0, *size), out)
        np.testing.assert_array_equal(out, simplejpeg.decode_jpeg(pictures[i]))


def test_codes_that_are_refused_stay_refused() -> None:
    coded = simplejpeg.encode_jpeg(picture(16, 16, 0, 10.0))
    out = np.empty((16, 16, 3), np.uint8)
    symbols = coded.index(b"\xff\xc4") + 5 + 16  # of the first table, which is one of DC differences
    broken = coded[:symbols] + bytes([12]) + coded[symbols + 1 :]
    for _ in range(2):
        with pytest.raises(ValueError, match="difference of 12 bits"):
            _clips.decode_picture(broken, (16, 16), (0, 0, 16, 16), out)
    _clips.decode_picture(coded, (16, 16), (0, 0, 16, 16), out)
    np.testing.assert_array_equal(out, simplejpeg.decode_jpeg(coded))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_damaged_pictures_are_wrong_or_an_error_and_nothing_worse(seed: int) -> None:
    random = np.random.default_rng(seed)
    coded = bytearray(simplejpeg.encode_jpeg(picture(40, 56, 1, 20.0), quality=90))
    for _ in range(int(random.integers(1, 6))):
        coded[int(random.integers(len(coded)))] = int(random.integers(256))
    cut = bytes(coded[: int(random.integers(1, len(coded) + 1))])
    try:
        _clips.decode_picture(cut, (40, 56), (3, 5, 20, 30), np.empty((20, 30, 3), np.uint8))
    except ValueError as error:
        assert str(error)  # noqa: PT017


def test_a_scan_that_ends_early_is_an_error() -> None:
    coded = simplejpeg.encode_jpeg(picture(64, 64, 1, 20.0))
    with pytest.raises(ValueError, match="ends early"):
        _clips.decode_picture(coded[: len(coded) // 2], (64, 64), (0, 0, 64, 64), np.empty((64, 64, 3), np.uint8))


def test_what_the_store_does_not_write_is_refused() -> None:
    grey = np.zeros((16, 16, 1), np.uint8)
    out = np.empty((16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match="3 components"):
        _clips.decode_picture(simplejpeg.encode_jpeg(grey, colorspace="GRAY"), (16, 16), (0, 0, 16, 16), out)
    coded = simplejpeg.encode_jpeg(np.zeros((16, 24, 3), np.uint8))
    with pytest.raises(ValueError, match="expected a JPEG of 16 x 16, got 16 x 24"):
        _clips.decode_picture(coded, (16, 16), (0, 0, 16, 16), out)
    with pytest.raises(ValueError, match="region inside 16 x 24"):
        _clips.decode_picture(coded, (16, 24), (0, 9, 16, 16), out)
    with pytest.raises(ValueError, match="expected a JPEG, got 3 bytes"):
        _clips.decode_picture(b"abc", (16, 24), (0, 0, 16, 16), out)
    with pytest.raises(ValueError, match="4:2:0 or 4:4:4"):
        _clips.decode_picture(
            simplejpeg.encode_jpeg(np.zeros((16, 24, 3), np.uint8), colorsubsampling="422"),
            (16, 24),
            (0, 0, 16, 16),
            out,
        )


@pytest.mark.parametrize("residual", ["jpeg", "lossless"])
@pytest.mark.parametrize("seed", range(4))
def test_reduced_residual_is_that_of_whole_pictures(make_shards: Any, residual: str, seed: int) -> None:
    shards = open_shards(make_shards(residual=residual))
    random = np.random.default_rng(seed)
    size = shards.picture_size(2, "residual")
    window = Window(*size, 3, 5, 64, int(random.integers(40, 100)), 64, 96, flip=bool(seed % 2))
    grid = ResidualGrid.under(window.on(200, 240), *size, 16)
    frames, sampled = range(4, 30), np.array([7, 4, 29, 7])
    cells, shown = shards.reduce_residual(2, frames, grid, sampled, window)
    whole = shards.read(2, np.array(frames), ["residual"]).residual
    assert whole is not None
    np.testing.assert_array_equal(cells.values, grid.reduce(whole).values)
    expected = resize(whole.stored[sampled - 4], window.region(), window.out_size)
    np.testing.assert_array_equal(shown.stored, expected)
    assert (shown.zero, shown.scale) == (whole.zero, whole.scale)


def test_cells_are_means_and_mean_magnitudes() -> None:
    stored = np.random.default_rng(0).integers(-50, 50, (2, 30, 40, 3)).astype(np.int16)
    grid = ResidualGrid.under(Window(60, 80, 6, 4, 48, 64, 48, 64), 30, 40, 16)
    values = grid.reduce(ResidualPictures(stored, scale=2)).values
    assert grid.x.tolist() == [0, 2, 6, 10, 14, 18, 22, 26, 30, 34, 38, 40]
    cell = 2.0 * stored[1, 3:7, 6:10].reshape(-1, 3)
    np.testing.assert_allclose(values[1, 1, 2], [*cell.mean(0), *np.abs(cell).mean(0)], rtol=1e-5)
    # The centre of the upper left half patch of the window, (4, 4) shown pixels in, is the centre of its cell.
    centre = grid.left + 1.5 * grid.cell_width, grid.top + 1.5 * grid.cell_height
    np.testing.assert_allclose(centre, (8, 10))


def test_a_picture_is_reduced_as_its_pixels_are() -> None:
    flat = np.full((45, 61, 3), 128, np.uint8)
    flat[10:27, 20:41] = picture(17, 21, 3, 10.0)
    coded = simplejpeg.encode_jpeg(flat, quality=90, colorsubsampling="444")
    x, y = np.array([0, 3, 17, 17, 40, 61], np.int32), np.array([0, 20, 21, 45], np.int32)
    coded_cells, expected = np.empty((1, 3, 5, 6), np.float32), np.empty((1, 3, 5, 6), np.float32)
    shown = np.empty((20, 30, 3), np.uint8)
    _clips.reduce_picture(coded, (45, 61), 2, x, y, coded_cells, (12, 9, 20, 30), shown)
    pixels = simplejpeg.decode_jpeg(coded)
    _clips.reduce_pictures(pixels[None], 128, 2, x, y, expected)
    np.testing.assert_array_equal(coded_cells, expected)
    np.testing.assert_array_equal(shown, pixels[12:32, 9:39])
    with pytest.raises(ValueError, match="ascend from 0 to 61"):
        _clips.reduce_picture(coded, (45, 61), 2, x[:-1], y, coded_cells, (0, 0, 1, 1), None)
    with pytest.raises(ValueError, match="4:4:4"):
        _clips.reduce_picture(
            simplejpeg.encode_jpeg(flat, colorsubsampling="420"), (45, 61), 2, x, y, expected, (0, 0, 1, 1), None
        )
