"""Mirrored and transposed clips: pixels, motion and class change together, so they are as true as the originals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from packed_clips import PackedClips

TURNS = {"clockwise": "counterclockwise"}
# Words of class names that change places with each other.
LEFT_RIGHT = TURNS | {"left": "right"}
UP_DOWN = TURNS | {"up": "down"}
TRANSPOSE = TURNS | {"left": "up", "right": "down"}


def random_symmetry(clips: PackedClips, names: Sequence[str]) -> PackedClips:
    """Each clip in one of the eight orientations of a square, drawn with torch's generator."""
    clips = _change_some(clips, mirror(clips, names, 0))
    clips = _change_some(clips, mirror(clips, names, 1))
    return _change_some(clips, transpose(clips, names))


def mirror(clips: PackedClips, names: Sequence[str], axis: int) -> PackedClips:
    """Left and right exchanged (``axis`` 0), or up and down (1)."""
    sign = clips.displacement.new_tensor([-1, 1] if axis == 0 else [1, -1])
    return replace(
        clips,
        rgb=clips.rgb.flip(3 - axis),
        displacement=clips.displacement.flip(-2 - axis) * sign,
        valid=clips.valid.flip(-1 - axis),
        residual=clips.residual.flip(-2 - axis),
        label=_renamed(clips.label, names, UP_DOWN if axis else LEFT_RIGHT),
    )


def transpose(clips: PackedClips, names: Sequence[str]) -> PackedClips:
    """Rows become columns: what moved to the left now moves up."""
    return replace(
        clips,
        rgb=clips.rgb.transpose(2, 3),
        displacement=clips.displacement.transpose(3, 4).flip(-1),
        valid=clips.valid.transpose(3, 4),
        residual=clips.residual.transpose(3, 4),
        label=_renamed(clips.label, names, TRANSPOSE),
    )


def _change_some(clips: PackedClips, changed: PackedClips) -> PackedClips:
    """Half of the clips as they are in ``changed``, drawn anew each time."""
    chosen = torch.rand(len(clips), device=clips.label.device) < 0.5

    def either(name: str) -> Tensor:
        old, new = getattr(clips, name), getattr(changed, name)
        return torch.where(chosen.view(-1, *[1] * (old.ndim - 1)), new, old)

    return replace(clips, **{name: either(name) for name in ("rgb", "displacement", "valid", "residual", "label")})


def _renamed(label: Tensor, names: Sequence[str], words: dict[str, str]) -> Tensor:
    both = words | {new: old for old, new in words.items()}
    new = ["_".join(both.get(word, word) for word in name.split("_")) for name in names]
    return torch.tensor([names.index(name) for name in new], device=label.device)[label]
