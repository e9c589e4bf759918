"""Runs leave files, files are not made twice, and a model sees what its experiment says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments import EXPERIMENTS
from packed_clips import NUM_FRAMES, PackedClips, load, other_frames
from prove_motion import Recipe, batches, inputs, main, result_path, split, train

STEPS = ["--steps", "2", "--runs-only", "--jobs", "1"]
QUICK = "ViViT"


@pytest.fixture(scope="session")
def many(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty-eight clips: each of the twelve four times."""
    with np.load(packed) as file:
        arrays: dict[str, Any] = {
            name: array if name == "class_names" else np.concatenate([array] * 4) for name, array in file.items()
        }
    path = tmp_path_factory.mktemp("many") / "clips.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def clips(packed: Path) -> PackedClips:
    return load(packed)


def run_here(many: Path, out: Path, name: str, seed: int = 0) -> dict[str, Any]:
    assert main([f"{many}", "--out", f"{out}", *STEPS, "--alone", "--only", name, "--seeds", f"{seed}"]) == 0
    record: dict[str, Any] = json.loads(result_path(out, name, seed).read_text(encoding="utf-8"))
    return record


def test_a_run_leaves_all_that_the_report_reads(many: Path, tmp_path: Path) -> None:
    record = run_here(many, tmp_path, "D-ST alone")
    assert [path.name for path in tmp_path.iterdir()] == ["D_ST_alone-0.json"]
    assert (record["experiment"], record["seed"], record["training"]["steps"]) == ("D-ST alone", 0, 2)
    assert record["settings"]["model"] == "dvt_tiny"
    assert [point[0] for point in record["curve"]] == [1, 2]
    assert set(record["accuracy_fed"]) == {"motion", "unknown", "zero", "another clip's"}
    confusion = np.array(record["confusion"])
    assert confusion.sum() == 8  # the last sixth
    assert record["accuracy"] == pytest.approx(100 * confusion.trace() / 8)
    assert record["accuracy"] == record["curve"][-1][2] == record["accuracy_fed"]["motion"]


def test_a_seed_is_a_run(clips: PackedClips) -> None:
    torch.set_num_threads(1)

    def losses(seed: int) -> list[float]:
        found = train(EXPERIMENTS[QUICK], Recipe(steps=2, batch_size=4), clips, seed)
        return [loss for _, loss, _ in found["curve"]]

    assert losses(0) == losses(0) != losses(1)


def test_an_interrupted_matrix_goes_on(many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_here(many, tmp_path, QUICK)
    first = result_path(tmp_path, QUICK, 0)
    kept = first.stat().st_mtime_ns
    (tmp_path / "ViViT-1.123.partial").write_text("{", encoding="utf-8")  # what a killed run leaves
    matrix = [f"{many}", "--out", f"{tmp_path}", *STEPS, "--only", QUICK, "--seeds", "0", "1"]
    assert main([*matrix, "--budget", "1e-9"]) == 0
    assert "2 runs, 1 of them done before\nout of time: 1 runs are left" in capsys.readouterr().out
    assert not result_path(tmp_path, QUICK, 1).exists()
    assert main(matrix) == 0
    assert "2 runs, 1 of them done before\nViViT, seed 1: " in capsys.readouterr().out
    assert json.loads(result_path(tmp_path, QUICK, 1).read_text(encoding="utf-8"))["seed"] == 1
    assert "step 2 loss" in (tmp_path / "ViViT-1.log").read_text(encoding="utf-8")
    assert main(matrix) == 0
    assert capsys.readouterr().out == "2 runs, 2 of them done before\n"
    assert first.stat().st_mtime_ns == kept


def test_files_of_other_settings_are_refused(many: Path, tmp_path: Path) -> None:
    run_here(many, tmp_path, QUICK)
    matrix = [f"{many}", "--out", f"{tmp_path}", *STEPS, "--only", QUICK, "--seeds", "0"]
    with pytest.raises(ValueError, match=r"ViViT-0.json is of other settings: .*'lr': 0.01.*give another --out"):
        main([*matrix, "--lr", "0.01"])
    record = json.loads(result_path(tmp_path, QUICK, 0).read_text(encoding="utf-8"))
    record["settings"]["settings"]["depth"] = 12
    result_path(tmp_path, QUICK, 0).write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match="'depth': 12"):
        main(matrix)


