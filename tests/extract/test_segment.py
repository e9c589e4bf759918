"""A segment holds exactly the frames that reading the whole video gives at those times."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from videotx.extract import open_video
from videotx.extract.errors import NoFramesError
from videotx.extract.frame import CodedFrame
from videotx.extract.reader import Stream
from videotx.extract.segment import Segment
from videotx.extract.source import VideoSource

# Closed and open groups of pictures, intra refresh, B-VOPs with and without packing, variable rate, no index at all.
FILES = [
    "action/SOX5yA1l24A.mp4",
    "action/mmaction2_demo.mp4",
    "action/v_SoccerJuggling_g23_c01.avi",
    "action/mmaction2_test_xvid.avi",
    "action/vid_h264.264",
    "conformance/FRExt2_Panasonic.avc",
    "conformance/HCAFF1_HHI.264",
    "h264_features/x264_constrained_baseline_g12.mp4",
    "h264_features/x264_intra_refresh_noidr.mp4",
    "h264_features/x264_main_mbaff_tff.mp4",
    "h264_features/x264_opengop.mp4",
    "h264_features/x264_vfr.mp4",
    "mpeg4/count_video.cmp",
    "mpeg4/m4_asp_interlaced_bvop.avi",
    "mpeg4/m4_asp_qpel_bvop.avi",
    "mpeg4/m4_asp_qpel_bvop_4mv.mp4",
    "mpeg4/m4_coviar_style.mp4",
    "mpeg4/m4_odd_175x143.mp4",
    "mpeg4/xvid_asp_gmc_qpel_bvop.avi",
    "mpeg4/xvid_sp_4mv.avi",
]


def contents(frame: CodedFrame) -> bytes:
    """Everything in a frame but its index."""
    values: list[Any] = [
        frame.pts, round(frame.seconds, 6), frame.picture_type, frame.key_frame, frame.num_bytes, frame.damaged,
    ]  # fmt: skip
    if frame.motion is not None:
        values += [frame.motion.mv, frame.motion.ref]
    if frame.qp is not None:
        values.append(frame.qp)
    if frame.residual is not None:
        values += [np.ascontiguousarray(frame.residual.y), np.ascontiguousarray(frame.residual.cb)]
    if frame.rgb is not None:
        values.append(frame.rgb)
    return pickle.dumps([v.tobytes() if isinstance(v, np.ndarray) else v for v in values])


# The rest with pixels and through libavcodec takes longer and finds nothing that these do not.
BY_LIBAV = [name for name in FILES if name.startswith("h264_features/x264_opengop") or name.endswith("bvop.avi")]
CASES = [(name, "auto", ("motion", "qp")) for name in FILES]
CASES += [(name, "libav", streams) for name in BY_LIBAV for streams in (("motion", "qp"), ("rgb",))]
CASES += [(FILES[3], "auto", ("motion", "residual", "rgb"))]


@pytest.mark.parametrize(("name", "reader", "streams"), CASES)
def test_a_segment_is_a_slice_of_the_video(
    shared_videos: Path, name: str, reader: Any, streams: tuple[Stream, ...]
) -> None:
    path = shared_videos / name
    with open_video(path, streams=set(streams), reader=reader) as video:
        whole = [(frame.seconds, contents(frame)) for frame in video]
    duration = whole[-1][0]
    for start, stop in ((0.55, 0.7), (0.93, 1.5), (0.0, 0.05)):
        begin, end = round(start * duration, 3), round(stop * duration, 3)
        with open_video(path, streams=set(streams), reader=reader, segment=Segment(begin, end)) as video:
            frames = list(video)
        expected = [content for seconds, content in whole if begin - 1e-6 <= seconds < end - 1e-6]
        assert [frame.index for frame in frames] == list(range(len(expected)))
        assert [contents(frame) for frame in frames] == expected


def test_the_range_is_half_open_and_references_may_leave_it(shared_videos: Path) -> None:
    with open_video(shared_videos / "action" / "SOX5yA1l24A.mp4") as video:
        whole = list(video)
    start, stop = whole[200].seconds, whole[210].seconds
    with open_video(shared_videos / "action" / "SOX5yA1l24A.mp4", segment=Segment(start, stop)) as video:
        frames = list(video)
    assert [frame.pts for frame in frames] == [frame.pts for frame in whole[200:210]]
    refs = [frame.motion.ref[0] for frame in frames if frame.motion is not None]
    known = [ref[(ref != 0) & (ref != -128)] for ref in refs]
    assert min(int(ref.min()) + i for i, ref in enumerate(known) if ref.size) < 0


def test_reading_begins_near_the_segment(shared_videos: Path) -> None:
    """Whatever the length of the video: the packets read are those of a group of pictures and of the segment."""
    path = shared_videos / "action" / "v_SoccerJuggling_g23_c01.avi"
    with VideoSource(path, Segment(6.0, 6.5)) as source:
        first = next(source.packets())
        assert 6.0 - 12 / 29.97 - 0.001 <= float(first.pts * source.info.time_base) <= 6.007
    with VideoSource(path, Segment(1.0, 1.5)) as source:
        assert sum(1 for _ in source.look_ahead(1 << 30)) < 100  # of 240: the rest lies past what is asked for


def test_a_segment_past_the_end_says_where_the_video_ends(shared_videos: Path) -> None:
    path = shared_videos / "action" / "v_SoccerJuggling_g23_c01.avi"
    with (
        pytest.raises(NoFramesError, match=r"frames from 100 s to 101 s, got none; the last one read is at 7\.975 s"),
        open_video(path, segment=Segment(100, 101)) as video,
    ):
        list(video)
    with open_video(path, segment=Segment(7.9, 20)) as video:
        assert len(list(video)) == 3
        assert video.warnings == ["the last frame is at 7.975 s, before the segment's stop at 20 s"]


@pytest.mark.parametrize(("start", "stop"), [(2.0, 2.0), (3.0, 2.0), (-1.0, 2.0), (float("nan"), 2.0)])
def test_a_range_that_means_nothing_is_refused(start: float, stop: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= start_seconds < stop_seconds"):
        Segment(start, stop)
