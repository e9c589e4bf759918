"""Splits, streams, and clips that lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data import TrainLoader, model_inputs, open_data, streams_of, train_clips, val_clips
from memory import MemoryClips
from processes import Processes
from train import build_model, train
from videotx.datasets import Clip, ClipDataset, ClipSpec, Shards, collate, open_shards
from videotx.datasets.augment import RandomErasing
from videotx.datasets.clips import ClipIndex
from videotx.datasets.crops import RandomResizedCrop
from videotx.models import create_model

HERE = Processes(0, 1, torch.device("cpu"))
TINY_DVT = {"dim": 16, "depth": 1, "num_heads": 2, "mlp_dim": 32}


def same(one: Clip, other: Clip) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(Clip)]
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_share_of_the_videos_is_held_out(settings_of: Callable[..., Any], share: float) -> None:
    data = open_data(settings_of(val_share=share))
    assert data.train.rows is not None
    assert data.val.rows is not None
    assert sorted([*data.train.rows, *data.val.rows]) == list(range(16))
    assert len(data.val.rows) == pytest.approx(16 * share, abs=1)
    assert np.array_equal(open_data(settings_of(val_share=share)).val.rows, data.val.rows)


def test_half_of_the_videos_is_half_of_every_class(settings_of: Callable[..., Any]) -> None:
    data = open_data(settings_of(val_share=0.5))
    assert sorted(data.val.shards.videos["label"][data.val.rows]) == list(range(8))


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The demo shards with other columns in their table of videos."""

    def change(**columns: Any) -> None:
        def opened(path: Path) -> Shards:
            shards = open_shards(path)
            shards.videos.update({name: np.array(values) for name, values in columns.items()})
            return shards

        monkeypatch.setattr("data.open_shards", opened)

    return change


def test_stored_splits_are_used(settings_of: Callable[..., Any], stored: Callable[..., None]) -> None:
    stored(split=["train"] * 10 + ["val test1"] * 5 + ["test1"])
    data = open_data(settings_of())
    assert data.train.rows.tolist() == list(range(10))
    assert data.val.rows.tolist() == list(range(10, 15))
    assert open_data(settings_of(val_split="test1")).val.rows.tolist() == list(range(10, 16))
    with pytest.raises(ValueError, match="got 'test'; there are test1, train, val"):
        open_data(settings_of(val_split="test"))


def test_stored_verbs_and_nouns_are_used(settings_of: Callable[..., Any], stored: Callable[..., None]) -> None:
    stored(verb=np.arange(16) % 3, noun=np.arange(16) % 5)
    targets = open_data(settings_of()).targets
    assert (targets.kind, targets.num_classes) == ("verb_noun", {"verb": 3, "noun": 5})
    assert open_data(settings_of(num_classes=(97, 300))).targets.num_classes == {"verb": 97, "noun": 300}
    with pytest.raises(ValueError, match="expected labels of kind 'single', the data have 'verb_noun'"):
        open_data(settings_of(targets="single"))


def test_stored_actions_are_used(settings_of: Callable[..., Any], stored: Callable[..., None]) -> None:
    stored(actions=["1 0.0 2.0;7 1.0 3.0", *[""] * 15])
    data = open_data(settings_of(val_share=0.5))
    assert (data.targets.kind, data.targets.num_classes) == ("multiple", 8)
    done = train(settings_of(steps=1, num_frames=4))
    assert done.steps[0]["loss"] == pytest.approx(np.log(2), abs=0.05)
    with pytest.raises(ValueError, match="label smoothing shares one class"):
        open_data(settings_of(label_smoothing=0.1))


def test_videos_without_a_label_are_an_error(settings_of: Callable[..., Any], stored: Callable[..., None]) -> None:
    stored(label=[-1, *[3] * 15])
    with pytest.raises(ValueError, match="some videos have no label"):
        open_data(settings_of())


def test_labels_beyond_the_classes_are_an_error(settings_of: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"expected labels below \(3,\), got some up to \[7\]"):
        open_data(settings_of(num_classes=(3,)))


