"""A window moves positions, vectors and pixels alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from videotx.datasets.crops import EvenCrops, RandomResizedCrop, ScaleJitter, WholePicture
from videotx.datasets.geometry import Window
from videotx.datasets.show import show_motion, show_pixels

CROPS = [EvenCrops(64, 80), ScaleJitter(64, (72, 90)), RandomResizedCrop(64), WholePicture(64, 96), WholePicture()]


@pytest.mark.parametrize("crop", CROPS, ids=lambda crop: type(crop).__name__)
@pytest.mark.parametrize("seed", range(4))
def test_positions_go_there_and_back(crop: object, seed: int) -> None:
    window = crop.draw(96, 128, np.random.default_rng(seed))  # type: ignore[attr-defined]
    shown = np.random.default_rng(seed).uniform(0, 64, (20, 2))
    np.testing.assert_allclose(window.to_shown(window.to_frame(shown)), shown, atol=1e-3)
    twice = window.on(192, 256)
    np.testing.assert_allclose(twice.to_frame(shown), 2 * window.to_frame(shown), rtol=1e-4, atol=1e-3)


def panned_video(num_frames: int, step: tuple[int, int]) -> np.ndarray:
    """A smooth picture of 96 x 128 whose content moves by ``step`` (x, y) pixels per frame."""
    t, y, x = np.mgrid[:num_frames, :96, :128]
    x, y = x - step[0] * t, y - step[1] * t
    planes = [np.sin(x / 9 + y / 14), np.sin(x / 12 - y / 8 + 1), np.cos(x / 7) * np.cos(y / 10)]
    return (127 + 100 * np.stack(planes, axis=-1)).astype(np.uint8)


def motion_between(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """One displacement (x, y) for the whole picture by least squares on the gradient (Lucas and Kanade)."""
    a, b = first.double().numpy(), second.double().numpy()
    mean = (a + b) / 2
    gy, gx = np.gradient(mean, axis=(0, 1))
    inside = (slice(4, -4), slice(4, -4))
    system = np.stack([gx[inside].ravel(), gy[inside].ravel()], axis=-1)
    return -np.linalg.lstsq(system, (b - a)[inside].ravel(), rcond=None)[0]


@pytest.mark.parametrize("crop", CROPS, ids=lambda crop: type(crop).__name__)
@pytest.mark.parametrize("seed", range(5))
def test_the_motion_shown_is_the_motion_of_the_pixels_shown(crop: object, seed: int) -> None:
    window = crop.draw(96, 128, np.random.default_rng(seed))  # type: ignore[attr-defined]
    pixels = show_pixels(panned_video(2, (1, -1)), window)
    assert pixels.shape == (2, window.out_height, window.out_width, 3)
    mv = np.zeros((2, 2, 12, 16, 2), np.int16)
    mv[:, 0] = (-4, 4)  # from block to source, one frame back
    ref = np.zeros((2, 2, 12, 16), np.int8)
    ref[:, 0] = -1
    motion, shown_ref = show_motion(mv, ref, window, cell=8, block=8)
    assert (shown_ref[:, 0] == -1).all()
    seen = motion_between(pixels[0], pixels[1])
    np.testing.assert_allclose(-motion[1, 0].reshape(-1, 2).mean(0), seen, rtol=0.06, atol=0.06)


def test_motion_is_taken_from_the_block_under_the_cell() -> None:
    mv = np.zeros((1, 2, 4, 6, 2), np.int16)
    mv[0, 0, ..., 0] = np.arange(24).reshape(4, 6) * 4
    ref = -np.ones((1, 2, 4, 6), np.int8)
    motion, _ = show_motion(mv, ref, Window(32, 48, 8, 16, 16, 24, 16, 24, flip=True), cell=8, block=8)
    np.testing.assert_allclose(-motion[0, 0, ..., 0], [[10, 9, 8], [16, 15, 14]])


def test_a_crop_of_its_own_size_is_exact() -> None:
    video = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), np.uint8)
    window = Window(96, 128, 7, 11, 64, 64, 64, 64)
    np.testing.assert_array_equal(show_pixels(video, window), video[:, 7:71, 11:75])
    mirrored = Window(96, 128, 7, 11, 64, 64, 64, 64, flip=True)
    np.testing.assert_array_equal(show_pixels(video, mirrored), video[:, 7:71, 11:75][:, :, ::-1])
    signed = video.astype(np.int16) - 128
    np.testing.assert_array_equal(show_pixels(signed, window), signed[:, 7:71, 11:75])


def test_three_crops_reach_both_ends_and_the_middle() -> None:
    lefts = [EvenCrops(224, 256).view(256, 340, i, 3).left for i in range(3)]
    assert lefts == [0, 58, 116]
    tops = [EvenCrops(256, 256).view(340, 256, i, 3).top for i in range(3)]
    assert tops == [0, 42, 84]


def test_windows_outside_the_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="inside 96 x 128"):
        Window(96, 128, 40, 0, 64, 64, 64, 64)
    with pytest.raises(ValueError, match="whole pixels"):
        show_pixels(np.zeros((1, 96, 128, 3), np.uint8), Window(96, 128, 0.5, 0, 64, 64, 64, 64))
