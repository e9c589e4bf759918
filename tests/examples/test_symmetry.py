"""A mirrored or transposed clip is the clip that would have been made had the motion been mirrored or transposed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial

import numpy as np
import pytest
import torch

from packed_clips import NUM_FRAMES, PATCH, PackedClips, other_frames
from symmetry import mirror, random_symmetry, transpose
from videotx.pipeline.demo_data import KINDS
from videotx.pipeline.demo_scene import BACKGROUND_SIDE, Scene, SteadyMotion, random_texture

SIDE = 32
CLASS_NAMES = tuple(sorted(KINDS["objects"].classes))

# Of (x, y), y down: what a symmetry makes of a point, and of an angle's or a class's direction.
Points = np.ndarray
Symmetry = tuple[Callable[[PackedClips], PackedClips], Callable[[Points], Points]]
SYMMETRIES: dict[str, Symmetry] = {
    "left and right": (partial(mirror, axis=0), lambda xy: xy * (-1, 1)),
    "up and down": (partial(mirror, axis=1), lambda xy: xy * (1, -1)),
    "transposed": (transpose, lambda xy: xy[..., ::-1]),
}


def seen(motion: SteadyMotion, label: str, change: Callable[[Points], Points] = lambda xy: xy) -> PackedClips:
    """A clip of a texture under ``motion``, both changed: each point of it is where ``change`` takes it."""
    texture = random_texture(np.random.default_rng(0), BACKGROUND_SIDE)
    scene = Scene(SIDE, SIDE, motion, SteadyMotion(), (), texture, ())
    frames = np.stack(list(scene.frames(NUM_FRAMES)))  # t h w 3
    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1) - (SIDE - 1) / 2  # h w xy
    there = np.rint(change(pixels) + (SIDE - 1) / 2).astype(int)  # every change is its own inverse
    cells = (np.stack(np.meshgrid(*[np.arange(SIDE // PATCH)] * 2), -1) + 0.5) * PATCH - SIDE / 2  # row column xy
    moved = [
        [change(scene.follow(change(cells), t, other)) for other in others] for t, others in enumerate(other_frames())
    ]
    displacement = torch.tensor(np.array(moved), dtype=torch.float32)[None]
    # What is known, and the residual, depend on the place.
    left_of_middle_row = torch.from_numpy((change(cells) @ (1, 3)) < 0)
    return PackedClips(
        rgb=torch.from_numpy(frames[:, there[..., 1], there[..., 0]])[None],
        displacement=displacement,
        valid=left_of_middle_row.expand(displacement.shape[:-1]),
        residual=torch.from_numpy(change(cells) @ (1.0, 5.0)).float()[..., None].expand(*displacement.shape[:-1], 6),
        label=torch.tensor([CLASS_NAMES.index(label)]),
        number=torch.tensor([7]),
        class_names=CLASS_NAMES,
    )


def assert_same(one: PackedClips, other: PackedClips) -> None:
    for field in fields(PackedClips):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, torch.Tensor):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-4 if a.is_floating_point() else 0, msg=field.name)
        else:
            assert a == b


# A motion, and the class that it is of in each symmetry.
@pytest.mark.parametrize(
    ("motion", "label", "expected"),
    [
        (SteadyMotion(dx_px=-1.5, dy_px=0.25), "left", ("right", "left", "up")),
        (SteadyMotion(dx_px=3.0), "right_fast", ("left_fast", "right_fast", "down_fast")),
        (SteadyMotion(dy_px=3.0), "down_fast", ("down_fast", "up_fast", "right_fast")),
        (SteadyMotion(rotation_degrees=4.0), "rotate_clockwise", ("rotate_counterclockwise",) * 3),
        (SteadyMotion(zoom_percent=3.0), "approach", ("approach",) * 3),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("number", range(3), ids=list(SYMMETRIES))
def test_it_is_the_clip_of_the_changed_motion(
    motion: SteadyMotion, label: str, expected: tuple[str, ...], number: int
) -> None:
    symmetry, change = list(SYMMETRIES.values())[number]
    clip = seen(motion, label)
    changed = symmetry(clip)
    assert_same(changed, seen(motion, expected[number], change))
    assert not torch.equal(changed.rgb, clip.rgb)
    assert_same(symmetry(changed), clip)


@pytest.mark.parametrize("name", SYMMETRIES)
@pytest.mark.parametrize("label", CLASS_NAMES)
def test_the_new_class_is_the_one_of_the_new_motion(name: str, label: str) -> None:
    """Of every class: the direction of the motion after the change is the one that the new name's motion has."""
    symmetry, change = SYMMETRIES[name]
    classes = KINDS["objects"].classes
    new = classes[CLASS_NAMES[int(symmetry(seen(classes[label], label)).label)]]
    xy = np.array([[3.0, 4.0], [-5.0, 2.0]])

    def moved(motion: SteadyMotion, xy: Points) -> Points:
        return motion.turned_and_scaled(xy, 1) + motion.shift(1)

    np.testing.assert_allclose(moved(new, xy), change(moved(classes[label], change(xy))), atol=1e-9)


def test_all_eight_orientations_are_drawn_and_stay_true() -> None:
    motion = KINDS["objects"].classes["left"]
    one = seen(motion, "left")
    clips = one[torch.zeros(200, dtype=torch.int64)]
    torch.manual_seed(0)
    turned = random_symmetry(clips)
    pictures = {turned.rgb[i].numpy().tobytes(): i for i in range(200)}
    assert len(pictures) == 8
    counts = torch.bincount(turned.label, minlength=len(CLASS_NAMES))
    assert {CLASS_NAMES[i] for i in counts.nonzero().flatten()} == {"left", "right", "up", "down"}
    assert counts[counts > 0].min() > 25
    for i in range(200):
        new = KINDS["objects"].classes[CLASS_NAMES[turned.label[i]]]
        shift = torch.tensor([new.dx_px, new.dy_px])
        torch.testing.assert_close(turned.displacement[i, 0, 0], shift.expand(4, 4, 2), rtol=0, atol=1e-5)
    assert torch.equal(turned.number, clips.number)
