"""Real files, whole and broken: each is read to its end, or refused by the right error."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from videotx.extract import REF_UNKNOWN, CodedFrame, VideoReader, open_video
from videotx.extract.errors import (
    EmptyFileError,
    MissingFileError,
    NotAVideoError,
    NoVideoStreamError,
    UnreadableContainerError,
    UnsupportedCodecError,
    VideoError,
)
from videotx.extract.source import VideoSource


def read_libav(path: Path, *streams: str) -> tuple[VideoReader, list[CodedFrame]]:
    with open_video(path, streams=set(streams) or {"motion", "qp"}, reader="libav") as reader:
        return reader, list(reader)


REFUSED = [
    ("Text_FileRenamedTo3gp.3gp", NotAVideoError, "no known format"),
    ("text_named.mp4", NotAVideoError, "no known format"),
    ("one_byte.mp4", NotAVideoError, "1 bytes"),
    ("zero_length.mp4", EmptyFileError, "no bytes"),
    ("audio_only_SOX5yA1l24A.mp4", NoVideoStreamError, "holds audio"),
    ("bear-vp9-odd-dimensions.webm", UnsupportedCodecError, "got vp9"),
    ("trunc_300k_of_SOX5yA1l24A.mp4", UnreadableContainerError, "moov atom not found"),
    ("trunc_60pct_no_moov_SOX5yA1l24A.mp4", UnreadableContainerError, "moov atom not found"),
]


@pytest.mark.parametrize(("name", "error", "message"), REFUSED)
def test_files_that_hold_no_readable_video(
    name: str, error: type[VideoError], message: str, shared_videos: Path
) -> None:
    path = shared_videos / "odd" / name
    with pytest.raises(error, match=message) as caught:
        open_video(path, reader="libav")
    assert str(path) in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (error, str(caught.value))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_video(tmp_path / "nothing.mp4")
    with pytest.raises(MissingFileError, match="expected a file"):
        open_video(tmp_path)


def test_pictures_and_text_are_no_videos(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.png"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
        container.mux(stream.encode(av.VideoFrame(16, 16, "rgb24")))
        container.mux(stream.encode())
    with pytest.raises(NotAVideoError, match="still image"):
        open_video(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("hello\n" * 100)
    with pytest.raises(NotAVideoError):
        open_video(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("name", "num_frames", "damaged", "warning"),
    [
        ("bitflip40_mdat_SOX5yA1l24A.mp4", 332, True, "frames are damaged"),
        ("bitflip40_v_SoccerJuggling_g23_c01.avi", 240, True, "frames are damaged"),
        ("corrupted.mp4", 49, True, "could not be decoded"),
        ("trunc_50pct_v_SoccerJuggling_g23_c01.avi", 121, True, "promises 240 frames, 121 are in the file"),
        ("trunc_60pct_moov_first_SOX5yA1l24A.mp4", 192, False, "promises 332 frames, 193 are in the file"),
        ("test_res_change.h264", 49, False, "size changes from 848x464 to 424x232 at frame 49"),
        ("two_video_tracks_h264_mpeg4.mp4", 62, False, "2 video streams: reading 0, leaving out 1"),
    ],
)
def test_what_is_wrong_with_a_usable_file_is_a_warning(
    name: str, num_frames: int, damaged: bool, warning: str, shared_videos: Path
) -> None:
    reader, frames = read_libav(shared_videos / "odd" / name)
    assert len(frames) == num_frames
    assert any(warning in text for text in reader.warnings), reader.warnings
    assert any(frame.damaged for frame in frames) is damaged
    for frame in frames:
        assert frame.motion is not None
        if frame.damaged:
            assert not ((frame.motion.ref != 0) & (frame.motion.ref != REF_UNKNOWN)).any()
            assert not frame.motion.mv.any()


@pytest.mark.parametrize(
    ("name", "rotation"),
    [("rotate90_SOX5yA1l24A.mp4", 90), ("fire2.mp4", -180), ("video_90.mov", -90), ("frag_SOX5yA1l24A.mp4", 0)],
)
def test_rotation_is_reported_and_not_applied(name: str, rotation: int, shared_videos: Path) -> None:
    path = shared_videos / "odd" / name
    with open_video(path, streams={"rgb", "motion"}, reader="libav") as reader:
        assert reader.info.rotation_degrees == rotation
        frame = next(iter(reader))
        assert frame.rgb is not None
        assert frame.motion is not None
        assert frame.rgb.shape == (reader.info.height, reader.info.width, 3)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation == rotation


def test_an_edit_list_that_starts_inside_a_gop(shared_videos: Path) -> None:
    """The pictures before its start are decoded and not displayed; what points there is unknown, not guessed."""
    path = shared_videos / "odd" / "editlist_midgop_copycut_SOX5yA1l24A.mp4"
    reader, frames = read_libav(path)
    assert len(frames) == 62
    assert frames[0].seconds == 0.0
    first = frames[0].motion
    assert first is not None
    assert (first.ref[0] == REF_UNKNOWN).any()
    for frame in frames:
        assert frame.motion is not None
        known = frame.motion.ref[(frame.motion.ref != 0) & (frame.motion.ref != REF_UNKNOWN)]
        assert ((known + frame.index >= 0) & (known + frame.index < len(frames))).all()
    assert not reader.warnings


def test_wrong_names_do_not_matter(shared_videos: Path) -> None:
    _, one = read_libav(shared_videos / "odd" / "wrong_ext_avi_named.mp4")
    _, other = read_libav(shared_videos / "action" / "v_SoccerJuggling_g23_c01.avi")
    for a, b in zip(one, other, strict=True):
        assert a.motion is not None
        assert b.motion is not None
        assert np.array_equal(a.motion.mv, b.motion.mv)


def test_containers_agree(shared_videos: Path) -> None:
    """The same stream out of mp4, fragmented mp4, transport stream and Matroska."""
    _, whole = read_libav(shared_videos / "action" / "SOX5yA1l24A.mp4")
    for name in ("frag_SOX5yA1l24A.mp4", "annexb_SOX5yA1l24A.ts", "two_streams_SOX5yA1l24A.mkv"):
        _, part = read_libav(shared_videos / "odd" / name)
        # All but the last GOP's end, where later references are missing.
        for a, b in zip(whole, part[:-4], strict=False):
            assert a.picture_type == b.picture_type
            assert a.motion is not None
            assert b.motion is not None
            assert np.array_equal(a.motion.mv, b.motion.mv)
            assert np.array_equal(a.motion.ref, b.motion.ref)
            assert abs(a.seconds - b.seconds) < 0.002


def test_variable_frame_rate_keeps_true_times(shared_videos: Path) -> None:
    path = shared_videos / "h264_features" / "x264_vfr.mp4"
    _, frames = read_libav(path)
    with av.open(str(path)) as container:
        expected = [float(frame.pts * container.streams.video[0].time_base) for frame in container.decode(video=0)]
    assert [f.seconds for f in frames] == pytest.approx([t - expected[0] for t in expected])
    assert len({round(b - a, 3) for a, b in pairwise(expected)}) > 1


def test_packed_b_frames_have_increasing_times_and_their_own_bytes(shared_videos: Path, shared_truth: Path) -> None:
    name = "RATRACE_wave_f_nm_np1_fr_goo_37"
    _, frames = read_libav(shared_videos / "action" / f"{name}.avi")
    with np.load(shared_truth / f"{name}.npz") as truth:
        sizes = truth["bits"] // 8
    seconds = [frame.seconds for frame in frames]
    assert all(a < b for a, b in pairwise(seconds))
    # The first chunk after the I is a filler, so one picture's time passes twice; then 30 pictures a second.
    assert np.diff(seconds[1:]) == pytest.approx([1 / 30] * (len(seconds) - 2))
    # A byte of stuffing between the two pictures of a packet belongs to either.
    assert max(abs(frame.num_bytes - int(size)) for frame, size in zip(frames, sizes, strict=False)) <= 1
    assert sum(frame.num_bytes for frame in frames) <= 263680


@pytest.mark.parametrize("name", ["R6llTwEh07w.mp4", "v_SoccerJuggling_g23_c01.avi", "vid_h264.264"])
def test_bytes_are_those_of_the_packets(name: str, shared_videos: Path, shared_truth: Path) -> None:
    _, frames = read_libav(shared_videos / "action" / name)
    with np.load(shared_truth / f"{Path(name).stem}.npz") as truth:
        sizes = (truth["bits"] // 8).tolist()
    assert [frame.num_bytes for frame in frames[: len(sizes)]] == sizes


def test_two_field_packets_are_one_picture(shared_videos: Path) -> None:
    path = shared_videos / "conformance" / "HCAFF1_HHI.264"
    _, frames = read_libav(path)
    assert len(frames) == 10
    # What is not in a picture are the parameter sets before the first.
    assert sum(frame.num_bytes for frame in frames) == path.stat().st_size


@pytest.mark.parametrize("folder", ["h264_features", "mpeg4"])
def test_every_file_is_read_to_its_end(folder: str, shared_videos: Path) -> None:
    for path in sorted((shared_videos / folder).iterdir()):
        check_whole_file(path)


@pytest.mark.slow
@pytest.mark.parametrize("streams", [("motion", "qp"), ("motion", "qp", "rgb", "residual")])
@pytest.mark.parametrize("folder", ["action", "h264_features", "mpeg4", "conformance"])
def test_every_file_is_read_to_its_end_with_everything(
    folder: str, streams: tuple[str, ...], shared_videos: Path
) -> None:
    for path in sorted((shared_videos / folder).iterdir()):
        check_whole_file(path, *streams)


def check_whole_file(path: Path, *streams: str) -> None:
    with av.open(str(path), metadata_errors="replace") as container:
        container.streams.video[0].codec_context.thread_count = 1
        num_frames = sum(1 for _ in container.decode(video=0)) if streams else None
    with open_video(path, streams=set(streams) or {"motion", "qp"}, reader="libav", residual="difference") as reader:
        info = reader.info
        previous = -1.0
        count = 0
        for count, frame in enumerate(reader, 1):
            assert frame.index == count - 1
            assert frame.seconds > previous
            previous = frame.seconds
            assert frame.num_bytes > 0
            assert frame.motion is not None
            assert frame.qp is not None
            assert frame.motion.ref.shape == (2, -(-info.height // 8), -(-info.width // 8))
            assert not frame.motion.mv[frame.motion.ref == 0].any()
            assert not frame.motion.mv[frame.motion.ref == REF_UNKNOWN].any()
            assert frame.qp.shape == (-(-info.height // 16), -(-info.width // 16))
            if "rgb" in streams and count % 20 == 1:
                assert frame.rgb is not None
                assert frame.rgb.shape == (info.height, info.width, 3)
            if "residual" in streams:
                assert frame.residual is not None
                assert frame.residual.y.shape == (info.height, info.width)
        assert count > 0
        assert num_frames in (None, count), path


@pytest.mark.parametrize(
    "name",
    ["action/v_SoccerJuggling_g23_c01.avi", "mpeg4/packed_bframes.avi", "odd/trunc_60pct_moov_first_SOX5yA1l24A.mp4"],
)
@pytest.mark.parametrize("num_bytes", [0, 5000, 1 << 30])
def test_looking_ahead_loses_no_packet(name: str, num_bytes: int, shared_videos: Path) -> None:
    with VideoSource(shared_videos / name) as plain, VideoSource(shared_videos / name) as ahead:
        seen = [bytes(packet) for packet in ahead.look_ahead(num_bytes)]
        assert bool(seen) == (num_bytes > 0)
        assert sum(map(len, seen[:-1])) < max(1, num_bytes)
        expected = [(packet.dts, bytes(packet)) for packet in plain.packets()]
        assert [(packet.dts, bytes(packet)) for packet in ahead.packets()] == expected
        assert ahead.warnings == plain.warnings
        assert ahead.num_packets == plain.num_packets


def test_reading_is_deterministic(shared_videos: Path) -> None:
    """Frame threading would make vectors differ from run to run on streams with B-frames."""
    runs = []
    for _ in range(3):
        _, frames = read_libav(shared_videos / "action" / "sample_demo_1.mp4")
        runs.append(b"".join(f.motion.mv.tobytes() + f.motion.ref.tobytes() for f in frames if f.motion is not None))
    assert runs[0] == runs[1] == runs[2]
