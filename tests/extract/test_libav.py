"""The libav reader against ground truth from an instrumented decoder."""

from __future__ import annotations

import gc
from pathlib import Path

import av
import av.logging
import numpy as np
import numpy.typing as npt
import pytest

from videotx.extract import REF_UNKNOWN, open_video

H264_TRUTH = ("R6llTwEh07w.mp4", "mmaction2_demo.mp4", "vid_h264.264")
MPEG4_TRUTH = ("v_SoccerJuggling_g23_c01.avi", "vid_mpeg4_part2.mp4", "RATRACE_wave_f_nm_np1_fr_goo_37.avi")


def _truth(folder: Path, name: str) -> dict[str, npt.NDArray[np.generic]]:
    with np.load(folder / (Path(name).stem + ".npz")) as arrays:
        keys = ("mv", "ref", "qp", "pict_type", "bits", "mb_class")
        return {key: arrays[key] for key in keys}


@pytest.mark.parametrize("name", H264_TRUTH + MPEG4_TRUTH)
def test_vectors_and_quantisers_are_the_streams_own(name: str, shared_videos: Path, shared_truth: Path) -> None:
    truth = _truth(shared_truth, name)
    with open_video(shared_videos / "action" / name, streams={"motion", "qp"}, reader="libav") as reader:
        for frame, mv, ref, qp, picture_type in zip(
            reader, truth["mv"], truth["ref"], truth["qp"], truth["pict_type"], strict=False
        ):
            assert frame.motion is not None
            assert frame.qp is not None
            assert frame.picture_type == picture_type
            rows, columns = frame.motion.ref.shape[1:]
            known = (frame.motion.ref != 0) & (frame.motion.ref != REF_UNKNOWN)
            used = ref[:, ::2, ::2][:, :rows, :columns] != 0
            both = known & used
            assert np.array_equal(frame.motion.mv[both], mv[:, ::2, ::2][:, :rows, :columns][both])
            assert not (used & (frame.motion.ref == 0)).any()
            assert np.array_equal(frame.qp, qp[: frame.qp.shape[0], : frame.qp.shape[1]])


def test_single_reference_streams_are_exact_even_with_b_pictures(shared_videos: Path, shared_truth: Path) -> None:
    """One reference frame: both lists of a B picture point into the future one, and the reader knows it."""
    with np.load(shared_truth / "HPCV_BRCM_A.npz") as arrays:
        truth = arrays["ref"]
    path = shared_videos / "conformance" / "HPCV_BRCM_A.264"
    num_exact = 0
    with open_video(path, reader="libav") as reader:
        assert reader.info.num_reference_frames == 1
        for frame, expected in zip(reader, truth[:, :, ::2, ::2], strict=False):
            assert frame.motion is not None
            ref = frame.motion.ref
            used = (expected != 0) & (ref != REF_UNKNOWN)
            assert np.array_equal(ref[used], expected[used])
            if frame.motion.exact:
                num_exact += 1
                known = ref != REF_UNKNOWN
                assert np.array_equal(ref[known], expected[known])
    assert num_exact > 10


def test_several_references_are_never_called_exact(shared_videos: Path) -> None:
    with open_video(shared_videos / "action" / "R6llTwEh07w.mp4", reader="libav") as reader:
        assert not reader.motion_exact
        assert all(f.motion is not None and not f.motion.exact for f in reader if f.picture_type != "I")
        assert not reader.motion_exact
    with open_video(shared_videos / "action" / "v_SoccerJuggling_g23_c01.avi", reader="libav") as reader:
        assert reader.motion_exact
        assert all(f.motion is not None and f.motion.exact for f in reader)
        assert reader.motion_exact


