"""Clips: what a sample holds, and that it depends on (seed, epoch, index) alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler

from videotx.datasets.augment import Chain, ColourJitter, RandAugment, RandomErasing
from videotx.datasets.clips import ClipDataset, ClipIndex, Geometry
from videotx.datasets.crops import EvenCrops, RandomResizedCrop
from videotx.datasets.labels import Annotations
from videotx.datasets.mix import Mix
from videotx.datasets.normalise import Normalise
from videotx.datasets.sample import Clip, collate
from videotx.datasets.sampler import ClipSampler
from videotx.datasets.shards import open_shards
from videotx.datasets.views import ClipSpec, Views

EVERYTHING = ("rgb", "motion", "residual")
AUGMENT = Chain((ColourJitter(hue=0.1), RandAugment(), RandomErasing(probability=1.0)))


def training_set(path: Any, **options: Any) -> ClipDataset:
    settings = {"streams": EVERYTHING, "crop": RandomResizedCrop(64), "geometry": Geometry(16, 8)}
    return ClipDataset(open_shards(path), ClipSpec(4, 3), train=True, **(settings | options))


def assert_same(a: Clip, b: Clip) -> None:
    for field in fields(Clip):
        left, right = getattr(a, field.name), getattr(b, field.name)
        assert torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right, field.name


def test_a_clip_holds_what_was_asked_for(make_shards: Any) -> None:
    clip = training_set(make_shards())[2]
    assert clip.rgb is not None
    shapes = {f.name: tuple(v.shape) for f in fields(Clip) if isinstance(v := getattr(clip, f.name), torch.Tensor)}
    assert shapes == {
        "frames": (4,), "seconds": (4,), "label": (), "rgb": (4, 64, 64, 3), "motion": (4, 2, 8, 8, 2),
        "ref": (4, 2, 8, 8), "frame_residual": (4, 64, 64, 3), "displacement": (4, 4, 4, 4, 2),
        "valid": (4, 4, 4, 4), "residual": (4, 4, 4, 4, 6),
    }  # fmt: skip
    assert clip.rgb.dtype == torch.uint8
    assert clip.video == "a/2.mp4"
    np.testing.assert_allclose(clip.seconds, clip.frames.numpy() / 30)


def test_pixels_are_those_of_the_frames_named(make_shards: Any) -> None:
    shards = open_shards(make_shards())
    clip = ClipDataset(shards, ClipSpec(4, 3), train=False, crop=EvenCrops(100, 100))[2]
    assert clip.rgb is not None
    stored = shards.read(clip.row, clip.frames.numpy(), ["rgb"]).rgb
    assert stored is not None
    np.testing.assert_array_equal(clip.rgb, stored[:, :, 10:110])


def test_a_sample_depends_on_seed_epoch_and_index_alone(make_shards: Any) -> None:
    path = make_shards()
    dataset = training_set(path, transform=AUGMENT)
    first = dataset[ClipIndex(3, 2)]
    dataset[ClipIndex(0, 1)]
    torch.manual_seed(5)
    np.random.seed(5)
    assert_same(first, training_set(path, transform=AUGMENT)[ClipIndex(3, 2)])
    dataset.set_epoch(3)
    assert_same(first, dataset[2])
    others = [dataset[ClipIndex(4, 2)], training_set(path, transform=AUGMENT, seed=1)[ClipIndex(3, 2)]]
    for other in others:
        assert first.rgb is not None
        assert other.rgb is not None
        assert not torch.equal(first.rgb, other.rgb)


def test_workers_that_outlive_an_epoch_follow_it(make_shards: Any) -> None:
    dataset = training_set(make_shards(), streams=("rgb",))
    sampler = DistributedSampler(dataset, num_replicas=1, rank=0, shuffle=False)
    loader = DataLoader(dataset, batch_size=None, sampler=sampler, num_workers=1, persistent_workers=True)
    for epoch in range(3):
        dataset.set_epoch(epoch)
        sampler.set_epoch(epoch)
        for i, clip in enumerate(loader):
            assert_same(clip, dataset[ClipIndex(epoch, i)])


def test_views_of_evaluation(make_shards: Any) -> None:
    dataset = ClipDataset(
        open_shards(make_shards()), ClipSpec(4, 3), train=False, crop=EvenCrops(64, 80), views=Views(4, 3)
    )
    assert len(dataset) == 5 * 12
    clips = [dataset[24 + i] for i in range(12)]  # the video of 70 frames
    assert [int(clip.frames[0]) for clip in clips[::3]] == [0, 20, 40, 60]
    assert [clip.view for clip in clips[:4]] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert {clip.video for clip in clips} == {"a/2.mp4"}


def test_short_videos_loop(make_shards: Any) -> None:
    dataset = ClipDataset(open_shards(make_shards()), ClipSpec(4, 4), streams=EVERYTHING, train=False)
    clip = dataset[1]  # nine frames
    assert clip.frames.tolist() == [0, 4, 8, 3]
    assert clip.displacement is not None
    assert clip.displacement.shape[:2] == (4, 4)


def test_collated_clips_move_and_normalise(make_shards: Any) -> None:
    dataset = training_set(make_shards())
    clips = [dataset[i] for i in range(3)]
    batch = collate(clips)
    assert len(batch) == 3
    assert batch.to("meta").displacement.device.type == "meta"  # type: ignore[union-attr]
    assert clips[1].rgb is not None
    normal = Normalise(mean=(0.4, 0.5, 0.6), deviation=(0.2, 0.3, 0.4))(batch)
    assert normal.rgb is not None
    assert normal.rgb.shape == (3, 3, 4, 64, 64)
    expected = (clips[1].rgb.float() / 255 - torch.tensor([0.4, 0.5, 0.6])) / torch.tensor([0.2, 0.3, 0.4])
    torch.testing.assert_close(normal.rgb[1], expected.permute(3, 0, 1, 2))
    with pytest.raises(ValueError, match="cannot stack rgb"):
        collate([clips[0], training_set(dataset.shards.path, crop=RandomResizedCrop(32))[0]])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs a GPU")
def test_batches_pin(make_shards: Any) -> None:
    loader = DataLoader(training_set(make_shards()), batch_size=2, collate_fn=collate, pin_memory=True)
    batch = next(iter(loader))
    assert batch.rgb is not None
    assert batch.rgb.is_pinned()


def test_motion_needs_every_frame(make_shards: Any) -> None:
    shards = open_shards(make_shards())
    shards.recipe["frame_stride"] = 2
    with pytest.raises(ValueError, match="every 2th"):
        ClipDataset(shards, streams=("motion",), train=True)
    assert len(ClipDataset(shards, train=True)) == 5


def test_labels_from_an_annotation_choose_the_videos(make_shards: Any) -> None:
    annotations = Annotations({"2": np.array([3, 1]), "b/1": np.array([0, 2])})
    dataset = ClipDataset(open_shards(make_shards()), train=False, annotations=annotations)
    assert [(clip.video, clip.label.tolist()) for clip in (dataset[0], dataset[1])] == [
        ("b/1.mp4", [0, 2]),
        ("a/2.mp4", [3, 1]),
    ]
    assert len(ClipDataset(open_shards(dataset.shards.path), train=False, select=[0, 4, 99])) == 2


def test_augmentation_leaves_geometry_alone(make_shards: Any) -> None:
    path = make_shards()
    plain, changed = training_set(path)[2], training_set(path, transform=AUGMENT)[2]
    assert plain.rgb is not None
    assert changed.rgb is not None
    assert not torch.equal(plain.rgb, changed.rgb)
    assert torch.equal(plain.displacement, changed.displacement)  # type: ignore[arg-type]


@pytest.mark.parametrize("cutmix", [0.0, 1.0])
def test_mixed_batches(make_shards: Any, cutmix: float) -> None:
    dataset = training_set(make_shards())
    batch = collate([dataset[i] for i in range(3)])
    mix = Mix(3, mixup=0.0 if cutmix else 0.8, cutmix=cutmix, smoothing=0.0)
    out = mix(batch, np.random.default_rng(1))
    assert out.rgb is not None
    assert batch.rgb is not None
    torch.testing.assert_close(out.label.sum(1), torch.ones(3))
    if cutmix:
        other = (out.rgb[0] == batch.rgb[2]).all(-1).all(0)
        own = (out.rgb[0] == batch.rgb[0]).all(-1).all(0)
        assert (own | other).all()
        share = float(out.label[0, batch.label[2]])
        assert share == pytest.approx(float((other & ~own).float().mean()), abs=0.02)
        at_patch = (other & ~own)[8::16, 8::16]
        expected = torch.where(at_patch[None, None, :, :, None], batch.displacement[2], batch.displacement[0])  # type: ignore[index]
        torch.testing.assert_close(out.displacement[0], expected)  # type: ignore[index]
    else:
        share = float(out.label[0, batch.label[0]])
        mixed = share * batch.rgb[0].float() + (1 - share) * batch.rgb[2].float()
        assert (out.rgb[0].float() - mixed).abs().max() <= 0.51


def sampler_for(dataset: ClipDataset, rank: int = 0, world_size: int = 1, **options: Any) -> ClipSampler:
    return ClipSampler(dataset, seed=4, rank=rank, world_size=world_size, **options)


@pytest.fixture
def views_set(make_shards: Any) -> ClipDataset:
    return ClipDataset(open_shards(make_shards()), train=False, views=Views(5, 1))  # 25 indices, two shards


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_the_epoch(views_set: ClipDataset, world_size: int, drop_last: bool) -> None:
    ranks = [sampler_for(views_set, rank, world_size, drop_last=drop_last) for rank in range(world_size)]
    numbers = [[index.number for index in rank] for rank in ranks]
    assert {len(n) for n in numbers} == {len(rank) for rank in ranks}
    every = sorted(number for rank in numbers for number in rank)
    if drop_last:
        assert len(set(every)) == len(every) == 25 // world_size * world_size
    else:
        assert sorted(set(every)) == list(range(25))
        assert len(every) == -(-25 // world_size) * world_size


def test_epochs_differ_and_repeat(views_set: ClipDataset) -> None:
    sampler = sampler_for(views_set)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert [i.number for i in first] != [i.number for i in second]
    assert {i.epoch for i in second} == {1}
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_shards_stay_together(views_set: ClipDataset) -> None:
    numbers = np.array([index.number for index in sampler_for(views_set, num_interleaved=1)])
    assert np.count_nonzero(np.diff(views_set.shard_of_index()[numbers])) == 1


@pytest.mark.parametrize("workers_after", [0, 2])
def test_a_run_resumes_in_the_middle_of_an_epoch(views_set: ClipDataset, workers_after: int) -> None:
    sampler = sampler_for(views_set)
    sampler.set_epoch(2)
    whole = [tuple(clip.video + str(clip.view) for clip in batch) for batch in batches(views_set, sampler, 1)]
    state = sampler.state_dict(consumed=3 * 4)
    resumed = sampler_for(views_set)
    resumed.load_state_dict(state)
    resumed.set_epoch(2)
    rest = [
        tuple(clip.video + str(clip.view) for clip in batch) for batch in batches(views_set, resumed, workers_after)
    ]
    assert rest == whole[3:]
    assert len(list(resumed)) == 25  # the next pass is a whole one
    with pytest.raises(ValueError, match="2 ranks"):
        sampler_for(views_set, 0, 2).load_state_dict(state)


def batches(dataset: ClipDataset, sampler: ClipSampler, workers: int) -> Any:
    return DataLoader(dataset, batch_size=4, sampler=sampler, num_workers=workers, collate_fn=list)


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_torchdata_resumes(views_set: ClipDataset) -> None:
    loaders = pytest.importorskip("torchdata.stateful_dataloader", reason="needs torchdata")

    def loader(workers: int) -> Any:
        return loaders.StatefulDataLoader(
            views_set, batch_size=4, sampler=sampler_for(views_set), num_workers=workers, collate_fn=collate
        )

    whole = [batch.video for batch in loader(0)]
    interrupted = loader(1)
    steps = iter(interrupted)
    for _ in range(3):
        next(steps)
    state = interrupted.state_dict()
    resumed = loader(1)
    resumed.load_state_dict(state)
    assert [batch.video for batch in resumed] == whole[3:]
