"""The MPEG-4 reader against the vectors that libavcodec exports, wherever that export is sound.

It is sound for P- and S-VOPs. Known losses: B-VOPs are exported as zeros, and are left out; a field-predicted
macroblock is exported as two 16x8 halves that both hold the mean of its two vectors, with the vertical component
doubled once more although it already counts frame lines; the picture that is output last carries no vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.frame import PictureType

from videotx.extract import open_video
from videotx.extract._native import CodedPicture

FILES = [
    "mpeg4/MPEG4_SP_176x144_12fps_92kbps_AMRNB_8KHz_12.2kbps_m_0_27.3gp",
    "mpeg4/MPEG4_SP_640x480_30fps_512Kbps_0_23.3gp",
    "mpeg4/Sunset.240p.mp4",
    "mpeg4/count_video.cmp",
    "mpeg4/frame0123.m4v",
    "mpeg4/m4_asp_interlaced_bvop.avi",
    "mpeg4/m4_asp_mpegquant_slices.mp4",
    "mpeg4/m4_asp_qpel_bvop.avi",
    "mpeg4/m4_asp_qpel_bvop_4mv.mp4",
    "mpeg4/m4_coviar_reencode_raw.mp4",
    "mpeg4/m4_coviar_style.mp4",
    "mpeg4/m4_odd_175x143.mp4",
    "mpeg4/m4_sp_4mv.avi",
    "mpeg4/m4_sp_datapart_resync.mp4",
    "mpeg4/packed_bframes.avi",
    "mpeg4/test_qcif_200_aac_64.mp4",
    "mpeg4/xvid_asp_gmc.avi",
    "mpeg4/xvid_asp_gmc_qpel_bvop.avi",
    "mpeg4/xvid_sp_4mv.avi",
    "action/RATRACE_wave_f_nm_np1_fr_goo_37.avi",
    "action/SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi",
    "action/mmaction2_test_xvid.avi",
    "action/paddlevideo_example.avi",
    "action/v_SoccerJuggling_g23_c01.avi",
    "action/vid_mpeg4_part2.mp4",
    "odd/wrong_ext_avi_named.mp4",
]


@dataclass
class Comparison:
    num_frames: int = 0
    num_equal: int = 0
    num_different: int = 0
    num_field_halves: int = 0
    num_unexported: int = 0  # pictures with motion, but without exported vectors: the one that is flushed at the end
    num_pixels_missing: int = 0  # inter area here minus inter area there


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        context.options = {"flags2": "+export_mvs"}
        yield from container.decode(video=0)


def _compare_vectors(picture: CodedPicture, vectors: npt.NDArray[np.void], result: Comparison) -> None:
    width, height = vectors["w"].astype(int), vectors["h"].astype(int)
    x, y = vectors["dst_x"] - width // 2, vectors["dst_y"] - height // 2
    scale = vectors["motion_scale"].astype(int)
    there = np.stack([vectors["motion_x"] * 4 // scale, vectors["motion_y"] * 4 // scale], axis=1)
    here = picture.mv[0, y // 4, x // 4].astype(int)
    equal = (here == there).all(axis=1)
    field = (width == 16) & (height == 8)
    equal[field] = (here[field] * (1, 2) == there[field]).all(axis=1)
    result.num_field_halves += int(field.sum())
    assert (picture.ref[0, y // 4, x // 4] < 0).all()
    assert len(np.unique(picture.ref[0][picture.ref[0] != 0])) <= 1  # one reference there is
    result.num_equal += int(equal.sum())
    result.num_different += int((~equal).sum())
    result.num_pixels_missing += int((picture.ref[0] != 0).sum()) * 16 - int((width * height).sum())


def _compare(pictures: Iterator[CodedPicture], frames: Iterator[av.VideoFrame]) -> Comparison:
    result = Comparison()
    seen: set[int] = set()
    for picture, frame in zip(pictures, frames, strict=True):
        result.num_frames += 1
        assert picture.type == PictureType(frame.pict_type).name
        assert not picture.damaged
        side_data = frame.side_data.get("MOTION_VECTORS")
        if picture.type == "B" or picture.id in seen:  # libavcodec may show a picture twice, then without vectors
            continue
        seen.add(picture.id)
        if side_data is None:
            result.num_unexported += int(picture.ref.any())
        else:
            _compare_vectors(picture, side_data.to_ndarray(), result)
    return result


@pytest.mark.parametrize("name", FILES)
def test_vectors_equal_the_decoders_in_the_first_frames(
    name: str, shared_videos: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]
) -> None:
    path = shared_videos / name
    result = _compare(islice(read_mpeg4(path), 24), islice(_decode(path), 24))
    assert result.num_equal > 100
    assert result.num_different == 0
    assert result.num_unexported <= 1
    assert result.num_pixels_missing == 0


def test_means_of_field_vectors_are_not_passed_off_as_exact(shared_videos: Path) -> None:
    with open_video(shared_videos / "mpeg4/m4_asp_interlaced_bvop.avi", reader="native") as reader:
        exact = {frame.picture_type: frame.motion.exact for frame in reader if frame.motion is not None}
        assert exact == {"I": True, "P": False, "B": False}
        assert not reader.motion_exact
        assert any("mean of both fields" in warning for warning in reader.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_vector_and_the_number_of_frames_equal_the_decoders(
    name: str, shared_videos: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]
) -> None:
    path = shared_videos / name
    result = _compare(read_mpeg4(path), _decode(path))
    assert result.num_different == 0
    assert result.num_unexported <= 1
    assert result.num_pixels_missing == 0
