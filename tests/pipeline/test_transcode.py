"""Transcodes: what a preset promises holds in the file it makes, and nothing half-made is left behind."""

from __future__ import annotations

import stat
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcode_clips import frame_times, transcode, write_clip

from videotx.extract.errors import EmptyFileError, ExtractionTimeoutError, MemoryLimitError, MissingFileError
from videotx.pipeline.ffmpeg import Ffmpeg, FfmpegMissingError, find_ffmpeg, identify
from videotx.pipeline.isolation import Limits
from videotx.pipeline.presets import PRESETS, Origin, origin_of
from videotx.pipeline.transcode import Transcode, TranscodeError, transcode_file


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
    result = transcode(source.parent, out)
    assert result.exit_code == 0, result.output
    assert np.allclose(frame_times(next(out.rglob("*.mp4"))), np.arange(8) * 1001 / 30000, atol=1e-4)


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


def write_special(path: Path, codec: str, pixels: str, *, audio: bool = False) -> None:
    """A grey ramp in another kind of pixels than 8-bit limited range, perhaps with a tone."""
    ramp = np.repeat(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        sound = container.add_stream("aac", rate=48000) if audio else None
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, "rgb24").reformat(format=pixels)))
        container.mux(stream.encode(None))
        if sound is not None:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            tone.sample_rate = 48000
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))


def shown(path: Path) -> npt.NDArray[np.uint8]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format="rgb24", width=96, height=64)


@pytest.mark.parametrize(
    ("codec", "pixels"), [("libx264", "yuv420p10le"), ("libx264", "yuv444p"), ("mjpeg", "yuvj420p")]
)
@pytest.mark.parametrize("name", PRESETS)
def test_ten_bits_full_range_and_full_chroma_look_the_same(
    program: Ffmpeg, tmp_path: Path, name: str, codec: str, pixels: str
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mp4"
    write_special(source, codec, pixels)
    transcode_file(program, Transcode(source, out, PRESETS[name]))
    with av.open(str(out)) as container:
        assert container.streams.video[0].format.name in ("yuv420p", "yuvj420p")
    difference = np.abs(shown(out).astype(int) - shown(source)).mean()
    assert difference < 4  # a range taken for another one is off by 10 on average


def test_sound_is_left_out(program: Ffmpeg, tmp_path: Path) -> None:
    write_special(tmp_path / "in.mkv", "libx264", "yuv420p", audio=True)
    transcode_file(program, Transcode(tmp_path / "in.mkv", tmp_path / "out.mp4", PRESETS["h264"]))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