def test_mpeg4_b_vops_are_unknown_wherever_they_are_not_intra(shared_videos: Path, shared_truth: Path) -> None:
    name = "RATRACE_wave_f_nm_np1_fr_goo_37"
    with np.load(shared_truth / f"{name}.npz") as arrays:
        intra = arrays["intra"]
    num_checked = 0
    with open_video(shared_videos / "action" / f"{name}.avi", reader="libav") as reader:
        for frame, expected in zip(reader, intra, strict=False):
            assert frame.motion is not None
            if frame.picture_type == "B":
                cells = np.kron(expected, np.ones((2, 2), bool))
                assert np.array_equal(frame.motion.ref[0] == 0, cells)
                assert np.array_equal(frame.motion.ref[1] == 0, cells)
                assert set(np.unique(frame.motion.ref)) <= {0, REF_UNKNOWN}
                assert not frame.motion.exact
                num_checked += 1
    assert num_checked > 10


def test_the_last_anchor_of_an_mpeg4_stream_has_its_motion(shared_videos: Path) -> None:
    """libavcodec hands it out without side data when it is emptied, as if all of it were intra."""
    with open_video(
        shared_videos / "action" / "mmaction2_test_xvid.avi", streams={"motion", "qp"}, reader="libav"
    ) as reader:
        last = list(reader)[-1]
    assert last.picture_type == "P"
    assert last.motion is not None
    assert last.qp is not None
    assert ((last.motion.ref[0] != 0) & (last.motion.ref[0] != REF_UNKNOWN)).mean() > 0.5
    assert last.qp.min() >= 1


def test_pictures_of_fields_and_sprites_are_unknown(shared_videos: Path) -> None:
    for name, types in (
        ("conformance/HCAMFF1_HHI.264", "PB"),
        ("h264_features/x264_main_mbaff_tff.mp4", "PB"),
        ("mpeg4/xvid_asp_gmc.avi", "S"),
    ):
        with open_video(shared_videos / name, reader="libav") as reader:
            for frame in reader:
                if frame.picture_type in types:
                    assert frame.motion is not None
                    assert set(np.unique(frame.motion.ref)) <= {0, REF_UNKNOWN}, name


def test_frame_pictures_among_fields_are_known(shared_videos: Path) -> None:
    """PAFF codes some pictures as frames; those have vectors like any other."""
    with open_video(shared_videos / "conformance" / "HCAFF1_HHI.264", reader="libav") as reader:
        known = [
            bool(((f.motion.ref != 0) & (f.motion.ref != REF_UNKNOWN)).any()) for f in reader if f.motion is not None
        ]
    assert any(known)
    assert not all(known[1:])


def test_all_intra_p_pictures_have_no_vectors(shared_videos: Path) -> None:
    """They come without side data; that means intra, not unknown."""
    with open_video(shared_videos / "odd" / "fire2.mp4", reader="libav") as reader:
        frames = [f for f in reader if f.picture_type == "P"]
    assert frames
    assert all(f.motion is not None and not (f.motion.ref == REF_UNKNOWN).any() for f in frames)


def test_a_left_and_top_crop_moves_the_grid(shared_videos: Path) -> None:
    """The native picture begins at (26, 60) of the coded one: neither on the 8x8 grid nor on the macroblocks."""
    path = shared_videos / "conformance" / "CVFC1_Sony_C.jsv"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"flags2": "+export_mvs"}
        exported = [frame.side_data.get("MOTION_VECTORS") for frame in container.decode(stream)]
        vectors = [None if e is None else e.to_ndarray() for e in exported]
    with open_video(path, streams={"motion", "rgb"}, reader="libav") as reader:
        assert (reader.info.width, reader.info.height) == (300, 168)
        for frame, expected in zip(reader, vectors, strict=True):
            assert frame.rgb is not None
            assert frame.rgb.shape == (168, 300, 3)
            if expected is None or frame.index > 8:
                continue
            assert frame.motion is not None
            coded = np.zeros((288, 352, 2), np.int16)
            for v in expected:
                x, y = v["dst_x"] - v["w"] // 2, v["dst_y"] - v["h"] // 2
                coded[y : y + v["h"], x : x + v["w"]] = (v["motion_x"], v["motion_y"])
            assert np.array_equal(frame.motion.mv[0], coded[60 : 60 + 168 : 8, 26 : 26 + 300 : 8])


