"""Colour, against the equations of ITU-T H.273 and T.871 written out in floating point."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotx.extract.colour import colour_matrix_of, is_full_range, rgb_from_samples
from videotx.extract.picture import Picture
from videotx.extract.residual import Residual

# (Kr, Kb) and AVColorSpace.
MATRICES = {"bt601": (0.299, 0.114, 6), "bt709": (0.2126, 0.0722, 1), "bt2020": (0.2627, 0.0593, 9)}


def rgb_reference(yuv: npt.NDArray[np.float64], matrix: str, full: bool, depth: int = 8) -> npt.NDArray[np.float64]:
    """(..., 3) samples to RGB of 0-255, unclipped."""
    kr, kb, _ = MATRICES[matrix]
    unit = 1 << (depth - 8)
    if full:
        top = 256 * unit - 1
        y, cb, cr = yuv[..., 0] / top, (yuv[..., 1] - 128 * unit) / top, (yuv[..., 2] - 128 * unit) / top
    else:
        y = (yuv[..., 0] / unit - 16) / 219
        cb, cr = (yuv[..., 1] / unit - 128) / 224, (yuv[..., 2] / unit - 128) / 224
    r = y + 2 * (1 - kr) * cr
    b = y + 2 * (1 - kb) * cb
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    return 255 * np.stack([r, g, b], -1)


def jpeg_reference(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    y = rgb @ [0.299, 0.587, 0.114]
    return np.stack([y, 128 + (rgb[..., 2] - y) / 1.772, 128 + (rgb[..., 0] - y) / 1.402], -1)


def patches(matrix: str, full: bool, depth: int, chroma: str) -> tuple[av.VideoFrame, npt.NDArray[np.float64]]:
    """A picture of 16x16 patches of colours that exist in RGB, and the samples of each patch."""
    rng = np.random.default_rng(5)
    samples = rng.integers(16, 240, (4000, 3)).astype(np.float64)
    rgb = rgb_reference(samples, matrix, full)
    samples = samples[((rgb > 2) & (rgb < 253)).all(-1)][:64].reshape(8, 8, 3) * (1 << (depth - 8))
    shift_x, shift_y = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}[chroma]
    dtype = np.uint8 if depth == 8 else np.uint16
    name = f"yuv{chroma}p" + ("" if depth == 8 else f"{depth}le")
    frame = av.VideoFrame(128, 128, name)
    for index, plane in enumerate(frame.planes):
        size = (16, 16) if index == 0 else (16 >> shift_y, 16 >> shift_x)
        values = np.kron(samples[..., index], np.ones(size)).astype(dtype)
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : values.shape[1] * values.itemsize] = values.view(np.uint8)
        plane.update(rows.tobytes())
    frame.colorspace = MATRICES[matrix][2]
    frame.color_range = 2 if full else 1
    return frame, samples


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("depth", "chroma"), [(8, "420"), (8, "422"), (8, "444"), (10, "420"), (10, "422")])
def test_pictures_become_rgb_and_jpeg_planes(matrix: str, full: bool, depth: int, chroma: str) -> None:
    frame, samples = patches(matrix, full, depth, chroma)
    expected = rgb_reference(samples, matrix, full, depth)
    rgb = Picture(frame).rgb()
    assert rgb.shape == (128, 128, 3)
    assert rgb.dtype == np.uint8
    # The middle of a patch: chroma of neighbours does not reach it.
    assert np.abs(rgb[8::16, 8::16] - expected).max() < 1.3
    y, cb, cr = Picture(frame).jpeg_planes()
    assert y.shape == (128, 128)
    assert cb.shape == cr.shape == (64, 64)
    stored = np.stack([y[8::16, 8::16], cb[4::8, 4::8], cr[4::8, 4::8]], -1)
    difference = np.abs(stored - jpeg_reference(expected))
    # Of 8-bit 4:2:0 every value is rounded once; the rest goes through swscale first.
    assert difference.max() < (0.51 if (depth, chroma) == (8, "420") else 1.7)
    assert difference.mean() < 0.6


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(2, 41), st.integers(2, 41)),
    matrix=st.sampled_from(list(MATRICES)),
    full=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_sample_of_a_420_picture_is_rounded_once(
    size: tuple[int, int], matrix: str, full: bool, seed: int
) -> None:
    """Luma by the chroma beside it; sizes that no register divides, odd ones too."""
    height, width = size
    rng = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, "yuv420p")
    planes = []
    for plane in frame.planes:
        rows = rng.integers(0, 256, (plane.height, plane.line_size), np.uint8)
        plane.update(rows.tobytes())
        planes.append(rows[:, : plane.width].astype(np.float64))
    frame.colorspace = MATRICES[matrix][2]
    frame.color_range = 2 if full else 1
    y, cb, cr = Picture(frame).jpeg_planes()
    chroma = (plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in planes[1:])
    luma = jpeg_reference(rgb_reference(np.stack([planes[0], *chroma], -1), matrix, full))[..., 0]
    assert np.abs(y - np.clip(luma, 0, 255)).max() < 0.501
    grey = np.stack([np.zeros_like(planes[1]), planes[1], planes[2]], -1)
    expected = jpeg_reference(rgb_reference(grey, matrix, full))[..., 1:]
    assert np.abs(np.stack([cb, cr], -1) - np.clip(expected, 0, 255)).max() < 0.501


def test_bt601_and_bt709_are_told_apart() -> None:
    """The tolerance above has teeth: taking one matrix for the other is a larger error."""
    frame, samples = patches("bt709", False, 8, "420")
    wrong = rgb_reference(samples, "bt601", False)
    assert np.abs(Picture(frame).rgb()[8::16, 8::16] - wrong).max() > 10


def test_scaling_keeps_flat_colours_and_the_asked_size() -> None:
    frame, samples = patches("bt709", False, 8, "420")
    half = Picture(frame).rgb(64, 64)
    assert half.shape == (64, 64, 3)
    assert np.abs(half[4::8, 4::8] - rgb_reference(samples, "bt709", False)).max() < 1.3
    y, cb, _ = Picture(frame).jpeg_planes(63, 41)
    assert y.shape == (41, 63)
    assert cb.shape == (21, 32)


def test_what_streams_say_about_colour() -> None:
    assert [colour_matrix_of(code, "yuv420p") for code in (1, 2, 5, 6, 9)] == [
        "bt709",
        "bt601",
        "bt601",
        "bt601",
        "bt2020",
    ]
    assert colour_matrix_of(2, "gbrp") == "rgb"
    assert is_full_range(2, "yuv420p")
    assert is_full_range(0, "yuvj420p")
    assert not is_full_range(0, "yuv420p")
    assert not is_full_range(1, "yuv420p")


def plane(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.ascontiguousarray(values.astype(np.int16))


@pytest.mark.parametrize("matrix", list(MATRICES))
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("depth", [8, 10])
def test_residual_is_the_linear_part(matrix: str, full: bool, depth: int) -> None:
    """RGB(samples + residual) - RGB(samples), whatever the samples."""
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 256 << (depth - 8), (6, 9, 3)).astype(np.float64)
    change = rng.integers(-50, 51, (6, 9, 3)).astype(np.float64)
    expected = rgb_reference(samples + change, matrix, full, depth) - rgb_reference(samples, matrix, full, depth)
    residual = Residual("coded", *(plane(change[..., i]) for i in range(3)), matrix, full, depth)
    rgb = residual.rgb()
    assert rgb.dtype == np.int16
    assert np.abs(rgb - expected).max() <= 0.501
    stored = np.stack(residual.jpeg_planes(), -1)
    pictured = np.clip(jpeg_reference(expected / 2 + 128), 0, 255)
    assert np.abs(stored - pictured).max() <= 0.501


def test_no_residual_is_stored_as_grey() -> None:
    nothing = np.zeros((4, 4), np.int16)
    residual = Residual("difference", nothing, nothing[:2, :2].copy(), nothing[:2, :2].copy(), "bt709", False)
    assert not residual.rgb().any()
    assert all((p == 128).all() for p in residual.jpeg_planes())


def test_subsampled_chroma_lands_where_it_belongs_and_grey_has_none() -> None:
    y = np.zeros((8, 8), np.int16)
    cb = np.zeros((4, 4), np.int16)
    cr = np.zeros((4, 4), np.int16)
    cr[:, 2:] = 40
    rgb = Residual("coded", y, cb, cr, "bt601", True).rgb()
    assert (rgb[:, 6:, 0] == round(40 * 1.402)).all()
    assert not rgb[:, :3].any()
    none = np.zeros((0, 0), np.int16)
    grey = Residual("coded", y + 7, none, none, "bt601", True).rgb()
    assert (grey == 7).all()


def test_scaled_residual_is_the_weighted_mean() -> None:
    """Halving: the triangle filter of width four weighs 1, 3, 3, 1 (Greville); a ramp keeps its slope inside."""
    ramp = np.tile(np.arange(0, 64, dtype=np.int16), (8, 1))
    none = np.zeros((0, 0), np.int16)
    half = Residual("coded", ramp, none, none, "bt601", True).rgb(32, 4)
    assert half.shape == (4, 32, 3)
    inner = half[:, 2:-2, 0].astype(np.float64)
    assert np.abs(inner - (2 * np.arange(2, 30) + 0.5)).max() <= 0.51
    spike = np.zeros((8, 8), np.int16)
    spike[3, 3] = 640
    down = Residual("coded", spike, none, none, "bt601", True).rgb(4, 4)[..., 0]
    weights = np.array([0, 3, 1, 0]) / 8
    assert np.abs(down - 640 * np.outer(weights, weights)).max() <= 0.51


def test_matrices_are_the_published_ones() -> None:
    bt709 = rgb_from_samples("bt709", False)
    assert bt709[0] == pytest.approx([1.1644, 0, 1.7927], abs=1e-4)
    assert bt709[1] == pytest.approx([1.1644, -0.2132, -0.5329], abs=1e-4)
    assert bt709[2] == pytest.approx([1.1644, 2.1124, 0], abs=1e-4)