def test_a_run_that_fails_is_told(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"{packed}", "--out", f"{tmp_path}", *STEPS, "--only", QUICK, "--seeds", "0"]) == 1
    assert f"failed: ViViT, seed 0: see {tmp_path / 'ViViT-0.log'}" in capsys.readouterr().out
    log = (tmp_path / "ViViT-0.log").read_text(encoding="utf-8")
    assert "ValueError: expected at least a batch of 32 clips to train on, got 10" in log
    assert not result_path(tmp_path, QUICK, 0).exists()


def test_no_clip_is_trained_on_and_evaluated_with(clips: PackedClips) -> None:
    train_rows, test_rows = split(clips)
    assert train_rows.tolist() == list(range(10))
    assert test_rows.tolist() == [10, 11]
    order = batches(train_rows, 4, seed=0)
    epoch = torch.cat([next(order), next(order)])
    assert len(set(epoch.tolist())) == 8
    assert set(epoch.tolist()) <= set(range(10))
    assert torch.cat([next(order), next(order)]).tolist() != epoch.tolist()


def test_one_frame_is_all_that_is_seen(clips: PackedClips) -> None:
    rgb, motion = inputs(clips, "one frame", uses_motion=True)
    whole, _ = inputs(clips, "motion", uses_motion=True)
    assert rgb.shape == whole.shape == (12, 3, NUM_FRAMES, 64, 64)
    for frame in range(NUM_FRAMES):
        assert torch.equal(rgb[:, :, frame], whole[:, :, NUM_FRAMES // 2])
    assert not torch.equal(whole[:, :, 0], whole[:, :, NUM_FRAMES // 2])
    assert not motion.valid.any()
    assert len(inputs(clips, "one frame", uses_motion=False)) == 1


def test_shuffled_frames_are_the_same_frames(clips: PackedClips) -> None:
    torch.manual_seed(0)
    rgb, motion = inputs(clips, "shuffled frames", uses_motion=True)
    whole, _ = inputs(clips, "motion", uses_motion=True)
    orders = [
        [next(t for t in range(NUM_FRAMES) if torch.equal(frame, clip[:, t])) for frame in shuffled.unbind(1)]
        for shuffled, clip in zip(rgb, whole, strict=True)
    ]
    assert all(sorted(order) == list(range(NUM_FRAMES)) for order in orders)
    assert len({tuple(order) for order in orders}) > 6
    assert not motion.valid.any()


def test_motion_is_what_the_feed_says(clips: PackedClips) -> None:
    pairs = (slice(None), torch.arange(NUM_FRAMES)[:, None], torch.from_numpy(other_frames()))
    fed = {feed: inputs(clips, feed, True)[1] for feed in ("motion", "unknown", "zero", "another clip's")}
    for name in ("displacement", "valid", "residual"):
        expected = getattr(clips, name)
        assert torch.equal(getattr(fed["motion"], name)[pairs], expected)
        assert torch.equal(getattr(fed["another clip's"], name)[pairs], expected[[-1, *range(11)]])
    assert not fed["unknown"].valid.any()
    assert fed["zero"].valid[pairs].all()
    assert not fed["zero"].displacement.any()
    assert not fed["zero"].residual.any()
    assert clips.valid.any()
    assert clips.displacement.any()


def test_colours_change_alike_in_all_frames_of_a_clip(clips: PackedClips) -> None:
    torch.manual_seed(0)
    (plain,), (changed,) = inputs(clips, "motion", False), inputs(clips, "motion", False, jitter=0.3)
    for b in range(2):
        for colour in range(3):
            x, y = plain[b, colour].flatten().double(), changed[b, colour].flatten().double()
            slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
            torch.testing.assert_close(y, slope * (x - x.mean()) + y.mean(), rtol=0, atol=1e-5)
            assert 0.7 <= slope <= 1.3
    assert not torch.equal(plain, changed)
