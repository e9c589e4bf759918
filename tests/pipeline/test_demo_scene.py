"""Scenes move by their formula, and no single frame gives a class away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from videotx.pipeline.demo_data import KINDS, demo_clips
from videotx.pipeline.demo_scene import (
    BACKGROUND_SIDE,
    DISC_TEXTURE_SIDE,
    Disc,
    Scene,
    SteadyMotion,
    random_texture,
    sample,
)


def scene(camera: SteadyMotion = SteadyMotion(), motion: SteadyMotion = SteadyMotion(), *discs: Disc) -> Scene:  # noqa: B008
    rng = np.random.default_rng(0)
    background = random_texture(rng, BACKGROUND_SIDE)
    textures = tuple(random_texture(rng, DISC_TEXTURE_SIDE) for _ in discs)
    return Scene(65, 49, camera, motion, discs, background, textures)


def pixels(picture: npt.NDArray[np.uint8], xy: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Colours of the pixels nearest to positions from the middle of the picture."""
    height, width = picture.shape[:2]
    columns, rows = np.rint(xy + np.array([width - 1, height - 1]) / 2).astype(int).T
    return picture[rows, columns]


def test_the_camera_moves_everything_as_declared() -> None:
    first, second = scene(SteadyMotion(dx_px=3, dy_px=-2)).frames(2)
    np.testing.assert_array_equal(second[:-2, 3:], first[2:, :-3])
    turning = replace(scene(SteadyMotion(rotation_degrees=90)), width=49)
    first, second = turning.frames(2)
    np.testing.assert_allclose(second, np.rot90(first, k=-1), atol=1)  # k=-1 is clockwise
    first, second = scene(SteadyMotion(zoom_percent=100)).frames(2)
    np.testing.assert_allclose(second[::2, ::2], first[12:37, 16:49], atol=1)


@pytest.mark.parametrize(
    "motion", [SteadyMotion(dx_px=2, dy_px=1), SteadyMotion(rotation_degrees=90), SteadyMotion(zoom_percent=100)]
)
def test_discs_move_over_the_background_by_the_formula(motion: SteadyMotion) -> None:
    moving = scene(SteadyMotion(dx_px=-1, dy_px=3), motion, Disc(4, -5, 9))
    before, after = moving.frame(0), moving.frame(1)
    x, y = np.meshgrid(np.arange(-20.0, 21), np.arange(-15.0, 16))
    xy = np.stack([x.ravel(), y.ravel()], axis=-1)
    on_disc = moving.disc_at(xy, 0) == 0
    moved = xy + moving.follow(xy, 0, 1)
    # Away from edges, which cover pixels in part, and where the disc has not come over the background.
    inner = np.hypot(*(xy - [4, -5]).T) < 8
    free = ~on_disc & (moving.disc_at(moved, 1) == -1) & (np.hypot(*(xy - [4, -5]).T) > 10)
    free &= np.hypot(*(moved - ([4, -5] + moving.follow(np.array([[4.0, -5.0]]), 0, 1)[0])).T) > 20
    assert inner.sum() > 150
    assert free.sum() > 150
    for chosen in (inner, free):
        np.testing.assert_allclose(
            pixels(after, moved[chosen]).astype(int), pixels(before, xy[chosen]).astype(int), atol=1
        )


def test_following_there_and_back_returns() -> None:
    moving = scene(SteadyMotion(dx_px=1.5), SteadyMotion(dy_px=-2, rotation_degrees=10, zoom_percent=3), Disc(0, 0, 15))
    xy = np.array([[0.0, 0.0], [5.0, -6.0], [30.0, 20.0]])
    there = moving.follow(xy, -2, 3)
    np.testing.assert_allclose(moving.follow(xy + there, 3, -2), -there, atol=1e-9)


def test_a_disc_that_leaves_comes_back_on_the_other_side() -> None:
    leaving = scene(SteadyMotion(), SteadyMotion(dx_px=10), Disc(30, 0, 6))
    assert leaving.disc_at(np.array([30.0, 0.0]), 0) == 0
    assert leaving.disc_at(np.array([30.0 + 10 - 65, 0.0]), 1) == 0
    assert leaving.disc_at(np.array([30.0, 0.0]), 1) == -1


def test_the_camera_carries_discs_along() -> None:
    carried = scene(SteadyMotion(dx_px=2, dy_px=-3), SteadyMotion(dx_px=10), Disc(0, 0, 6))
    np.testing.assert_allclose(carried.follow(np.zeros(2), 0, 1), [12, -3])
    assert carried.disc_at(np.array([[12.0, -3.0], [17.0, -3.0], [12.0, 4.0]]), 1).tolist() == [0, 0, -1]


def test_discs_under_a_turning_camera_are_refused() -> None:
    with pytest.raises(ValueError, match="a camera that only pans"):
        scene(SteadyMotion(rotation_degrees=1), SteadyMotion(), Disc(0, 0, 5))


def test_sampling_is_bilinear_and_periodic() -> None:
    texture = np.arange(4 * 4 * 3, dtype=np.float32).reshape(4, 4, 3)
    np.testing.assert_array_equal(sample(texture, np.array([-1.0, 5.0])), texture[1, 3])
    np.testing.assert_allclose(sample(texture, np.array([0.25, 2.5])), 0.75 * (texture[2, 0] + texture[3, 0]) / 2
                               + 0.25 * (texture[2, 1] + texture[3, 1]) / 2)  # fmt: skip


def test_what_a_frame_shows_is_drawn_in_the_same_way_for_every_class() -> None:
    kind = KINDS["objects"]
    same = replace(kind, classes={name: SteadyMotion() for name in kind.classes})
    still, moving = demo_clips(same, 50, 3), demo_clips(kind, 50, 3)
    assert [(c.camera, c.discs, c.texture_seed) for c in still] == [(c.camera, c.discs, c.texture_seed) for c in moving]
    picture, other = moving[0].scene(128, 128).frame(0), still[0].scene(128, 128).frame(0)
    np.testing.assert_array_equal(picture, other)
