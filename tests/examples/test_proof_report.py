"""Tables and picture of runs that were made up, so that every number is known."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import av
import pytest

pytest.importorskip("matplotlib")

from proof_report import deviation, main, read_runs, write_report

FEEDS = ("motion", "unknown", "zero", "another clip's")


def write_run(folder: Path, experiment: str, seed: int, accuracy: float, fed: tuple[float, ...] = ()) -> None:
    record: dict[str, Any] = {
        "experiment": experiment,
        "seed": seed,
        "training": {"batch_size": 32},
        "accuracy": accuracy,
        "accuracy_fed": dict(zip(FEEDS, fed, strict=bool(fed))),
        "curve": [[5, 2.0, accuracy / 2], [10, 1.0, accuracy]],
        "confusion": [[1, 0], [0, 1]],
        "num_params": 123456,
        "gmacs": 0.25,
        "seconds": 600.0,
        "cpu_seconds": 60.0 + 30 * seed,
        "device": "cpu",
    }
    (folder / f"{experiment.replace(' ', '_')}-{seed}.json").write_text(json.dumps(record), encoding="utf-8")


def rows_of(folder: Path) -> list[list[str]]:
    lines = (folder / "results.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line]


def test_tables_have_means_and_deviations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "DVT", 10, 96.0, (96.0, 20.0, 30.0, 8.0))
    write_run(tmp_path, "DVT", 2, 90.0, (90.0, 30.0, 40.0, 10.0))
    write_run(tmp_path, "ViViT", 0, 71.25)
    write_run(tmp_path, "cue none", 0, 38.0)
    write_run(tmp_path, "cue none", 1, 41.0)
    write_run(tmp_path, "cue none", 2, 45.5)
    assert main([str(tmp_path)]) == 0
    assert "results.md" in capsys.readouterr().out
    rows = rows_of(tmp_path)
    dvt = ["DVT", "93.0", "4.2", "90.0, 96.0", "123,456", "0.250", "4.0"]  # seconds 120 and 360
    assert [row for row in rows if row[0] == "DVT"] == [dvt, dvt, ["DVT", "93.0", "25.0", "35.0", "9.0"]]
    assert ["ViViT", "71.2", "0.0", "71.2", "123,456", "0.250", "1.0"] in rows
    assert ["cue none", "41.5", "3.8", "38.0, 41.0, 45.5", "123,456", "0.250", "1.5"] in rows
    assert ["trained with motion, evaluated with it", *FEEDS] in rows
    titles = [row[0] for row in rows if len(row) > 1 and row[1] == "accuracy %"]
    assert titles == ["core", "ablation"]


def test_tables_without_runs_are_left_out(tmp_path: Path) -> None:
    write_run(tmp_path, "ViViT", 0, 71.25)
    write_report(tmp_path)
    assert [row[0] for row in rows_of(tmp_path)] == ["core", "---", "ViViT"]


def test_the_picture_shows_a_curve_for_each_core_experiment(tmp_path: Path) -> None:
    def colours(*names: str) -> int:
        """Pixels that are neither black, white nor grey."""
        for name in names:
            write_run(tmp_path, name, 0, 60.0 + len(name))
        write_report(tmp_path)
        with av.open(str(tmp_path / "results.png")) as container:
            picture = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
        assert picture.shape[0] > 400
        assert picture.shape[1] > 1000
        return int((picture.max(-1) - picture.min(-1) > 40).sum())

    ablation, one, two = colours("N 1"), colours("DVT"), colours("Video Swin")
    assert ablation == 0
    assert 0 < one < two


def test_the_deviation_is_that_of_a_sample() -> None:
    values = [3.0, 5.0, 10.0]
    assert deviation(values) == pytest.approx(statistics.stdev(values))
    assert deviation([3.0]) == 0


def test_runs_are_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    for seed in (10, 2, 0):
        write_run(tmp_path, "MViT", seed, 50.0)
    assert [run["seed"] for run in read_runs(tmp_path)["MViT"]] == [0, 2, 10]


def test_a_folder_without_runs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="expected results of runs, found none"):
        write_report(tmp_path)
    assert main([]) == 2
    assert "proof_report.py proof" in capsys.readouterr().err
