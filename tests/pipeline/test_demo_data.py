"""The made set does what its table says, and is the same every time."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from videotx.cli import main
from videotx.extract.reader import open_video
from videotx.pipeline.demo_data import KINDS, DemoKind, Encoder, demo_clips, make_demo_set

CAMERA = replace(KINDS["camera"], width=64, height=48)
OBJECTS = replace(KINDS["objects"], width=64, height=48, radius_px=(8.0, 12.0))


@pytest.mark.parametrize("kind", [CAMERA, OBJECTS], ids=["camera", "objects"])
def test_a_set_is_the_same_every_time(tmp_path: Path, kind: DemoKind) -> None:
    for name in ("one", "two"):
        make_demo_set(tmp_path / name, kind=kind, num_clips=13, num_frames=3, seed=5)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 13 + 1 + (kind is OBJECTS)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("kind", [CAMERA, OBJECTS], ids=["camera", "objects"])
def test_the_table_lists_every_clip_and_both_codecs(tmp_path: Path, kind: DemoKind) -> None:
    make_demo_set(tmp_path / "set", kind=kind, num_clips=2 * len(kind.classes), num_frames=2)
    with (tmp_path / "set" / "motion.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["label"], row["codec"]) for row in rows} == {
        (c, k) for c in kind.classes for k in ("libx264", "mpeg4")
    }
    for row in rows:
        with open_video(tmp_path / "set" / row["path"]) as reader:
            assert reader.info.codec == {"libx264": "h264", "mpeg4": "mpeg4"}[row["codec"]]
            assert len(list(reader)) == 2


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_videos_have_b_frames_and_one_key_frame(tmp_path: Path, codec: Encoder) -> None:
    num_b = 0  # libx264 decides for each clip
    for clip in make_demo_set(tmp_path / "set", kind=KINDS["objects"], num_clips=3, codecs=(codec,)):
        with open_video(tmp_path / "set" / clip.path) as reader:
            frames = list(reader)
        assert sum(frame.key_frame for frame in frames) == 1
        num_b += sum(frame.picture_type == "B" for frame in frames)
    assert num_b > 15


def test_the_discs_table_says_where_the_discs_are(tmp_path: Path) -> None:
    clips = make_demo_set(tmp_path / "set", kind=OBJECTS, num_clips=2, num_frames=2)
    with (tmp_path / "set" / "discs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = [(clip.path, disc) for clip in clips for disc in clip.discs]
    assert [row["path"] for row in rows] == [path for path, _ in wanted]
    for row, (_, disc) in zip(rows, wanted, strict=True):
        assert float(row["x_px"]) == pytest.approx(disc.x_px, abs=1e-4)
        assert float(row["radius_px"]) == pytest.approx(disc.radius_px, abs=1e-4)


def test_a_longer_set_begins_like_a_shorter_one() -> None:
    for kind in KINDS.values():
        assert demo_clips(kind, 20, seed=1)[:9] == demo_clips(kind, 9, seed=1)
        assert demo_clips(kind, 9, seed=2) != demo_clips(kind, 9, seed=1)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="expected a new or empty folder"):
        make_demo_set(tmp_path)


def test_a_clip_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="down/00000"):
        make_demo_set(tmp_path / "set", kind=replace(CAMERA, width=63), num_clips=1)


def test_worker_processes_write_the_same_set(tmp_path: Path) -> None:
    command = ["demo-data", "--kind", "objects", "--clips", "3", "--frames", "2", "--codec", "mpeg4", "--seed", "7"]
    for name, workers in (("inline", "1"), ("workers", "2")):
        done = CliRunner().invoke(main, [*command, "--workers", workers, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert "3 clips of 3 classes" in done.output
    files = sorted(p.relative_to(tmp_path / "inline") for p in (tmp_path / "inline").rglob("*") if p.is_file())
    assert len(files) == 3 + 2
    for file in files:
        assert (tmp_path / "inline" / file).read_bytes() == (tmp_path / "workers" / file).read_bytes()


def test_a_file_in_the_way_is_a_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(main, ["demo-data", "--out", str(tmp_path / "set")])
    assert done.exit_code == 2
    assert "expected a new or empty folder" in done.output
