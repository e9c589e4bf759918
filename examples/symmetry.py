"""Mirrored and transposed clips: pixels, motion and class change together, so they are as true as the originals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from packed_clips import PackedClips

# Words of class names that change places with each other.
TURNS = {"clockwise": "counterclockwise"}
LEFT_RIGHT = TURNS | {"left": "right"}
UP_DOWN = TURNS | {"up": "down"}
TRANSPOSE = TURNS | {"left": "up", "right": "down"}


def random_symmetry(clips: PackedClips) -> PackedClips:
    """Each clip in one of the eight orientations of a square, drawn with torch's generator."""
    clips = _change_some(clips, mirror(clips, 0))
    clips = _change_some(clips, mirror(clips, 1))
    return _change_some(clips, transpose(clips))


def mirror(clips: PackedClips, axis: Literal[0, 1]) -> PackedClips:
    """Left and right exchanged (``axis`` 0), or up and down (1)."""
    sign = clips.displacement.new_tensor([-1, 1] if axis == 0 else [1, -1])
    return replace(
        clips,
        rgb=clips.rgb.flip(3 - axis),
        displacement=clips.displacement.flip(-2 - axis) * sign,
        valid=clips.valid.flip(-1 - axis),
        residual=clips.residual.flip(-2 - axis),
        label=_renamed(clips, UP_DOWN if axis else LEFT_RIGHT),
    )


def transpose(clips: PackedClips) -> PackedClips:
    """Rows become columns: what moved to the left now moves up."""
    return replace(
        clips,
        rgb=clips.rgb.transpose(2, 3),
        displacement=clips.displacement.transpose(3, 4).flip(-1),
        valid=clips.valid.transpose(3, 4),
        residual=clips.residual.transpose(3, 4),
        label=_renamed(clips, TRANSPOSE),
    )


def _change_some(clips: PackedClips, changed: PackedClips) -> PackedClips:
    """Half of the clips as they are in ``changed``, drawn anew each time."""
    chosen = torch.rand(len(clips), device=clips.label.device) < 0.5

    def either(name: str) -> Tensor:
        old, new = getattr(clips, name), getattr(changed, name)
        return torch.where(chosen.view(-1, *[1] * (old.ndim - 1)), new, old)

    mixed: dict[str, Any] = {name: either(name) for name in ("rgb", "displacement", "valid", "residual", "label")}
    return replace(clips, **mixed)


def _renamed(clips: PackedClips, words: dict[str, str]) -> Tensor:
    """Labels of the classes whose names have ``words`` exchanged."""
    both = words | {new: old for old, new in words.items()}
    names = clips.class_names
    new = ["_".join(both.get(word, word) for word in name.split("_")) for name in names]
    return torch.tensor([names.index(name) for name in new], device=clips.label.device)[clips.label]