@pytest.mark.parametrize(
    ("changes", "streams"),
    [
        ({}, ("rgb", "motion", "residual")),
        ({"cue": "displacement"}, ("rgb", "motion")),
        ({"cue": "residual"}, ("rgb", "motion", "residual")),
        ({"cue": "none"}, ("rgb",)),
        ({"cue": "rgb_difference"}, ("rgb",)),
        ({"attention": "multi_scale"}, ("rgb",)),
        ({"attention": "divided"}, ("rgb",)),
    ],
)
def test_dvt_gets_the_streams_that_it_reads(
    settings_of: Callable[..., Any], changes: dict[str, Any], streams: tuple[str, ...]
) -> None:
    settings = settings_of(model="dvt_tiny", model_settings={**TINY_DVT, **changes}, num_frames=4, size=32)
    data = open_data(settings)
    model = build_model(settings, data.targets)
    assert streams_of(model) == streams
    clips = train_clips(settings, data, model)
    batch = TrainLoader.of(clips, settings, HERE).steps(0, 1)
    _, (first,) = next(batch)
    rgb = torch.randn(2, 3, 4, 32, 32)
    arguments = model_inputs(first, model)
    assert len(arguments) == (2 if "motion" in streams else 1)
    assert model(rgb, *arguments[1:]).shape == (2, 8)


def test_a_cue_without_its_residual_is_an_error(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(model="dvt_tiny", model_settings=TINY_DVT, num_frames=4, size=32, streams=("rgb", "motion"))
    data = open_data(settings)
    model = build_model(settings, data.targets)
    batch = collate([train_clips(settings, data, model)[0]])
    with pytest.raises(ValueError, match="expected clips with residual for the cue 'both'"):
        model_inputs(batch, model)


def test_other_families_get_rgb() -> None:
    with torch.device("meta"):
        assert streams_of(create_model("mvit_base_16x4")) == ("rgb",)


@pytest.fixture
def plain(demo_shards: Path) -> Callable[..., ClipDataset]:
    def make(**changes: Any) -> ClipDataset:
        settings = {"train": True, "crop": RandomResizedCrop(32), "streams": ("rgb", "motion", "residual"), "seed": 3}
        return ClipDataset(open_shards(demo_shards), ClipSpec(4, 2), **{**settings, **changes})

    return make


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_clips_in_memory_are_those_of_the_first_epochs(plain: Callable[..., ClipDataset], workers: int) -> None:
    source = plain()
    memory = MemoryClips(source, draws=2, workers=workers)
    for epoch in range(5):
        for number in (0, 7, 15):
            assert same(memory[ClipIndex(epoch, number)], source[ClipIndex(epoch % 2, number)])
    assert not same(memory[ClipIndex(0, 7)], memory[ClipIndex(1, 7)])


def test_values_change_afresh_every_epoch(plain: Callable[..., ClipDataset]) -> None:
    source = plain()
    memory = MemoryClips(source, draws=1, change=RandomErasing(1.0))
    first, second = memory[ClipIndex(0, 3)], memory[ClipIndex(1, 3)]
    assert not torch.equal(first.rgb, second.rgb)
    assert torch.equal(first.displacement, second.displacement)
    assert same(first, memory[ClipIndex(0, 3)])


def test_clips_of_evaluation_are_cached_whole(settings_of: Callable[..., Any]) -> None:
    settings = settings_of()
    data = open_data(settings)
    clips = val_clips(settings, data, build_model(settings, data.targets))
    memory = MemoryClips(clips)
    assert len(memory) == len(clips) == 4
    assert all(same(memory[i], clips[i]) for i in range(4))


def test_memory_refuses_what_would_freeze_randomness(plain: Callable[..., ClipDataset]) -> None:
    with pytest.raises(ValueError, match="expected clips without a transform"):
        MemoryClips(plain(transform=RandomErasing()))
    with pytest.raises(ValueError, match="one where nothing is random"):
        MemoryClips(plain(train=False, crop=None), draws=2)


def test_repeated_draws_differ_and_stay_together(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(repeats=2, batch_size=4, crop_area=(0.1, 0.3))
    data = open_data(settings)
    loader = TrainLoader.of(train_clips(settings, data, build_model(settings, data.targets)), settings, HERE)
    assert loader.steps_per_epoch == 12 * 2 // 4
    steps = dict(loader.steps(0, 12))
    assert list(steps) == list(range(12))
    for (batch,) in steps.values():
        assert batch.row[0] == batch.row[1] != batch.row[2] == batch.row[3]
        assert not torch.equal(batch.rgb[0], batch.rgb[1])
    whole = [batch.row[::2] for (batch,) in steps.values()]
    assert sorted(torch.cat(whole[:6]).tolist()) == sorted(data.train.rows.tolist())
    ((step, (again,)),) = loader.steps(7, 8)
    assert step == 7
    assert torch.equal(again.rgb, steps[7][0].rgb)


def test_too_few_clips_for_a_step_are_an_error(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(batch_size=16)
    data = open_data(settings)
    with pytest.raises(ValueError, match="a step takes 16 clips, and an epoch has 12"):
        TrainLoader.of(train_clips(settings, data, build_model(settings, data.targets)), settings, HERE)
