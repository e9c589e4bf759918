"""Traces against known motion: closed forms on hand-made vectors, and encoded scenes whose motion is known."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_trace import Tracer

from videotx.datasets.geometry import Window
from videotx.datasets.residual import ResidualPictures
from videotx.datasets.trace import MOST_FILLED, accumulate_to_keyframe, trace
from videotx.extract import open_video

SHOWN = Window(256, 336, 16, 56, 224, 224, 224, 224)


def still_motion(num_frames: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((num_frames, 2, rows, columns, 2), np.int16), np.zeros((num_frames, 2, rows, columns), np.int8)


def pan_motion(num_frames: int, per_frame_qpel: tuple[int, int], distances: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 128 x 128 moving evenly; frame f refers ``distances[f % len]`` frames away (0: intra)."""
    mv, ref = still_motion(num_frames, 16, 16)
    for frame in range(num_frames):
        distance = distances[frame % len(distances)]
        ref[frame, 0] = distance
        mv[frame, 0] = np.array(per_frame_qpel) * distance
    return mv, ref


@pytest.mark.parametrize("distances", [[-1], [-2], [1], [-3, -1, 1], [-3, 2, 1], [-4, -1, -2, 1]])
def test_even_motion_is_followed_whatever_the_references(distances: list[int]) -> None:
    mv, ref = pan_motion(14, (3, -2), distances)
    out = trace(mv, ref, [2, 5, 11], Window(128, 128, 32, 32, 64, 64, 64, 64), patch=16)
    for i, a in enumerate((2, 5, 11)):
        for j, b in enumerate((2, 5, 11)):
            expected = np.array([0.75, -0.5]) * (b - a)
            np.testing.assert_allclose(out.displacement[i, j], np.broadcast_to(expected, (4, 4, 2)), atol=1e-3)
    assert out.valid.all()
    assert not out.filled.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_every_block_of_any_grid_is_moved_by_its_own_vector(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mv, ref = still_motion(2, rows, columns)
    ref[0, 1], mv[0, 1] = 1, random.integers(-400, 400, (rows, columns, 2))
    lists = random.integers(0, 2, (rows, columns))
    for at in (0, 1):
        ref[1, at][lists == at] = -1
        mv[1, at][lists == at] = random.integers(-400, 400, (int((lists == at).sum()), 2))
    out = trace(mv, ref, [0, 1], Window.whole(8 * rows, 8 * columns), patch=8)
    np.testing.assert_array_equal(out.displacement[0, 1], mv[0, 1] / 4)
    np.testing.assert_array_equal(out.displacement[1, 0], mv[1].sum(0) / 4)
    assert not out.filled.any()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 20)),
    st.integers(2, 9),
    st.sampled_from([[-1], [-2, -1, 1], [-4, -2, -1, 1, 2], [-4, -2], [2, 4]]),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_any_vectors_are_followed_as_said_plainly(
    grid: tuple[int, int], num_frames: int, distances: list[int], known: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    mv, ref = still_motion(num_frames, *grid)
    of_frames, of_blocks = random.choice(distances, (num_frames, 1, 1, 1)), random.choice(distances, ref.shape)
    ref[:] = np.where(random.random((num_frames, 1, 1, 1)) < 0.5, of_frames, of_blocks)
    # A common motion that blocks stray from: neighbours agree in part, and what moves stays a while.
    stray = random.choice([0, 1, 7, 40], (*ref.shape, 1)) * random.integers(-1, 2, mv.shape)
    mv[:] = random.integers(-20, 20, 2) + stray
    mv *= ref[..., None]
    absent = random.random(ref.shape) > known
    absent[:, 1] |= random.random(num_frames)[:, None, None] < 0.5  # P and I pictures among the B pictures
    absent[random.random(num_frames) < 0.2] = True
    ref[absent], mv[absent] = random.choice([0, -128]), 0
    window = Window.whole(8 * grid[0], 8 * grid[1])
    sampled = np.flatnonzero(random.random(num_frames) < 0.7)
    if not len(sampled):
        sampled = np.array([0])
    out, plain = trace(mv, ref, sampled, window, patch=8), Tracer(mv, ref)
    centres = window.patch_centres(8).reshape(-1, 2)
    same = []
    for (i, start), (j, end) in itertools.permutations(enumerate(sampled.tolist()), 2):
        displacement, sound, filled = plain.follow(start, end, centres, (8 * grid[0], 8 * grid[1]))
        near = np.abs(out.displacement[i, j].reshape(-1, 2) - displacement).max(-1) < 1e-2
        share = filled / abs(end - start)
        near &= np.isclose(out.filled[i, j].ravel(), share)
        same.append(near & (out.valid[i, j].ravel() == (sound & (share <= MOST_FILLED))))
    # Sums that are rounded otherwise may fall on the other side of a border between cells.
    assert not same or np.mean(same) > 0.99


def test_both_lists_count() -> None:
    mv, ref = pan_motion(6, (4, 0), [-1])
    mv[:, 1], ref[:, 1] = mv[:, 0], ref[:, 0]
    mv[:, 0], ref[:, 0] = 0, 0
    out = trace(mv, ref, [0, 5], Window.whole(128, 128), patch=32)
    np.testing.assert_allclose(out.displacement[0, 1, ..., 0], 5.0, atol=1e-3)


def test_a_key_frame_that_nothing_crosses_breaks_the_trace() -> None:
    mv, ref = pan_motion(9, (4, 0), [-1])
    ref[4], mv[4] = 0, 0
    out = trace(mv, ref, [1, 3, 4, 8], Window.whole(128, 128), patch=64)
    before = np.array([True, True, False, False])
    np.testing.assert_array_equal(out.valid[..., 0, 0], before[:, None] == before[None, :])
    np.testing.assert_allclose(out.displacement[2, 3, ..., 0], 4.0, atol=1e-3)


def test_a_key_frame_that_a_picture_before_it_refers_to_does_not() -> None:
    mv, ref = pan_motion(9, (4, 0), [-1])
    ref[4], mv[4] = 0, 0
    ref[3, 1], mv[3, 1] = 1, (4, 0)
    out = trace(mv, ref, [1, 8], Window.whole(128, 128), patch=64)
    assert out.valid[:, :, 0, 0].all()
    np.testing.assert_allclose(out.displacement[0, 1, ..., 0], 7.0, atol=1e-3)


def test_pictures_of_unknown_motion_are_spanned_by_later_ones() -> None:
    mv, ref = pan_motion(10, (4, 8), [-3])
    for frame in range(10):
        if frame % 3:
            ref[frame], mv[frame] = -128, 0
    out = trace(mv, ref, [0, 4, 9], Window(128, 128, 32, 32, 64, 64, 64, 64), patch=32)
    np.testing.assert_allclose(out.displacement[0, 1, ..., 1], 8.0, atol=1e-3)
    np.testing.assert_allclose(out.displacement[2, 1, ..., 1], -10.0, atol=1e-3)
    assert out.valid.all()


def test_intra_blocks_take_their_neighbours_motion_and_are_marked() -> None:
    mv, ref = pan_motion(3, (4, 0), [-1])
    ref[1, :, 6:9, 6:9], mv[1, :, 6:9, 6:9] = 0, 0
    out = trace(mv, ref, [0, 1, 2], Window.whole(128, 128), patch=8)
    np.testing.assert_allclose(out.displacement[1, 0, ..., 0], -1.0, atol=1e-3)
    assert (out.filled[1, 0, 6:9, 6:9] == 1).all()
    assert out.filled[1, 0].sum() == 9
    assert not out.valid[1, 0, 7, 7]
    assert out.valid[2, 0, 7, 7]  # one step of two is known


def test_what_leaves_the_picture_is_not_valid() -> None:
    mv, ref = pan_motion(5, (32, 0), [-1])
    out = trace(mv, ref, [0, 4], Window.whole(128, 128), patch=16)
    np.testing.assert_array_equal(out.valid[0, 1, 0], np.arange(8) * 16 + 8 + 32 <= 128)


def test_frames_may_repeat_and_come_in_any_order() -> None:
    mv, ref = pan_motion(8, (4, 0), [-1])
    window = Window.whole(128, 128)
    mixed = trace(mv, ref, [6, 1, 6, 3], window, patch=32)
    sorted_ = trace(mv, ref, [1, 3, 6], window, patch=32)
    order = np.array([2, 0, 2, 1])
    np.testing.assert_array_equal(mixed.displacement, sorted_.displacement[order[:, None], order])
    np.testing.assert_array_equal(mixed.valid, sorted_.valid[order[:, None], order])


@pytest.mark.parametrize("flip", [False, True])
def test_traces_are_in_shown_pixels(flip: bool) -> None:
    mv, ref = pan_motion(5, (4, 8), [-1])
    out = trace(mv, ref, [0, 4], Window(128, 128, 32, 16, 64, 32, 128, 128, flip), patch=16)
    np.testing.assert_allclose(out.displacement[0, 1, ..., 0], -16.0 if flip else 16.0, atol=1e-2)
    np.testing.assert_allclose(out.displacement[0, 1, ..., 1], 16.0, atol=1e-2)


def test_stray_blocks_of_a_large_picture_do_not_carry_patches_away() -> None:
    """In a picture shown at a quarter of its size one block is a small part of a patch."""
    random = np.random.default_rng(0)
    mv, ref = still_motion(9, 64, 64)
    ref[:, 0], mv[:, 0] = -1, (8, 0)
    stray = random.random((9, 64, 64)) < 0.2
    mv[:, 0][stray] = random.integers(-80, 80, (int(stray.sum()), 2))
    out = trace(mv, ref, [0, 8], Window(512, 512, 128, 128, 256, 256, 64, 64), patch=16)
    true = np.broadcast_to([-4.0, 0.0], (4, 4, 2))
    assert np.median(np.abs(out.displacement[0, 1] - true)) < 0.1
    assert np.abs(out.displacement[0, 1] - true).max() < 1.5


@pytest.mark.parametrize("patches", [1, 2, 5])
@pytest.mark.parametrize("missing_blocks", [0, 1])
def test_what_is_followed_in_a_large_picture_is_the_median_of_what_its_blocks_say(
    patches: int, missing_blocks: int
) -> None:
    """Half a patch is four blocks wide; the centres of patches are those of every second square of 4 x 4 blocks."""
    random = np.random.default_rng(patches)
    side = 4 * (2 * patches + 1)
    rows, columns = side - missing_blocks, side
    mv, ref = still_motion(2, rows, columns)
    mv[1, 0] = random.integers(-200, 200, (rows, columns, 2))
    ref[1, 0] = -(random.random((rows, columns)) < 0.7).astype(np.int8)
    window = Window(8 * rows, 8 * columns, 16, 16, 64 * patches, 64 * patches, 16 * patches, 16 * patches)
    out = trace(mv, ref, [0, 1], window, patch=16)
    for row in range(patches):
        for column in range(patches):
            at = np.s_[8 * row + 4 : 8 * row + 8, 8 * column + 4 : 8 * column + 8]
            velocities = np.sort(-mv[1, 0][at][ref[1, 0][at] < 0], axis=0)  # forward, of vectors that lead back
            median = velocities[len(velocities) // 2]
            np.testing.assert_allclose(out.displacement[1, 0, row, column], -median / 16, atol=1e-5)


def test_residual_adds_up_along_the_trace_with_its_sign() -> None:
    mv, ref = pan_motion(6, (64, 0), [-1])  # sixteen pixels per frame
    pictures = np.zeros((6, 128, 128, 3), np.int16)
    pictures[2, 32:48, 48:64] = (10, -4, 6)  # where the patch at (32, 16) of frame 0 is in frame 2
    pictures[3, 32:48, 64:80] = (-3, 1, 0)
    out = trace(mv, ref, [0, 3], Window.whole(128, 128), patch=16, residual=ResidualPictures(pictures))
    assert out.residual is not None
    np.testing.assert_allclose(out.residual[0, 1, 2, 1], [7, -3, 6, 13, 5, 6], atol=1e-3)
    np.testing.assert_allclose(out.residual[1, 0, 2, 4], [-7, 3, -6, 13, 5, 6], atol=1e-3)
    assert not out.residual[0, 1, 5].any()
    codes = ResidualPictures((pictures // 2 + 128).astype(np.uint8), zero=128, scale=2)
    coded = trace(mv, ref, [0, 3], Window.whole(128, 128), patch=16, residual=codes)
    expected = trace(mv, ref, [0, 3], Window.whole(128, 128), patch=16, residual=ResidualPictures(codes.in_rgb_units()))
    np.testing.assert_array_equal(coded.residual, expected.residual)


def test_half_the_residual_of_a_picture_two_frames_on_belongs_to_each_frame_between() -> None:
    mv, ref = pan_motion(3, (0, 0), [-2])
    pictures = np.zeros((3, 128, 128, 3), np.int16)
    pictures[2] = 8
    out = trace(mv, ref, [1, 2], Window.whole(128, 128), patch=64, residual=ResidualPictures(pictures))
    np.testing.assert_allclose(out.residual[0, 1, ..., :3], 4.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_accumulated_motion_and_residual_rebuild_the_frame(seed: int) -> None:
    """Decode a random stream of whole-sample vectors, references and residual; the accumulated form is the same."""
    random = np.random.default_rng(seed)
    num_frames, rows, columns = 6, 3, 4
    height, width = rows * 8, columns * 8
    mv = 4 * random.integers(-9, 10, (num_frames, 2, rows, columns, 2)).astype(np.int16)
    ref = -random.integers(0, 4, (num_frames, 2, rows, columns)).astype(np.int8)
    ref[:, 1], ref[0] = 0, 0
    ref = np.maximum(ref, -np.arange(num_frames, dtype=np.int8)[:, None, None, None])
    residual = random.integers(-20, 20, (num_frames, height, width, 3)).astype(np.int16)
    frames = random.integers(0, 256, (num_frames, height, width, 3)).astype(np.int64)
    for f in range(1, num_frames):
        for y in range(height):
            for x in range(width):
                r = ref[f, 0, y // 8, x // 8]
                if r:
                    dx, dy = mv[f, 0, y // 8, x // 8] // 4
                    source = frames[f + r, np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
                    frames[f, y, x] = source + residual[f, y, x]
    out = accumulate_to_keyframe(
        mv, ref, num_frames - 1, native_size=(height, width), residual=ResidualPictures(residual)
    )
    y, x = np.mgrid[:height, :width]
    source_y = np.clip(y + out.displacement[..., 1].round().astype(int), 0, height - 1)
    source_x = np.clip(x + out.displacement[..., 0].round().astype(int), 0, width - 1)
    np.testing.assert_array_equal(frames[-1], frames[out.source, source_y, source_x] + out.residual)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    mv, ref = pan_motion(4, (0, 0), [-1])
    with pytest.raises(ValueError, match="grid of 32 x 32"):
        trace(mv, ref, [0, 1], Window.whole(256, 256), patch=16)
    with pytest.raises(ValueError, match="ascend within"):
        trace(mv, ref, [0, 4], Window.whole(128, 128), patch=16)
    with pytest.raises(ValueError, match="do not tile"):
        trace(mv, ref, [0, 1], Window.whole(128, 128), patch=17)
    short = ResidualPictures(np.zeros((3, 128, 128, 3), np.uint8))
    with pytest.raises(ValueError, match="expected residual of frames 0 to 3"):
        trace(mv, ref, [0, 3], Window.whole(128, 128), patch=16, residual=short)


def known_scenes(synthetic: Any) -> dict[str, Any]:
    camera, thing, scene = synthetic.camera, synthetic.thing, synthetic.scene
    things = (
        thing(64, 80, lambda t: (20 + 2.9 * t, 40 + 0.6 * t)),
        thing(72, 64, lambda t: (250 - 2.1 * t, 150 - 0.9 * t)),
    )
    return {
        "pan": scene(camera(shift=lambda t: (40 * np.sin(t / 20), 25 * np.sin(t / 13)))),
        "zoom": scene(camera(zoom=lambda t: 1 + 0.004 * t)),
        "rotation": scene(camera(turn=lambda t: 0.006 * t)),
        "things": scene(camera(shift=lambda t: (30 * np.sin(t / 15), 10 * np.sin(t / 11))), things),
    }


def coded_motion(data: bytes, folder: Path) -> tuple[np.ndarray, np.ndarray, bool]:
    path = folder / "scene.mp4"
    path.write_bytes(data)
    with open_video(path) as video:
        fields = [frame.motion for frame in video]
        return np.stack([f.mv for f in fields]), np.stack([f.ref for f in fields]), video.motion_exact


def end_point_errors(scene: Any, displacement: np.ndarray, valid: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Errors (pixels) of valid patches over all pairs, and whether the patch is of a moving thing: (n, 2)."""
    centres = SHOWN.patch_centres(16).astype(float)
    out = []
    for i, a in enumerate(frames):
        for j, b in enumerate(frames):
            truth = scene.moved(a, b, centres)
            use = valid[i, j] & (truth >= 0).all(-1) & (truth <= [336, 256]).all(-1)
            if i != j:
                error = np.linalg.norm(displacement[i, j] - (truth - centres), axis=-1)
                out.append(np.stack([error[use], scene.owner(a, centres)[use] >= 0], axis=-1))
    return np.concatenate(out)


def summed_at_fixed_places(mv: np.ndarray, ref: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """What a trace would be without following: one-frame vectors of the patch's own place added up."""
    centres = SHOWN.patch_centres(16)
    column, row = (centres[..., 0] // 8).astype(int), (centres[..., 1] // 8).astype(int)
    distance = np.where(ref[:, 0] < 0, ref[:, 0], 1)[..., None]
    velocity = np.where(ref[:, 0, ..., None] < 0, mv[:, 0] / 4 / distance, 0)[:, row, column]  # f row column xy
    place = np.concatenate([np.zeros_like(velocity[:1]), np.cumsum(velocity[1:], axis=0)])
    return place[frames][None] - place[frames][:, None]


ENCODINGS = {
    "h264 ref 1 gop 250": ("libx264", {"x264-params": "ref=1:bframes=0:scenecut=0"}, 250, 0),
    "h264 ref 1 gop 12": ("libx264", {"x264-params": "ref=1:bframes=0:scenecut=0"}, 12, 0),
    "h264 ref 4 gop 250": ("libx264", {"x264-params": "ref=4:bframes=0:scenecut=0"}, 250, 0),
    "h264 defaults": ("libx264", {}, 250, 3),
    "h264 ref 2 b 2 gop 12": ("libx264", {"x264-params": "ref=2:bframes=2:scenecut=0"}, 12, 2),
    "mpeg4 gop 250": ("mpeg4", {}, 250, 0),
    "mpeg4 b 2 gop 12": ("mpeg4", {}, 12, 2),
}


@pytest.fixture(scope="module")
def scene_frames(synthetic: Any) -> dict[str, Any]:
    return {name: (scene, scene.frames(65)) for name, scene in known_scenes(synthetic).items()}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["pan", "zoom", "rotation", "things"])
def test_known_motion_is_found(
    scene_frames: dict[str, Any], synthetic: Any, tmp_path: Path, name: str, encoding: str
) -> None:
    scene, frames = scene_frames[name]
    mv, ref, exact = coded_motion(synthetic.encode(frames, *ENCODINGS[encoding]), tmp_path)
    if not exact:
        pytest.skip("this reader does not know which picture a vector points into")
    for sampled, most in ((np.arange(16), 1.0), (np.arange(0, 65, 4), 2.0)):
        out = trace(mv, ref, sampled, SHOWN, patch=16)
        assert out.valid.mean() > 0.1
        errors = end_point_errors(scene, out.displacement, out.valid, sampled)
        assert np.median(errors[:, 0]) < most
        if name == "things" and encoding == "h264 ref 1 gop 250":
            summed = end_point_errors(scene, summed_at_fixed_places(mv, ref, sampled), out.valid, sampled)
            moving = errors[:, 1] > 0
            # Within 16 frames a thing moves by less than its own size: most of its patches are still covered by it at
            # their first place, where summing is right, and only the mean tells.
            middle = np.mean if sampled[-1] < 64 else np.median
            assert middle(summed[moving, 0]) > 2 * middle(errors[moving, 0])
