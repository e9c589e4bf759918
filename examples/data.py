"""From shards to batches that a model takes: splits, labels, clips, augmentation, loaders."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from memory import MemoryClips
from processes import Processes
from settings import Settings, TargetKind
from targets import Targets
from videotx.datasets import (
    Clip,
    ClipBatch,
    ClipDataset,
    ClipSampler,
    ClipSpec,
    Normalise,
    Shards,
    collate,
    open_shards,
)
from videotx.datasets.augment import Chain, ColourJitter, RandAugment, RandomErasing, Transform
from videotx.datasets.clips import ClipIndex, Geometry
from videotx.datasets.crops import Crop, EvenCrops, RandomResizedCrop, ScaleJitter, WholePicture
from videotx.datasets.labels import AnnotationFile, Annotations, stored_targets
from videotx.datasets.mix import Mix
from videotx.datasets.normalise import IMAGENET
from videotx.datasets.views import FixedRate, Sampling, Segments, Views
from videotx.models import MODELS, Motion, VideoModel
from videotx.models.dvt import DVT
from videotx.models.layers.head import ONE_TARGET

NORMALISE = {
    "kinetics": Normalise(),
    "imagenet": IMAGENET,
    "minus_one_to_one": Normalise(mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5)),
}


@dataclass(frozen=True)
class Split:
    """The videos of one split: all of ``shards`` where ``rows`` is None and there are no annotations."""

    shards: Shards
    rows: npt.NDArray[np.int64] | None = None
    annotations: Annotations | None = None


@dataclass(frozen=True)
class Data:
    train: Split
    val: Split
    targets: Targets


def open_data(settings: Settings) -> Data:
    """Open the shards and split them: by ``val_shards``, by the splits that are stored or annotated, or by a share."""
    shards = open_shards(settings.shards)
    other = shards if settings.val_shards is None else open_shards(settings.val_shards)
    names = settings.class_names.read_text(encoding="utf-8").split("\n") if settings.class_names else []
    names = [name.strip() for name in names if name.strip()]
    if settings.annotations is None:
        train, val = Split(shards), Split(other)
        has_splits = bool((shards.videos["split"] != "").any())
    else:
        train = Split(shards, annotations=_annotations(settings, settings.train_split, names))
        val = Split(other, annotations=_annotations(settings, settings.val_split, names))
        has_splits = settings.split_column is not None
    if settings.val_shards is None and not has_splits:
        rows = _held_out(shards, settings.val_share)
        train, val = replace(train, rows=np.setdiff1d(shards.readable(), rows)), replace(val, rows=rows)
    elif settings.val_shards is None and settings.annotations is None:
        train = replace(train, rows=shards.split(settings.train_split))
        val = replace(val, rows=shards.split(settings.val_split))
    return Data(train, val, _targets(settings, [train, val], names))


def _annotations(settings: Settings, split: str, names: list[str]) -> Annotations:
    column = settings.split_column
    assert settings.annotations is not None
    file = AnnotationFile(settings.annotations, settings.video_column, column, split if column else None)
    if settings.targets == "verb_noun":
        return file.verb_and_noun(*settings.label_columns)
    (label,) = settings.label_columns or ("label",)
    return file.multiple(label, names) if settings.targets == "multiple" else file.single(label, names or None)


def _held_out(shards: Shards, share: float) -> npt.NDArray[np.int64]:
    """About ``share`` of the videos of every class, always the same ones: they are ordered by a hash of their path."""
    if not 0 < share < 1:
        raise ValueError(f"expected a val_share between 0 and 1, val_shards or a split_column, got {share}")
    rows = shards.readable()
    key = {int(row): zlib.crc32(str(shards.videos["path"][row]).encode()) for row in rows}
    ordered = sorted(rows.tolist(), key=lambda row: (int(shards.videos["label"][row]), key[row]))
    taken = np.diff(np.floor(np.arange(len(ordered) + 1) * share + 0.5)) > 0  # evenly spread, so over the classes too
    return np.sort(np.array(ordered, np.int64)[taken])


def _targets(settings: Settings, splits: list[Split], names: list[str]) -> Targets:
    """What is predicted follows from the labels; of how many classes: as set, as named, or as many as they reach to."""
    labels = np.concatenate([_labels(split) for split in splits])
    if labels.ndim == 1:
        kind: TargetKind = "single"
    else:
        kind = "multiple" if np.issubdtype(labels.dtype, np.floating) else "verb_noun"
    if settings.targets not in (None, kind):
        raise ValueError(f"expected labels of kind {settings.targets!r}, the data have {kind!r}")
    if kind == "multiple" and settings.label_smoothing:
        raise ValueError("label smoothing shares one class with the others; with several per video set it to 0")
    known = _names(kind, splits[0], names)
    if settings.num_classes and len(settings.num_classes) != len(known):
        raise ValueError(f"expected a number of classes for each of {', '.join(known)}, got {settings.num_classes}")
    if kind == "multiple":
        return Targets(kind, {ONE_TARGET: labels.shape[1]}, known)
    if labels.min() < 0:
        raise ValueError(f"{settings.shards}: some videos have no label; give annotations, or choose a split that has")
    highest = labels.reshape(len(labels), -1).max(0) + 1
    found = [max(len(of_target), int(most)) for of_target, most in zip(known.values(), highest, strict=True)]
    sizes = settings.num_classes or tuple(found)
    if np.any(highest > sizes):
        raise ValueError(f"expected labels below {sizes}, got some up to {(highest - 1).tolist()}")
    return Targets(kind, dict(zip(known, sizes, strict=True)), known)


def _names(kind: TargetKind, split: Split, names: list[str]) -> dict[str, tuple[str, ...]]:
    """The names of the classes by target: given in a file, annotated, stored, or none."""
    if kind == "verb_noun":
        stored = split.annotations is None
        return {"verb": split.shards.verb_names if stored else (), "noun": split.shards.noun_names if stored else ()}
    if names:
        return {ONE_TARGET: tuple(names)}
    return {ONE_TARGET: split.shards.class_names if split.annotations is None else split.annotations.class_names}


def _labels(split: Split) -> npt.NDArray[Any]:
    if split.annotations is not None:
        return np.stack(list(split.annotations.targets.values()))
    rows = split.shards.readable()
    if split.rows is not None:
        rows = np.intersect1d(rows, split.rows)
    if not rows.size:
        raise ValueError(f"{split.shards.path}: expected videos in every split, one has none that can be read")
    stored = stored_targets(split.shards.videos, rows, len(split.shards.class_names))
    return np.stack([stored[int(row)] for row in rows])


def streams_of(model: VideoModel[Any]) -> tuple[str, ...]:
    """The streams a model reads."""
    if not isinstance(model, DVT) or model.motion is None:
        return ("rgb",)
    cues = {"displacement": ("rgb", "motion"), "residual": ("rgb", "motion", "residual")}
    if model.config.cue == "flow":
        raise ValueError("expected a cue that is in shards, got 'flow'")
    return cues.get("residual" if model.config.cue == "both" else model.config.cue, ("rgb",))


def model_inputs(batch: ClipBatch, model: VideoModel[Any]) -> tuple[Tensor] | tuple[Tensor, Motion]:
    """The arguments of ``model`` for a normalised batch; without motion in the batch all of it is unknown to DVT."""
    assert batch.rgb is not None
    if not model.uses_motion or batch.displacement is None or batch.valid is None:
        return (batch.rgb,)
    residual = batch.residual
    if residual is None:  # of the cues that read motion `displacement` alone does without, and ignores what is there
        if model.config.cue != "displacement":
            raise ValueError(f"expected clips with residual for the cue {model.config.cue!r}, got none")
        residual = batch.displacement.new_zeros(*batch.valid.shape, 6)
    return batch.rgb, Motion(batch.displacement, batch.valid, residual)


def sampling_of(settings: Settings, model: VideoModel[Any]) -> Sampling:
    """Which frames make a clip."""
    num_frames = model.config.num_frames
    if settings.sampling == "segments":
        return Segments(num_frames)
    if settings.sampling == "rate":
        return FixedRate(num_frames, settings.fps)
    return ClipSpec(num_frames, settings.stride or MODELS[settings.model].frame_stride)


def train_clips(settings: Settings, data: Data, model: VideoModel[Any], *, progress: bool = False) -> Dataset[Clip]:
    """Random clips, decoded as they are asked for or (``cached_draws``) once."""
    size = model.config.resolution
    crops: dict[str, Crop] = {
        "resized": RandomResizedCrop(size[0], settings.crop_area, settings.crop_aspect, settings.flip),
        "jitter": ScaleJitter(size[0], _scaled(settings.short_side, size[0]), settings.flip),
        "centre": EvenCrops(size[0], round(size[0] * 8 / 7)),
        "whole": WholePicture(*size),
    }
    if size[0] != size[1] and settings.crop != "whole":
        raise ValueError(f"a crop of {settings.crop!r} is square, and the model's clips are {size}: use crop 'whole'")
    clips = clip_dataset(data.train, settings, model, train=True, crop=crops[settings.crop])
    change = _augmentation(settings)
    if settings.cached_draws:
        return MemoryClips(clips, settings.cached_draws, change, workers=settings.workers, progress=progress)
    clips.transform = change
    return clips


def _scaled(short_side: tuple[int, int], size: int) -> tuple[int, int]:
    return round(short_side[0] * size / 224), round(short_side[1] * size / 224)


def val_clips(settings: Settings, data: Data, model: VideoModel[Any]) -> ClipDataset:
    """The middle of every video of the evaluation split."""
    return _fixed_clips(settings, data, model, Views(), None)


def clips_of_views(settings: Settings, data: Data, model: VideoModel[Any]) -> ClipDataset:
    """The ``test_views`` of every video of the evaluation split, those of a video one after another."""
    return _fixed_clips(settings, data, model, Views(*settings.test_views), settings.test_short_side)


def _fixed_clips(
    settings: Settings, data: Data, model: VideoModel[Any], views: Views, short_side: int | None
) -> ClipDataset:
    size = model.config.resolution
    crop: Crop = EvenCrops(size[0], short_side or round(size[0] * 8 / 7))
    if settings.crop == "whole":
        crop = WholePicture(*size)
    return clip_dataset(data.val, settings, model, train=False, crop=crop, views=views)


def clip_dataset(
    split: Split,
    settings: Settings,
    model: VideoModel[Any],
    *,
    train: bool,
    crop: Crop,
    views: Views | None = None,
) -> ClipDataset:
    """Clips of a split, of the streams and on the grid of patches that the model wants."""
    streams = settings.streams or streams_of(model)
    patch = model.config.patch if isinstance(model, DVT) else 16
    clips = ClipDataset(
        split.shards,
        sampling_of(settings, model),
        streams=streams,
        train=train,
        crop=crop,
        views=views,
        annotations=split.annotations,
        select=split.rows,
        geometry=Geometry(patch=patch),
        seed=settings.seed,
    )
    if len(clips) == 0:
        raise ValueError(f"{split.shards.path}: no videos to {'train on' if train else 'evaluate on'}")
    return clips


def _augmentation(settings: Settings) -> Transform | None:
    """What changes a training clip's RGB values."""
    steps: list[Transform] = []
    if settings.colour_jitter:
        steps.append(ColourJitter(*[settings.colour_jitter] * 3))
    if settings.rand_augment[0]:
        steps.append(RandAugment(*settings.rand_augment))
    if settings.erasing:
        steps.append(RandomErasing(settings.erasing))
    return Chain(tuple(steps)) if steps else None