def test_a_grid_of_4x4_repeats_the_grid_of_8x8(shared_videos: Path) -> None:
    path = shared_videos / "h264_features" / "x264_odd_crop_178x142.mp4"
    with open_video(path, reader="libav", block=8) as coarse, open_video(path, reader="libav", block=4) as fine:
        for a, b in zip(coarse, fine, strict=True):
            assert a.motion is not None
            assert b.motion is not None
            assert b.motion.ref.shape == (2, 36, 45)
            assert np.array_equal(b.motion.mv[:, ::2, ::2], a.motion.mv)
            assert np.array_equal(
                b.motion.ref[:, 1::2, 1::2], a.motion.ref[:, :, :22][:, : b.motion.ref[:, 1::2].shape[1]]
            )


def test_nothing_is_computed_that_was_not_asked_for(shared_videos: Path) -> None:
    path = shared_videos / "action" / "SOX5yA1l24A.mp4"
    with open_video(path, reader="libav") as reader:
        frame = next(iter(reader))
        assert frame.motion is not None
        assert frame.picture is frame.residual is frame.qp is frame.rgb is None
        assert reader.residual_kind is None
    with open_video(path, streams={"qp"}, reader="libav") as reader:
        frame = next(iter(reader))
        assert frame.qp is not None
        assert frame.motion is None


@pytest.mark.parametrize("name", ["action/v_SoccerJuggling_g23_c01.avi", "mpeg4/m4_asp_qpel_bvop_4mv.mp4"])
def test_motion_is_the_same_whether_or_not_there_are_pixels(name: str, shared_videos: Path) -> None:
    path = shared_videos / name
    with (
        open_video(path, streams={"motion", "qp"}, reader="libav") as without,
        open_video(path, streams={"motion", "qp", "rgb"}, reader="libav") as with_pixels,
    ):
        for frame, other in zip(without, with_pixels, strict=True):
            assert frame.motion is not None
            assert other.motion is not None
            np.testing.assert_array_equal(frame.motion.mv, other.motion.mv)
            np.testing.assert_array_equal(frame.motion.ref, other.motion.ref)
            np.testing.assert_array_equal(frame.qp, other.qp)


def test_any_codec_gives_pixels(shared_videos: Path) -> None:
    with open_video(shared_videos / "odd" / "bear-vp9-odd-dimensions.webm", streams={"rgb"}, reader="libav") as reader:
        frames = [frame.rgb for frame in reader]
    assert len(frames) == 30
    assert all(rgb is not None and rgb.shape == (121, 161, 3) for rgb in frames)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"streams": {"depth"}}, "expected a subset of"),
        ({"reader": "ffmpeg"}, "expected 'auto', 'native' or 'libav'"),
        ({"residual": "mixed"}, "expected 'coded' or 'difference'"),
        ({"block": 16}, "expected 8 or 4, got 16"),
    ],
)
def test_arguments_that_mean_nothing(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_video("unopened.mp4", **arguments)  # type: ignore[arg-type]


def test_the_log_level_of_others_is_restored(shared_videos: Path) -> None:
    before = av.logging.get_level()
    with open_video(shared_videos / "action" / "SOX5yA1l24A.mp4", reader="libav"):
        assert av.logging.get_level() == av.logging.ERROR
    assert av.logging.get_level() == before


def test_frames_do_not_outlive_their_use(shared_videos: Path) -> None:
    """PyAV's own ``side_data`` makes a frame part of a reference cycle: hundreds of pictures would pile up."""
    gc.collect()
    gc.disable()
    try:
        path = shared_videos / "action" / "SOX5yA1l24A.mp4"
        with open_video(path, streams={"motion", "qp"}, reader="libav") as reader:
            for _ in reader:
                pass
        alive = sum(type(o) is av.VideoFrame for o in gc.get_objects())
    finally:
        gc.enable()
    assert alive <= 2
