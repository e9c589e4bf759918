"""Clips that are decoded once and then lie in memory, for data sets and experiments that are small."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from videotx.datasets import Clip, ClipDataset
from videotx.datasets.augment import Transform
from videotx.datasets.clips import ClipIndex


@dataclass(frozen=True)
class _Each(Dataset[Clip]):
    """All clips of the first ``draws`` epochs, one after another."""

    source: ClipDataset
    draws: int

    def __len__(self) -> int:
        return self.draws * len(self.source)

    def __getitem__(self, place: int) -> Clip:
        return self.source[ClipIndex(*divmod(place, len(self.source)))]


class MemoryClips(Dataset[Clip]):
    """The clips of ``source``, of its first ``draws`` epochs, in memory shared with the loader's workers.

    Epoch e gives the frames and windows that ``source`` draws in epoch ``e % draws``, so a training on it sees
    ``draws`` random clips of each video and never another. Clips of evaluation are always the same: one draw holds them
    all. ``change`` (colour, erasing) is drawn afresh in every epoch, on top of what lies in memory; ``source`` itself
    must have no such transform. A clip is what it was, but for that change, and depends on (seed, epoch, index) alone.
    """

    def __init__(
        self,
        source: ClipDataset,
        draws: int = 1,
        change: Transform | None = None,
        *,
        workers: int = 0,
        progress: bool = False,
    ) -> None:
        if source.transform is not None:
            raise ValueError("expected clips without a transform: give it as `change`, so that it is drawn every epoch")
        if draws < 1 or (draws > 1 and not source.train):
            raise ValueError(f"expected at least one draw, and one where nothing is random, got {draws}")
        self.source, self.draws, self.change = source, draws, change
        each = _Each(source, draws)
        self._plain: list[dict[str, Any]] = []
        self._tensors: dict[str, torch.Tensor] = {}
        loader = DataLoader(each, batch_size=None, num_workers=workers)
        for place, clip in enumerate(tqdm(loader, "decoding", disable=not progress, leave=False)):
            values = {field.name: getattr(clip, field.name) for field in fields(Clip)}
            for name, value in values.items():
                if isinstance(value, torch.Tensor):
                    if place == 0:
                        self._tensors[name] = torch.empty(len(each), *value.shape, dtype=value.dtype).share_memory_()
                    self._tensors[name][place] = value
            self._plain.append({k: v for k, v in values.items() if k not in self._tensors})

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int | ClipIndex) -> Clip:
        epoch, number = index if isinstance(index, tuple) else (0, int(index))
        if not 0 <= number < len(self):
            raise IndexError(f"expected an index in [0, {len(self)}), got {number}")
        place = epoch % self.draws * len(self) + number
        tensors = {name: values[place] for name, values in self._tensors.items()}
        clip = Clip(**{**self._plain[place], **tensors})
        if self.change is None:
            return clip
        # A copy: what a transform does in place must not stay.
        clip = replace(clip, rgb=None if clip.rgb is None else clip.rgb.clone())
        return self.change(clip, np.random.default_rng([self.source.seed, epoch, number]))
