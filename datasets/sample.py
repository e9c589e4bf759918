"""One clip, and a batch of clips: typed values whose shapes and units are fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch.utils.data import default_collate


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Streams:
    """What a clip holds, and a batch of clips, along a first axis ``b`` more. Streams that were not asked for are None.
    Everything geometric is in pixels of the shown RGB.

    ``rgb`` uint8 ``(t, h, w, 3)``. ``frames`` int64 ``(t,)`` and ``seconds`` float64 ``(t,)`` say where in the video
    its frames are. ``label`` is int64 ``()``, float32 ``(class,)`` of 0 and 1 for multi-label, or int64 ``(2,)`` for
    verb and noun.

    Of each sampled frame alone: ``motion`` float32 ``(t, list, row, column, xy)`` and ``ref`` int8
    ``(t, list, row, column)``, vectors from cell to source; ``frame_residual`` int16 ``(t, h, w, 3)`` in RGB units.

    Between all pairs of sampled frames: ``displacement`` float32 ``(t, t', row, column, xy)``, ``valid`` bool
    ``(t, t', row, column)`` and ``residual`` float32 ``(t, t', row, column, 6)``, as
    :class:`videotx.datasets.trace.Trace` says.
    """

    frames: torch.Tensor
    seconds: torch.Tensor
    label: torch.Tensor
    rgb: torch.Tensor | None = None
    motion: torch.Tensor | None = None
    ref: torch.Tensor | None = None
    frame_residual: torch.Tensor | None = None
    displacement: torch.Tensor | None = None
    valid: torch.Tensor | None = None
    residual: torch.Tensor | None = None

    def __repr__(self) -> str:
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, torch.Tensor):
                parts.append(f"{field.name} {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}")
            elif value is not None:
                parts.append(f"{field.name} {value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Clip(Streams):
    """One clip: ``video`` is its path, ``row`` its row in the table of videos, ``view`` (temporal, spatial) in
    evaluation."""

    video: str
    row: int
    view: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClipBatch(Streams):
    """Clips stacked: ``row`` int64 ``(b,)``, ``view`` int64 ``(b, 2)``, everything else with ``b`` first.

    ``rgb`` is uint8 ``(b, t, h, w, 3)`` until :class:`videotx.datasets.normalise.Normalise` makes it float32
    ``(b, 3, t, h, w)``, which is what models take. ``label`` is ``(b,)``, ``(b, class)`` or ``(b, 2)``.
    """

    video: tuple[str, ...]
    row: torch.Tensor
    view: torch.Tensor

    def __len__(self) -> int:
        return len(self.video)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The batch with every tensor on ``device``."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory; DataLoader calls this with ``pin_memory=True``."""
        return self._mapped(torch.Tensor.pin_memory)

    def _mapped(self, change: Any) -> Self:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: change(v) for k, v in values.items() if isinstance(v, torch.Tensor)})


def collate(clips: Sequence[Clip]) -> ClipBatch:
    """Stack clips. Raises ValueError, naming the videos, when their shapes or streams differ."""
    first = clips[0]
    stacked: dict[str, Any] = {}
    for field in fields(Streams):
        values = [getattr(clip, field.name) for clip in clips]
        if any(v is None for v in values):
            if not all(v is None for v in values):
                raise ValueError(f"some clips have {field.name} and some have not")
            continue
        for clip, value in zip(clips, values, strict=True):
            if value.shape != values[0].shape:
                raise ValueError(
                    f"cannot stack {field.name}: {first.video} has {tuple(values[0].shape)}, {clip.video} has "
                    f"{tuple(value.shape)}"
                )
        stacked[field.name] = default_collate(values)  # in a worker, into the memory that it shares with the trainer
    return ClipBatch(
        video=tuple(clip.video for clip in clips),
        row=torch.tensor([clip.row for clip in clips]),
        view=torch.tensor([clip.view for clip in clips]),
        **stacked,
    )
