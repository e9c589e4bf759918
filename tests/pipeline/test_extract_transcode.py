"""`extract --transcode`: sources without usable motion become shards all the same, and their rows say how."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from transcode_clips import transcode, write_clip

from videotx.cli import main
from videotx.pipeline.ffmpeg import Ffmpeg
from videotx.pipeline.store import VIDEO_COLUMNS
from videotx.pipeline.tables import read_table, table_rows


def extract_rows(src: Path, out: Path, *more: str) -> dict[str, dict[str, Any]]:
    words = ["extract", "--src", str(src), "--out", str(out), "--streams", "motion,residual", "--executor", "inline"]
    result = CliRunner().invoke(main, [*words, *more])
    assert result.exit_code == 0, result.output
    assert CliRunner().invoke(main, ["verify", str(out), "--executor", "inline"]).exit_code == 0
    return {row["path"]: row for row in table_rows(read_table(out / "videos", VIDEO_COLUMNS))}


@pytest.fixture
def mixed(tmp_path: Path, program: Ffmpeg) -> Path:
    """A VP9 clip, an H.264 clip, and a text."""
    src = tmp_path / "mixed"
    src.mkdir()
    write_clip(src / "h264.mp4", [40 * i for i in range(12)])
    command = [
        program.path,
        "-v",
        "error",
        "-i",
        src / "h264.mp4",
        "-c:v",
        "libvpx-vp9",
        "-b:v",
        "200k",
        src / "vp9.webm",
    ]
    subprocess.run(command, check=True)
    (src / "text.webm").write_text("no video " * 50)
    return src


def test_extraction_transcodes_what_has_no_motion(mixed: Path, tmp_path: Path) -> None:
    rows = extract_rows(mixed, tmp_path / "out", "--transcode", "auto", "--preset", "simple")
    kinds = {path: (row["error"], row["codec"], row["source_codec"], row["preset"]) for path, row in rows.items()}
    assert kinds == {
        "h264.mp4": ("", "h264", "h264", ""),
        "vp9.webm": ("", "h264", "vp9", "simple"),
        "text.webm": ("not_a_video", "", "", ""),
    }
    row = rows["vp9.webm"]
    assert (row["width"], row["height"], row["num_frames"], row["motion_exact"]) == (384, 256, 12, True)
    assert row["warnings"].startswith("transcoded, since its own streams cannot be read: ")
    root = zarr.open_group(tmp_path / "out", mode="r")
    ref = np.asarray(root[f"{row['shard']:06d}/ref"])
    assert set(np.unique(ref).tolist()) == {-1, 0}
    assert not list((tmp_path / "out").glob("**/*.mp4"))


def test_extraction_transcodes_everything_or_nothing(mixed: Path, tmp_path: Path) -> None:
    never = extract_rows(mixed, tmp_path / "never")
    assert never["vp9.webm"]["error"] == "unsupported_codec"
    always = extract_rows(mixed, tmp_path / "always", "--transcode", "always", "--preset", "coviar")
    assert [always[name]["codec"] for name in ("h264.mp4", "vp9.webm")] == ["mpeg4", "mpeg4"]
    assert [always[name]["source_codec"] for name in ("h264.mp4", "vp9.webm")] == ["h264", "vp9"]


def test_transcoding_first_and_within_an_extraction_store_the_same(mixed: Path, tmp_path: Path) -> None:
    transcode(mixed, tmp_path / "canonical", "h264")
    apart = extract_rows(tmp_path / "canonical", tmp_path / "apart")
    within = extract_rows(mixed, tmp_path / "within", "--transcode", "always")
    assert apart["vp9.mp4"]["preset"] == within["vp9.webm"]["preset"] == "h264"
    assert apart["vp9.mp4"]["source_codec"] == "vp9"
    shards = [zarr.open_group(tmp_path / name, mode="r")["000000"] for name in ("apart", "within")]
    for name in ("motion", "ref", "residual", "frames/pts_seconds"):
        np.testing.assert_array_equal(shards[0][name], shards[1][name])


def test_an_estimate_counts_the_transcoding(mixed: Path, tmp_path: Path) -> None:
    words = ["extract", "--src", str(mixed), "--out", str(tmp_path / "out"), "--transcode", "always", "--dry-run"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "measured on 24 frames" in result.output
    assert not (tmp_path / "out").exists()


def test_an_ffmpeg_that_is_missing_is_told_before_anything_is_planned(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videotx.pipeline.ffmpeg._candidates", list)
    words = [
        "extract",
        "--src",
        str(mixed),
        "--out",
        str(tmp_path / "out"),
        "--executor",
        "inline",
        "--transcode",
        "auto",
    ]
    for command in (words, ["transcode", "--src", str(mixed), "--out", str(tmp_path / "out"), "--preset", "h264"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2
        assert "none was found; install ffmpeg 6.1 or newer" in result.output
    assert not (tmp_path / "out").exists()
