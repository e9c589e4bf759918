"""From a data set's folders to shards and clips: miniatures of real clips, through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from videotx.cli import main
from videotx.datasets import ClipDataset, ClipSpec, open_shards
from videotx.pipeline.store import VIDEO_COLUMNS
from videotx.pipeline.tables import read_table, table_rows

EPIC_HEADER = "narration_id,participant_id,video_id,start_timestamp,stop_timestamp,verb,verb_class,noun,noun_class\n"


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def extract(src: Path, out: Path, *more: object) -> dict[str, dict[str, Any]]:
    """Extract motion and small RGB; the rows of the table by segment or path."""
    run(
        "extract",
        "--src",
        src,
        "--out",
        out,
        "--streams",
        "motion,rgb",
        "--short-side",
        64,
        "--executor",
        "inline",
        *more,
    )
    run("verify", out, "--executor", "inline")
    return {row["segment"] or row["path"]: row for row in table_rows(read_table(out / "videos", VIDEO_COLUMNS))}


@pytest.fixture
def epic(tmp_path: Path, shared_videos: Path) -> Path:
    """Videos in EPIC-KITCHENS' folders; segments that overlap, end late, lie past the end, are of a missing video."""
    videos = tmp_path / "epic" / "P01" / "videos"
    videos.mkdir(parents=True)
    shutil.copy(shared_videos / "action" / "SOX5yA1l24A.mp4", videos / "P01_01.MP4")
    shutil.copy(shared_videos / "action" / "R6llTwEh07w.mp4", videos / "P01_02.MP4")
    shutil.copy(shared_videos / "action" / "mmaction2_demo.mp4", videos / "P01_99.MP4")
    lines = [
        "P01_01_0,P01,P01_01,00:00:05.10,00:00:06.00,take,0,plate,2",
        "P01_01_1,P01,P01_01,00:00:05.50,00:00:07.25,open,3,door,3",
        "P01_01_2,P01,P01_01,00:00:00.00,00:00:00.50,take,0,plate,2",
        "P01_02_0,P01,P01_02,00:00:09.50,00:00:30.00,put,1,plate,2",
        "P01_02_1,P01,P01_02,00:01:09.50,00:01:30.00,put,1,plate,2",
        "P02_01_0,P02,P02_01,00:00:01.00,00:00:02.00,wash,2,plate,2",
    ]
    (tmp_path / "EPIC_100_train.csv").write_text(EPIC_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_segments_are_slices_of_their_video(epic: Path) -> None:
    rows = extract(epic / "epic", epic / "segments.zarr", "--annotations", epic / "EPIC_100_train.csv")
    whole = extract(epic / "epic", epic / "whole.zarr")
    assert {name: row["error"] for name, row in rows.items()} == {
        "P01_01_0": "", "P01_01_1": "", "P01_01_2": "", "P01_02_0": "", "P01_02_1": "no_frames",
        "P02_01_0": "missing_file",
    }  # fmt: skip
    segments, videos = (zarr.open_group(epic / name, mode="r") for name in ("segments.zarr", "whole.zarr"))
    for row in rows.values():
        if row["error"]:
            continue
        full = whole[row["path"]]
        seconds = read_column(videos, full, "frames/pts_seconds")
        chosen = np.flatnonzero((seconds >= row["start_seconds"] - 1e-6) & (seconds < row["stop_seconds"] - 1e-6))
        assert row["num_frames"] == len(chosen) > 0
        for name in ("motion", "ref", "rgb", "frames/pts_seconds", "frames/num_bytes"):
            np.testing.assert_array_equal(
                read_column(segments, row, name), read_column(videos, full, name)[chosen], err_msg=name
            )
    assert "before the segment's stop at 30.0 s" in rows["P01_02_0"]["warnings"]
    assert (rows["P01_01_1"]["verb"], rows["P01_01_1"]["noun"], rows["P01_01_1"]["split"]) == (3, 3, "train")
    # Segments of a video are stored in the order of time, and references may lead out of one.
    assert rows["P01_01_2"]["first_frame"] < rows["P01_01_0"]["first_frame"] < rows["P01_01_1"]["first_frame"]
    first = read_column(segments, rows["P01_01_0"], "ref")[0]
    assert (first[(first != 0) & (first != -128)] < 0).any()


def read_column(group: Any, row: dict[str, Any], name: str) -> Any:
    return group[f"{row['shard']:06d}/{name}"][row["first_frame"] : row["first_frame"] + row["num_frames"]]


def test_segments_become_clips_with_verb_and_noun(epic: Path) -> None:
    (epic / "EPIC_100_verb_classes.csv").write_text("id,key\n0,take\n1,put\n2,wash\n3,open\n", encoding="utf-8")
    extract(epic / "epic", epic / "out.zarr", "--annotations", epic / "EPIC_100_train.csv")
    shards = open_shards(epic / "out.zarr")
    assert shards.verb_names == ("take", "put", "wash", "open")
    clips = ClipDataset(shards, ClipSpec(4, 2), streams=("rgb", "motion"), train=False, select=shards.split("train"))
    assert sorted(tuple(clip.label.tolist()) for clip in (clips[i] for i in range(len(clips)))) == [
        (0, 2), (0, 2), (1, 2), (3, 3),
    ]  # fmt: skip
    assert clips[1].seconds[0] >= 5.1
    with pytest.raises(ValueError, match="got 'test'; there are train"):
        shards.split("test")


def test_new_segments_of_an_extracted_video_are_added(epic: Path) -> None:
    extract(epic / "epic", epic / "out.zarr", "--annotations", epic / "EPIC_100_train.csv")
    line = "P01_01_9,P01,P01_01,00:00:08.00,00:00:08.50,wash,2,plate,2\n"
    (epic / "EPIC_100_validation.csv").write_text(EPIC_HEADER + line, encoding="utf-8")
    rows = extract(epic / "epic", epic / "out.zarr", "--annotations", epic)
    assert len(rows) == 7
    assert (rows["P01_01_9"]["split"], rows["P01_01_9"]["num_frames"]) == ("validation", 15)


def test_charades_gives_every_class_of_a_video(tmp_path: Path, shared_videos: Path) -> None:
    (tmp_path / "Charades_v1_480").mkdir()
    for name in ("46GP8", "N11GT"):
        shutil.copy(
            shared_videos / "action" / "v_SoccerJuggling_g23_c01.avi", tmp_path / "Charades_v1_480" / f"{name}.avi"
        )
    (tmp_path / "Charades_v1_train.csv").write_text(
        "id,subject,actions,length\n46GP8,HR43,c092 11.90 21.20;c147 0.00 12.60,24.8\nN11GT,0KZ7,,18.3\n",
        encoding="utf-8",
    )
    rows = extract(
        tmp_path / "Charades_v1_480", tmp_path / "out.zarr", "--annotations", tmp_path / "Charades_v1_train.csv"
    )
    assert rows["46GP8.avi"]["actions"] == "92 11.9 21.2;147 0 12.6"
    shards = open_shards(tmp_path / "out.zarr")
    clips = ClipDataset(shards, ClipSpec(4, 2), train=True)
    assert [np.flatnonzero(clips[i].label).tolist() for i in range(2)] == [[92, 147], []]
    assert clips[0].label.shape == (157,)
