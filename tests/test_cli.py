"""The command line, as a user meets it, on real clips made here."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result

from videotx.cli import main
from videotx.extract.reader import open_video
from videotx.pipeline.demo_data import make_demo_set


def videotx(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips of four classes, one file that is no video, one that is empty."""
    folder = tmp_path_factory.mktemp("clips") / "videos"
    make_demo_set(folder, num_clips=10, num_frames=6, width=84, height=60)  # cropped to that by the codecs
    (folder / "down" / "empty.mp4").write_bytes(b"")
    (folder / "left" / "text.mp4").write_text("no video", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shards(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "shards.zarr"
    result = videotx("extract", "--src", clips, "--out", out, "--videos-per-shard", 4, "--executor", "inline")
    assert result.exit_code == 0, result.output
    assert "10 of 12 videos, 60 frames" in result.output
    return out


def test_dask_workers_write_the_same_bytes(clips: Path, shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "dask.zarr"
    result = videotx("extract", "--src", clips, "--out", out, "--videos-per-shard", 4, "--workers", 2)
    assert result.exit_code == 0, result.output
    files = sorted(p.relative_to(shards) for p in shards.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
    for file in files:
        assert (shards / file).read_bytes() == (out / file).read_bytes(), file


def test_stored_frames_are_those_of_the_file(clips: Path, shards: Path) -> None:
    root = zarr.open_group(shards, mode="r")
    videos = {name: root["videos"][name][:] for name in root["videos"]}
    path = "right/00002.mp4"
    row = list(videos["path"]).index(path)
    shard, first = root[f"{videos['shard'][row]:06d}"], videos["first_frame"][row]
    kind = str(videos["residual_kind"][row])
    everything = {"motion", "qp", "residual", "rgb"}
    with open_video(clips / path, streams=everything, residual=kind) as reader:  # type: ignore[arg-type]
        for number, frame in enumerate(reader, start=int(first)):
            assert frame.motion is not None
            np.testing.assert_array_equal(shard["motion"][number], frame.motion.mv)
            np.testing.assert_array_equal(shard["ref"][number], frame.motion.ref)
            np.testing.assert_array_equal(shard["qp"][number], frame.qp)
            assert np.abs(shard["rgb"][number].astype(int) - frame.rgb).mean() < 4
            assert frame.residual is not None
            assert shard["residual"].attrs["residual_kind"] == kind
            stored = shard["residual"][number].astype(int) * 2 - 256
            assert np.abs(stored - frame.residual.rgb()).mean() < 4
            assert shard["frames/picture_type"][number] == frame.picture_type
            assert shard["frames/pts_seconds"][number] == frame.seconds


def test_info_counts_what_is_there(shards: Path) -> None:
    text = videotx("info", shards).output
    assert "10 extracted of 12 planned, 8 classes" in text
    assert "complete" in text
    assert "1 empty_file" in text
    document = json.loads(videotx("info", shards, "--format", "json").output)
    assert document["num_frames"] == 60
    assert document["failures"] == {"empty_file": 1, "not_a_video": 1}
    rgb = sum(p.stat().st_size for p in shards.glob("0*/rgb/c/**/*") if p.is_file())
    assert document["num_bytes"]["rgb"] == rgb
    rows = list(csv.DictReader(io.StringIO(videotx("info", shards, "--format", "csv").output)))
    assert len(rows) == 12
    assert {row["error"] for row in rows} == {"", "empty_file", "not_a_video"}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("none", None),
        ("flip a byte", "CRC-32C"),
        ("cut the file", "bytes with CRC-32C"),
        ("lose a shard", "000001: not written"),
        ("lose a column", "video missing"),
        ("lose the videos", "videos: not written"),
        ("wrong row", "differs from its shard's"),
    ],
)
def test_verify_finds_damage(shards: Path, tmp_path: Path, damage: str, expected: str | None) -> None:
    out = tmp_path / "copy.zarr"
    shutil.copytree(shards, out)
    data = out / "000000" / "rgb" / "c" / "0" / "0" / "0" / "0"
    match damage:
        case "flip a byte":
            content = bytearray(data.read_bytes())
            content[700] ^= 0x10
            data.write_bytes(content)
        case "cut the file":
            data.write_bytes(data.read_bytes()[:-100])
        case "lose a shard":
            shutil.rmtree(out / "000001")
        case "lose a column":
            shutil.rmtree(out / "000000" / "frames" / "video")
        case "lose the videos":
            shutil.rmtree(out / "videos")
        case "wrong row":
            zarr.open_group(out, mode="r+")["videos/num_frames"][0] = 5  # type: ignore[index]
    result = videotx("verify", out, "--executor", "inline")
    assert result.exit_code == (1 if expected else 0), result.output
    assert (expected or "shards verified") in result.output


def test_another_recipe_is_a_usage_error(clips: Path, shards: Path) -> None:
    result = videotx("extract", "--src", clips, "--out", shards, "--quality", 50, "--executor", "inline")
    assert result.exit_code == 2
    assert "quality: 90 there, 50 asked for" in result.output
    assert "videos_per_shard: 4 there, 128 asked for" in result.output


def test_a_dry_run_writes_nothing(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    result = videotx("extract", "--src", clips, "--out", out, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "videos      12, 2 with unreadable headers" in result.output
    assert "frames      about 60" in result.output
    assert "core-hours  about 0." in result.output
    assert not out.exists()


def test_a_planned_output_is_written_by_shares(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    common = ("--src", clips, "--out", out, "--videos-per-shard", 4, "--executor", "inline")
    assert "12 videos planned, 3 shards to write" in videotx("plan", *common).output
    assert videotx("finalise", out).exit_code == 1
    assert videotx("extract", *common, "--shards", "1/2").exit_code == 0
    assert not (out / "videos").exists()
    assert videotx("extract", *common, "--shards", "0/2").exit_code == 0
    assert videotx("verify", out, "--executor", "inline").exit_code == 0


def test_exit_code_1_when_nothing_could_be_extracted_or_strict(clips: Path, tmp_path: Path) -> None:
    run = ("extract", "--src", clips, "--executor", "inline")
    nothing = videotx(*run, "--out", tmp_path / "a", "--include", "*/text.mp4")
    assert nothing.exit_code == 1
    assert "failed: 1 not_a_video" in nothing.output
    some = ("--include", "left/*", "--out", tmp_path / "b")
    assert videotx(*run, *some).exit_code == 0
    assert videotx(*run, *some, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shards", "2/2"), "expected i/n with 0 <= i < n, got '2/2'"),
        (("--short-side", "big"), "expected at least 16 pixels, or `native`, got 'big'"),
        (("--streams", "depth"), "expected some of motion, qp, residual, rgb, got depth"),
        (("--streams", "rgb", "--rgb", "none"), "nothing is left to store"),
        (("--include", "*.nothing"), "no videos found"),
    ],
)
def test_wrong_use_is_explained(clips: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = videotx("extract", "--src", clips, "--out", tmp_path / "out", "--executor", "inline", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_commands_on_what_is_no_output_say_so(tmp_path: Path) -> None:
    for command in ("info", "verify"):
        result = videotx(command, tmp_path)
        assert result.exit_code == 2
        assert "expected a folder made by `videotx extract`" in result.output


def test_kinds_of_residual_are_kept_apart_and_explained(shared_videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("x264_high444pred_lossless.mp4", "x264_qp1_pcm_noise.mp4"):
        shutil.copy(shared_videos / "h264_features" / name, folder)
    # Behind a stream, a unit of a kind that only the Extended profile has.
    stream = (shared_videos / "conformance" / "BA_MW_D.264").read_bytes()
    (folder / "partition.264").write_bytes(stream + b"\x00\x00\x01\x42\xe0\x80\x80")
    run = ("extract", "--src", folder, "--executor", "inline", "--frame-stride", 10)
    assert videotx(*run, "--out", tmp_path / "auto").exit_code == 0
    rows = {
        row["path"]: row
        for row in csv.DictReader(io.StringIO(videotx("info", tmp_path / "auto", "--format", "csv").output))
    }
    extended = rows["partition.264"]
    assert (extended["reader"], extended["residual_kind"]) == ("libav", "difference")
    assert "data partitioning" in extended["warnings"]
    assert rows["x264_qp1_pcm_noise.mp4"]["residual_kind"] == "coded"
    kinds = {row["shard"]: row["residual_kind"] for row in rows.values()}
    for shard, kind in kinds.items():
        assert zarr.open_array(tmp_path / "auto" / f"{int(shard):06d}" / "residual").attrs["residual_kind"] == kind
    only = ("--include", "*partition*", "--residual", "coded", "--out", tmp_path / "coded")
    refused = videotx(*run, *only)
    assert refused.exit_code == 1
    assert "failed: 1 unsupported_codec" in refused.output