def make_mix(settings: Settings, targets: Targets) -> Mix | None:
    """MixUp and CutMix of encoded targets; smoothing is the loss's."""
    if not settings.mixup and not settings.cutmix:
        return None
    return Mix(targets.width, mixup=settings.mixup, cutmix=settings.cutmix, smoothing=0.0)


class RepeatedSampler(Sampler[ClipIndex]):
    """Every index of ``sampler`` ``repeats`` times in a row, each with a draw of its own (Hoffer et al. 2020)."""

    def __init__(self, sampler: ClipSampler, repeats: int) -> None:
        self.sampler = sampler
        self.repeats = repeats

    def __len__(self) -> int:
        return len(self.sampler) * self.repeats

    def __iter__(self) -> Iterator[ClipIndex]:
        for epoch, number in self.sampler:
            for repeat in range(self.repeats):
                yield ClipIndex(epoch * self.repeats + repeat, number)


@dataclass(frozen=True)
class TrainLoader:
    """Batches of a run from any step on: which clips a step has follows from (seed, step, rank) alone."""

    loader: DataLoader[Clip]
    sampler: ClipSampler
    settings: Settings
    streams: frozenset[str]

    @classmethod
    def of(cls, clips: Dataset[Clip], settings: Settings, processes: Processes) -> TrainLoader:
        source = clips.source if isinstance(clips, MemoryClips) else clips
        assert isinstance(source, ClipDataset)
        sampler = ClipSampler(
            source, seed=settings.seed, rank=processes.rank, world_size=processes.world_size, drop_last=True
        )
        loader = make_loader(clips, settings, processes.device, RepeatedSampler(sampler, settings.repeats))
        self = cls(loader, sampler, settings, source.streams)
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"a step takes {processes.world_size * settings.batch_size * settings.accumulate} clips, "
                f"and an epoch has {processes.world_size * len(sampler) * settings.repeats}"
            )
        return self

    @property
    def steps_per_epoch(self) -> int:
        """Whole steps; clips that are left over wait for the next epoch's order."""
        settings = self.settings
        return len(self.sampler) * settings.repeats // (settings.batch_size * settings.accumulate)

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, list[ClipBatch]]]:
        """The batches of each step of ``[start, stop)``."""
        step, settings = start, self.settings
        while step < stop:
            epoch, within = divmod(step, self.steps_per_epoch)
            position = within * settings.accumulate * settings.batch_size // settings.repeats
            self.sampler.load_state_dict(
                {
                    "epoch": epoch,
                    "position": position,
                    "seed": settings.seed,
                    "world_size": self.sampler.world_size,
                }
            )
            batches = iter(self.loader)
            for _ in range(min(self.steps_per_epoch - within, stop - step)):
                yield step, [next(batches) for _ in range(settings.accumulate)]
                step += 1


def make_loader(
    clips: Dataset[Clip], settings: Settings, device: torch.device, order: Sampler[Any] | None = None
) -> DataLoader[Clip]:
    """Batches in the given order, or one after another; the workers of an order stay for the next epoch."""
    return DataLoader(
        clips,
        settings.batch_size,
        sampler=order,
        num_workers=settings.workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        persistent_workers=settings.workers > 0 and order is not None,
    )
