"""Transcodes: what a preset promises holds in the file it makes, and nothing half-made is left behind."""

from __future__ import annotations

import csv
import stat
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from videotx.cli import main
from videotx.extract.errors import EmptyFileError, ExtractionTimeoutError, MissingFileError
from videotx.pipeline.ffmpeg import Ffmpeg, FfmpegMissingError, find_ffmpeg, identify
from videotx.pipeline.transcode import PRESETS, TranscodeError, transcode_file
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
    transcode_file(program, tmp_path / "in.mp4", tmp_path / "out" / "a.mp4", PRESETS[name])
    times = frame_times(tmp_path / "out" / "a.mp4")
    assert np.allclose(times, np.array(stamps) / 1000, atol=1 / 60000)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("name", "size"), [("h264", (384, 256)), ("simple", (384, 256)), ("coviar", (340, 256))])
def test_size_is_the_preset_s(program: Ffmpeg, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40])
    transcode_file(program, tmp_path / "in.mp4", tmp_path / "out.mp4", PRESETS[name])
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == size
        assert stream.format.name == "yuv420p"


def test_portrait_keeps_its_short_side(program: Ffmpeg, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [0, 40], size=(64, 96))
    transcode_file(program, tmp_path / "in.mp4", tmp_path / "out.mp4", PRESETS["h264"])
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (256, 384)


def test_simple_has_no_b_frames_and_coviar_a_key_frame_every_twelve(program: Ffmpeg, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", [40 * i for i in range(30)])
    for name in ("simple", "coviar"):
        transcode_file(program, tmp_path / "in.mp4", tmp_path / f"{name}.mp4", PRESETS[name])
    with av.open(str(tmp_path / "simple.mp4")) as container:
        types = [av.video.frame.PictureType(frame.pict_type).name for frame in container.decode(video=0)]
    assert types[0] == "I"
    assert set(types[1:]) <= {"P", "I"}
    with av.open(str(tmp_path / "coviar.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [0, 12, 24]


def test_rotation_tag_survives(program: Ffmpeg, tmp_path: Path, shared_videos: Path) -> None:
    transcode_file(program, shared_videos / "odd" / "video_90.mov", tmp_path / "out.mp4", PRESETS["h264"])
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert frame.rotation == -90
    assert frame.width > frame.height  # stored as it was, not turned


def test_interlaced_frames_are_kept_one_for_one(program: Ffmpeg, tmp_path: Path, shared_videos: Path) -> None:
    source = shared_videos / "mpeg4" / "m4_asp_interlaced_bvop.avi"
    transcode_file(program, source, tmp_path / "out.mp4", PRESETS["simple"])
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(frame_times(source))
    assert not any(frame.interlaced_frame for frame in frames)


def test_failure_names_file_and_reason_and_leaves_nothing(program: Ffmpeg, tmp_path: Path) -> None:
    source = tmp_path / "text.mp4"
    source.write_text("not a video " * 100)
    with pytest.raises(TranscodeError, match=r"(?s)text\.mp4: ffmpeg ended with status .*Invalid data"):
        transcode_file(program, source, tmp_path / "out" / "a.mp4", PRESETS["h264"])
    assert list((tmp_path / "out").iterdir()) == []


def test_missing_and_empty_files_have_their_own_errors(program: Ffmpeg, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.mp4"):
        transcode_file(program, tmp_path / "gone.mp4", tmp_path / "a.mp4", PRESETS["h264"])
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(EmptyFileError, match="0 bytes"):
        transcode_file(program, tmp_path / "empty.mp4", tmp_path / "a.mp4", PRESETS["h264"])


def fake_program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_hanging_transcode_is_ended(tmp_path: Path) -> None:
    slow = Ffmpeg(fake_program(tmp_path / "slow", "exec sleep 30"), (7, 0), "7.0")
    write_clip(tmp_path / "in.mp4", [0, 40])
    with pytest.raises(ExtractionTimeoutError, match=r"longer than 0\.2 s"):
        transcode_file(slow, tmp_path / "in.mp4", tmp_path / "a.mp4", PRESETS["h264"], timeout_seconds=0.2)


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
