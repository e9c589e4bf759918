"""Transcodes: what a preset promises holds in the file it makes, and nothing half-made is left behind."""

from __future__ import annotations

import csv
import signal
import stat
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from videotx.cli import main
from videotx.extract.errors import EmptyFileError, ExtractionTimeoutError, MemoryLimitError, MissingFileError
from videotx.pipeline.ffmpeg import Ffmpeg, FfmpegMissingError, find_ffmpeg, identify
from videotx.pipeline.isolation import Limits
from videotx.pipeline.presets import PRESETS, Origin, origin_of
from videotx.pipeline.store import VIDEO_COLUMNS
from videotx.pipeline.tables import read_table, table_rows
from videotx.pipeline.transcode import Transcode, TranscodeError, transcode_file
from videotx.pipeline.transcode_tree import target_paths


@pytest.fixture(scope="module")
def program() -> Ffmpeg:
    return find_ffmpeg()


def write_clip(path: Path, stamps: list[int], *, size: tuple[int, int] = (96, 64), rate: int = 25) -> None:
    """A drifting texture as H.264 with B-frames, shown at ``stamps`` milliseconds."""
    texture = np.random.default_rng(0).integers(0, 256, (size[1] + 64, size[0] + 64, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(texture[index : index + size[1], index : index + size[0]], "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", PRESETS)
def test_every_frame_and_its_time_are_kept(program: Ffmpeg, tmp_path: Path, name: str) -> None:
    stamps = [0, 40, 80, 200, 240, 360, 361, 400, 600, 640]
    write_clip(tmp_path / "in.mp4", stamps)
    transcode_file(program, Transcode(tmp_path / "in.mp4", tmp_path / "out" / "a.mp4", PRESETS[name]))
    times = frame_times(tmp_path / "out" / "a.mp4")
    assert np.allclose(times, np.array(stamps) / 1000, atol=1 / 60000)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("name", "size"), [("h264", (384, 256)), ("simple", (384, 256)), ("coviar", (340, 256))])
def test_size_is_the_preset_s(program: Ffmpeg, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40])
    transcode_file(program, Transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", PRESETS[name]))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == size
        assert stream.format.name == "yuv420p"


def test_portrait_keeps_its_short_side(program: Ffmpeg, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40], size=(64, 96))
    transcode_file(program, Transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", PRESETS["h264"]))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (256, 384)


def test_simple_has_no_b_frames_and_coviar_a_key_frame_every_twelve(program: Ffmpeg, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [40 * i for i in range(30)])
    for name in ("simple", "coviar"):
        transcode_file(program, Transcode(tmp_path / "in.mp4", tmp_path / f"{name}.mp4", PRESETS[name]))
    with av.open(str(tmp_path / "simple.mp4")) as container:
        types = [av.video.frame.PictureType(frame.pict_type).name for frame in container.decode(video=0)]
    assert types[0] == "I"
    assert set(types[1:]) <= {"P", "I"}
    with av.open(str(tmp_path / "coviar.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [0, 12, 24]


def test_rotation_tag_survives(program: Ffmpeg, tmp_path: Path, shared_videos: Path) -> None:
    transcode_file(program, Transcode(shared_videos / "odd" / "video_90.mov", tmp_path / "out.mp4", PRESETS["h264"]))
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert frame.rotation == -90
    assert frame.width > frame.height  # stored as it was, not turned


def test_interlaced_frames_are_kept_one_for_one(program: Ffmpeg, tmp_path: Path, shared_videos: Path) -> None:
    source = shared_videos / "mpeg4" / "m4_asp_interlaced_bvop.avi"
    transcode_file(program, Transcode(source, tmp_path / "out.mp4", PRESETS["simple"]))
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(frame_times(source))
    assert not any(frame.interlaced_frame for frame in frames)


def test_failure_names_file_and_reason_and_leaves_nothing(program: Ffmpeg, tmp_path: Path) -> None:
    source = tmp_path / "text.mp4"
    source.write_text("not a video " * 100)
    with pytest.raises(TranscodeError, match=r"(?s)text\.mp4: ffmpeg ended with status .*Invalid data"):
        transcode_file(program, Transcode(source, tmp_path / "out" / "a.mp4", PRESETS["h264"]))
    assert list((tmp_path / "out").iterdir()) == []


def test_missing_and_empty_files_have_their_own_errors(program: Ffmpeg, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.mp4"):
        transcode_file(program, Transcode(tmp_path / "gone.mp4", tmp_path / "a.mp4", PRESETS["h264"]))
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(EmptyFileError, match="0 bytes"):
        transcode_file(program, Transcode(tmp_path / "empty.mp4", tmp_path / "a.mp4", PRESETS["h264"]))


def fake_program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_hanging_transcode_is_ended(tmp_path: Path) -> None:
    slow = Ffmpeg(fake_program(tmp_path / "slow", "exec sleep 30"), (7, 0), "7.0")
    write_clip(tmp_path / "in.mp4", [0, 40])
    with pytest.raises(ExtractionTimeoutError, match=r"no frame for 0\.2 s"):
        transcode_file(slow, Transcode(tmp_path / "in.mp4", tmp_path / "a.mp4", PRESETS["h264"]), Limits(0.2))


def test_old_ffmpeg_is_refused_by_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake_program(tmp_path / "ffmpeg", "echo 'ffmpeg version 4.4.2-0ubuntu0 Copyright'")
    assert identify(old).version == (4, 4)
    monkeypatch.setattr("videotx.pipeline.ffmpeg._candidates", lambda: [old])
    with pytest.raises(FfmpegMissingError, match=r"needs ffmpeg 6\.1 or newer: .*4\.4\.2-0ubuntu0.*imageio-ffmpeg"):
        find_ffmpeg()


def test_nightly_builds_count_as_new(tmp_path: Path) -> None:
    nightly = fake_program(tmp_path / "ffmpeg", "echo 'ffmpeg version N-118000-gabcdef Copyright'")
    assert identify(nightly).version >= (6, 1)


def transcode(source: Path, out: Path, preset: str = "simple") -> Result:
    arguments = ["transcode", "--src", source, "--out", out, "--preset", preset, "--executor", "inline"]
    return CliRunner().invoke(main, list(map(str, arguments)))


def table(out: Path) -> dict[str, str]:
    with (out / "transcodes.csv").open(newline="") as file:
        return {row["path"]: row["error"] for row in csv.DictReader(file)}


def test_a_bare_mpeg4_stream_keeps_its_rate(tmp_path: Path) -> None:
    source = tmp_path / "videos" / "bare.m4v"
    source.parent.mkdir()
    with av.open(str(source), "w", format="m4v") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for grey in range(0, 240, 30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    out = tmp_path / "out"
    result = CliRunner().invoke(
        main, ["transcode", "--src", str(source.parent), "--out", str(out), "--preset", "simple"]
    )
    assert result.exit_code == 0, result.output
    assert np.allclose(frame_times(next(out.rglob("*.mp4"))), np.arange(8) * 1001 / 30000, atol=1e-4)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "src" / "run").mkdir(parents=True)
    write_clip(tmp_path / "src" / "run" / "a.mkv", [0, 40, 80])
    write_clip(tmp_path / "src" / "run" / "b.mp4", [0, 40])
    (tmp_path / "src" / "text.mp4").write_text("no video " * 50)
    (tmp_path / "src" / "empty.mp4").touch()
    return tmp_path / "src"


def test_a_tree_keeps_its_shape_and_every_failure_is_a_row(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = transcode(tree, out)
    assert result.exit_code == 0, result.output
    assert "2 of 4 videos" in result.output
    assert frame_times(out / "run" / "a.mp4") == [0, 0.04, 0.08]
    errors = table(out)
    assert (errors["run/a.mkv"], errors["run/b.mp4"]) == ("", "")
    assert errors["empty.mp4"] == "empty_file"
    assert errors["text.mp4"] in ("not_a_video", "unreadable_container")
    assert "text.mp4: " + errors["text.mp4"] in result.output


def test_again_makes_what_is_missing_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    transcode(tree, out)
    kept, lost = out / "run" / "a.mp4", out / "run" / "b.mp4"
    before = kept.stat().st_mtime_ns
    content = lost.read_bytes()
    lost.unlink()
    (tree / "text.mp4").unlink()
    write_clip(tree / "text.mp4", [0, 40])
    assert transcode(tree, out).exit_code == 0
    assert kept.stat().st_mtime_ns == before
    assert lost.read_bytes() == content
    assert table(out)["text.mp4"] == ""


def test_another_preset_on_the_same_output_is_refused(tree: Path, tmp_path: Path) -> None:
    transcode(tree, tmp_path / "out")
    result = transcode(tree, tmp_path / "out", "coviar")
    assert result.exit_code == 2
    assert "was made with the preset simple, coviar was asked for" in result.output


def test_nothing_made_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "empty.mp4").touch()
    assert transcode(tmp_path / "src", tmp_path / "out").exit_code == 1


STEMS = st.from_regex(r"[ab]{1,2}(/[ab]{1,2})?(\.mp4)?", fullmatch=True)


@given(st.lists(STEMS, unique=True, min_size=1, max_size=12), st.sampled_from([".mp4", ".avi", ".mkv"]))
def test_every_source_has_a_target_of_its_own(stems: list[str], suffix: str) -> None:
    targets = target_paths([stem + suffix for stem in stems])
    assert targets == {stem + suffix: stem + ".mp4" for stem in stems}


def test_two_sources_of_one_target_are_refused() -> None:
    with pytest.raises(ValueError, match=r"run/a\.avi and run/a\.mkv would both become run/a\.mp4"):
        target_paths(["run/a.avi", "run/a.mkv"])


@pytest.mark.parametrize("size", [(320, 240), (426, 240), (240, 426), (322, 242), (128, 128), (1920, 1080), (98, 64)])
def test_the_size_of_the_output_is_known_before(program: Ffmpeg, tmp_path: Path, size: tuple[int, int]) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40], size=size)
    for preset in PRESETS.values():
        transcode_file(program, Transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", preset))
        with av.open(str(tmp_path / "out.mp4")) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == preset.output_size(*size)


@given(st.integers(16, 4096), st.integers(16, 4096))
def test_the_short_side_is_256_and_both_are_even(width: int, height: int) -> None:
    x, y = PRESETS["h264"].output_size(width, height)
    assert min(x, y) == 256
    assert x % 2 == y % 2 == 0
    assert abs(max(x, y) - 256 * max(width, height) / min(width, height)) <= 1


def test_a_transcode_says_what_it_was_made_of(program: Ffmpeg, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40])
    transcode_file(program, Transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", PRESETS["simple"], "vp9"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert origin_of(container.metadata) == Origin("simple", "vp9")
    assert origin_of({"comment": "a holiday"}) is None


def test_a_transcode_that_eats_memory_is_ended(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40])
    script = f"exec {sys.executable} -c 'import time; held = bytearray(200 << 20); time.sleep(30)'"
    greedy = Ffmpeg(fake_program(tmp_path / "greedy", script), (7, 0), "7.0")
    work = Transcode(tmp_path / "in.mp4", tmp_path / "a.mp4", PRESETS["h264"])
    with pytest.raises(MemoryLimitError, match="more than the 100 MiB allowed"):
        transcode_file(greedy, work, Limits(20.0, 100 << 20))


def test_a_slow_transcode_may_take_its_time(tmp_path: Path) -> None:
    """The limit is on the time without a frame, not on the whole."""
    write_clip(tmp_path / "in.mp4", [0, 40])
    script = "for i in 1 2 3 4 5; do echo frame=$i; sleep 0.4; done\n"
    script += 'for word; do case $word in *.part) echo x > "$word";; esac; done'
    slow = Ffmpeg(fake_program(tmp_path / "slow", script), (7, 0), "7.0")
    transcode_file(slow, Transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", PRESETS["h264"]), Limits(1.5))


def test_killed_half_way_leaves_no_program_and_runs_on(tmp_path: Path) -> None:
    """SIGKILL in the middle of the second file: ffmpeg ends too, and running again makes what is missing."""
    (tmp_path / "src").mkdir()
    write_clip(tmp_path / "src" / "a.mkv", [0, 40])
    write_clip(tmp_path / "src" / "b.mkv", [40 * i for i in range(60)], size=(640, 480))
    words = ["transcode", "--src", str(tmp_path / "src"), "--out", str(tmp_path / "out"), "--preset", "h264"]
    code = f"from videotx.cli import main; main({[*words, '--executor', 'inline']!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "out").glob(".b.mp4.*.part")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    partial = next((tmp_path / "out").glob(".b.mp4.*.part"))
    assert not (tmp_path / "out" / "b.mp4").exists()
    time.sleep(0.5)
    size = partial.stat().st_size
    time.sleep(0.5)
    assert partial.stat().st_size == size  # nobody writes any more
    before = (tmp_path / "out" / "a.mp4").stat().st_mtime_ns
    assert transcode(tmp_path / "src", tmp_path / "out", "h264").exit_code == 0
    assert (tmp_path / "out" / "a.mp4").stat().st_mtime_ns == before
    assert len(frame_times(tmp_path / "out" / "b.mp4")) == 60
    assert not list((tmp_path / "out").glob(".*.part"))


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
