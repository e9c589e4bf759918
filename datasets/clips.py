"""Clips of the videos of an output folder, for training and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from videotx.datasets.crops import Crop, EvenCrops, RandomResizedCrop
from videotx.datasets.geometry import Window
from videotx.datasets.labels import Annotations, stored_targets
from videotx.datasets.residual import ResidualGrid
from videotx.datasets.sample import Clip
from videotx.datasets.shards import Shards
from videotx.datasets.show import mirror, show_motion, show_residual
from videotx.datasets.trace import trace
from videotx.datasets.views import ClipSpec, Sampling, Views

ClipTransform = Callable[[Clip, np.random.Generator], Clip]

# Pictures whose own motion is unknown are judged by later or earlier ones that span them; this many frames beyond the
# clip on each side are read for that.
_MARGIN: Final = 3


class ClipIndex(NamedTuple):
    """A sample of an epoch."""

    epoch: int
    number: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of the grids of a clip, in shown pixels: ``patch`` of the traces, ``cell`` of each frame's own motion."""

    patch: int = 16
    cell: int = 8


class ClipDataset(Dataset[Clip]):
    """Clips of every video of ``shards`` that can be read (and is annotated, where ``annotations`` are given).

    ``clip`` says which frames (:class:`ClipSpec`, ``FixedRate`` or ``Segments``), ``crop`` which part of the picture,
    ``streams`` which of rgb, motion and residual to load. With motion a clip carries the traces between all its frames
    and, with residual too, what was added along them. ``transform`` changes finished clips.

    In training (``train=True``) index i is video i, and the clip is drawn by (``seed``, epoch, i) and by nothing else;
    the epoch comes with a :class:`ClipIndex` or from :meth:`set_epoch`. In evaluation index i is view
    ``i % len(views)`` of video ``i // len(views)``, and nothing is random.

    ``select`` keeps the rows of the table of videos whose position is in it, such as those of :meth:`Shards.split`.
    """

    def __init__(
        self,
        shards: Shards,
        clip: Sampling | None = None,
        *,
        streams: Iterable[str] = ("rgb",),
        train: bool,
        crop: Crop | None = None,
        views: Views | None = None,
        transform: ClipTransform | None = None,
        annotations: Annotations | None = None,
        select: Sequence[int] | npt.NDArray[np.integer] | None = None,
        geometry: Geometry | None = None,
        seed: int = 0,
    ) -> None:
        self.shards = shards
        self.clip: Sampling = clip or ClipSpec()
        self.streams = frozenset(streams)
        self.train = train
        self.crop: Crop = crop or (RandomResizedCrop() if train else EvenCrops())
        self.views = views or Views()
        self.transform = transform
        self.geometry = geometry or Geometry()
        self.seed = seed
        if train and views is not None:
            raise ValueError("views are those of evaluation; with train=True each video gives one random clip")
        unknown = self.streams - {"rgb", "motion", "residual"}
        if unknown or not self.streams:
            raise ValueError(f"expected streams of rgb, motion and residual, got {sorted(self.streams)}")
        frame_stride = shards.recipe.get("frame_stride", 1)
        if "motion" in self.streams and frame_stride != 1:
            raise ValueError(
                f"motion is followed through every frame of a video; {shards.path} holds every {frame_stride}th alone"
            )
        rows = shards.readable()
        if select is not None:
            rows = rows[np.isin(rows, np.asarray(select))]
        if annotations is None:
            labels = stored_targets(shards.videos, rows, len(shards.class_names))
        else:
            found = annotations.join([str(shards.videos["segment"][row] or shards.videos["path"][row]) for row in rows])
            labels = {int(rows[position]): target for position, target in found.items()}
        self.rows: npt.NDArray[np.int64] = np.array(sorted(labels), np.int64)
        """Row in the table of videos of each video of this dataset."""
        self._labels = labels
        # Shared with worker processes, so that set_epoch reaches those that outlive an epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return len(self.rows) * (1 if self.train else len(self.views))

    def set_epoch(self, epoch: int) -> None:
        """The epoch of samples asked for by a plain number."""
        self._epoch.fill_(epoch)

    def shard_of_index(self) -> npt.NDArray[np.int64]:
        """The shard each index is in."""
        shards = np.asarray(self.shards.videos["shard"][self.rows], np.int64)
        return shards if self.train else np.repeat(shards, len(self.views))

    def __getitem__(self, index: int | ClipIndex) -> Clip:
        epoch, number = index if isinstance(index, tuple) else (int(self._epoch), int(index))
        if not 0 <= number < len(self):
            raise IndexError(f"expected an index in [0, {len(self)}), got {number}")
        random = np.random.default_rng([self.seed, epoch, number])
        view = (0, 0) if self.train else self.views.split(number % len(self.views))
        row = int(self.rows[number if self.train else number // len(self.views)])
        seconds = self.shards.seconds(row)
        if self.train:
            frames = self.clip.draw(seconds, random)
        else:
            frames = self.clip.view(seconds, view[0], self.views.num_temporal)
        clip = self._load(row, view, frames, seconds, random)
        return clip if self.transform is None else self.transform(clip, random)

    def _load(
        self,
        row: int,
        view: tuple[int, int],
        frames: npt.NDArray[np.int64],
        seconds: npt.NDArray[np.float64],
        random: np.random.Generator,
    ) -> Clip:
        window = self._window(self._shown_size(row), view[1], random)
        clip = Clip(
            video=str(self.shards.videos["path"][row]),
            row=row,
            view=view,
            frames=torch.from_numpy(frames),
            seconds=torch.from_numpy(seconds[frames]),
            label=torch.from_numpy(self._labels[row].copy()),
        )
        if "rgb" in self.streams:
            clip = replace(clip, rgb=self._show(row, frames, "rgb", window))
        if "motion" in self.streams:
            return self._with_motion(clip, window, len(seconds))
        if "residual" in self.streams:
            clip = replace(clip, frame_residual=self._show(row, frames, "residual", window))
        return clip

    def _shown_size(self, row: int) -> tuple[int, int]:
        """(height, width) of the stored pictures; of the native one when only motion is read."""
        for stream in ("rgb", "residual"):
            if stream in self.streams:
                return self.shards.picture_size(row, stream)
        return self.shards.native_size(row)

    def _window(self, size: tuple[int, int], spatial_view: int, random: np.random.Generator) -> Window:
        if self.train:
            return self.crop.draw(*size, random)
        return self.crop.view(*size, spatial_view, self.views.num_spatial)

    def _show(self, row: int, frames: npt.NDArray[np.int64], stream: str, window: Window) -> torch.Tensor:
        """What the window shows of pictures, of which nothing else is decoded."""
        stored = self.shards.read(row, frames, [stream], window)
        if stored.residual is not None:
            return show_residual(stored.residual, window)
        assert stored.rgb is not None  # it was asked for
        return mirror(torch.from_numpy(stored.rgb), window)

    def _with_motion(self, clip: Clip, window: Window, count: int) -> Clip:
        """The clip with everything that comes from motion, and from residual where it is asked for too."""
        frames = clip.frames.numpy()
        first, last = int(frames.min()), int(frames.max())
        begin = max(first - _MARGIN, 0)
        run = self.shards.read(clip.row, np.arange(begin, min(last + 1 + _MARGIN, count)), ["motion"])
        assert run.motion is not None  # they were asked for
        assert run.ref is not None
        positions = frames - begin
        native = window.on(*self.shards.native_size(clip.row))
        block = int(self.shards.recipe.get("block", 8))
        cells = None
        if "residual" in self.streams:
            size = self.shards.picture_size(clip.row, "residual")
            grid = ResidualGrid.under(native, *size, self.geometry.patch)
            run_of_residual = range(first, last + 1)
            cells, shown = self.shards.reduce_residual(clip.row, run_of_residual, grid, frames, window.on(*size))
            cells = replace(cells, first=first - begin)
            clip = replace(clip, frame_residual=show_residual(shown, window))
        traced = trace(run.motion, run.ref, positions, native, patch=self.geometry.patch, block=block, residual=cells)
        motion, ref = show_motion(
            run.motion[positions], run.ref[positions], native, cell=self.geometry.cell, block=block
        )
        return replace(
            clip,
            motion=motion,
            ref=ref,
            displacement=torch.from_numpy(traced.displacement),
            valid=torch.from_numpy(traced.valid),
            residual=None if traced.residual is None else torch.from_numpy(traced.residual),
        )
