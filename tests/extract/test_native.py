"""The native reader as :func:`open_video` gives it, against libavcodec: vectors, pixels, choice and fall-back."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from videotx.extract import _native, native
from videotx.extract.errors import CoverageLostError, UnsupportedCodecError
from videotx.extract.native import NativeReader
from videotx.extract.reader import open_video

FAST = [
    "action/SOX5yA1l24A.mp4",
    "conformance/CVFC1_Sony_C.jsv",
    "conformance/HCAFR2_HHI.264",
    "conformance/MR1_BT_A.h264",
    "h264_features/x264_high_temporal_direct.mp4",
    "h264_features/x264_high_weightp2_b_pyramid_ref16.mp4",
    "h264_features/x264_main_multislice8_b.mp4",
    "h264_features/x264_odd_crop_178x142.mp4",
]
SLOW = [
    "action/R6llTwEh07w.mp4",
    "action/flipping_a_pancake.mkv",
    "action/intel_walk.mkv",
    "action/mmaction2_demo.mp4",
    "action/ntu_h264_1080p.avi",
    "action/sample_demo_1.mp4",
    "action/skateboarding_dog.mp4",
    "action/vid_h264.264",
    "conformance/BA1_FT_C.264",
    "conformance/CI1_FT_B.264",
    "conformance/FRExt_MMCO4_Sony_B.264",
    "conformance/Freh1_B.264",
    "conformance/Freh2_B.264",
    "conformance/HPCA_BRCM_C.264",
    "conformance/HPCV_BRCM_A.264",
    "conformance/LS_SVA_D.264",
    "conformance/MR2_TANDBERG_E.264",
    "conformance/VID_1280x720_cabac_temporal_direct.264",
    "conformance/test_cif_P_CABAC_slice.264",
    "h264_features/x264_intra_refresh_noidr.mp4",
    "h264_features/x264_opengop.mp4",
    "h264_features/x264_qp1_pcm_noise.mp4",
    "h264_features/x264_vfr.mp4",
]


B_CLASSES = (7, 8, 9)  # inter, skipped, direct


def coded_pictures(path: Path, residual: bool = False) -> list[_native.CodedPicture]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        reader = _native.H264Reader(stream.codec_context.extradata or b"", residual=residual)
        packets = [packet for packet in container.demux(stream) if packet.size]
        pictures = [p for i, packet in enumerate(packets) for p in reader.feed(bytes(packet), i, not packet.is_discard)]
        return pictures + reader.finish()


def count_disagreements(exported: np.ndarray, picture: _native.CodedPicture) -> tuple[int, int, int]:
    """Of libavcodec's exported vectors: how many are there, differ, and are fillers for a list that is not used."""
    columns = (exported["dst_x"] - exported["w"] // 2) // 4
    rows = (exported["dst_y"] - exported["h"] // 2) // 4
    lists = (exported["source"] > 0).astype(int)
    mv = np.stack([exported["motion_x"], exported["motion_y"]], axis=-1)
    used = picture.ref[lists, rows, columns] != 0
    different = np.any(picture.mv[lists, rows, columns] != mv, axis=-1)
    fillers = ~used & ~np.any(mv, axis=-1)
    # Fillers come with partitioned B macroblocks alone.
    partitioned = np.isin(picture.macroblock_class[rows // 4, columns // 4], B_CLASSES)
    return len(mv), int(np.sum(different | ~(used | (fillers & partitioned)))), int(np.sum(fillers))


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_vectors_equal_libavcodecs_export(name: str, shared_videos: Path) -> None:
    path = shared_videos / name
    pictures = iter(coded_pictures(path))
    num_vectors = num_fillers = 0
    with av.open(str(path), options={"flags2": "+export_mvs"}) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # with more, libavcodec exports vectors of other pictures
        stream.codec_context.options = {"flags2": "+export_mvs"}
        for frame in container.decode(stream):
            picture = next(pictures)
            vectors = frame.side_data.get("MOTION_VECTORS")
            assert picture.type == "?IPBS"[frame.pict_type]
            if vectors is None:
                assert not np.any(picture.ref)
                continue
            exported = vectors.to_ndarray()
            num, num_wrong, fillers = count_disagreements(exported, picture)
            assert num_wrong == 0
            # Nothing that the encoder wrote is missing from the export either: cover the blocks by it, and compare.
            assert covered_blocks(exported, picture.ref) == np.count_nonzero(picture.ref[:, ::2, ::2])
            num_vectors += num
            num_fillers += fillers
    assert next(pictures, None) is None
    assert num_vectors > 0
    assert num_fillers < 0.25 * num_vectors  # up to 20 % in these streams


def covered_blocks(exported: np.ndarray, ref: np.ndarray) -> int:
    covered = np.zeros((2, ref.shape[1] // 2, ref.shape[2] // 2), bool)
    for vector in exported:
        x = (vector["dst_x"] - vector["w"] // 2) // 8
        y = (vector["dst_y"] - vector["h"] // 2) // 8
        covered[int(vector["source"] > 0), y : y + vector["h"] // 8, x : x + vector["w"] // 8] = True
    return int(np.sum(covered & (ref[:, ::2, ::2] != 0)))


@pytest.mark.parametrize(
    "name",
    ["action/SOX5yA1l24A.mp4", "h264_features/x264_odd_crop_178x142.mp4", "mpeg4/packed_bframes.avi"],
)
def test_pixels_are_those_of_the_same_picture(name: str, shared_videos: Path) -> None:
    path = shared_videos / name
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        decoded = [frame.to_ndarray() for frame in container.decode(video=0)]
    with open_video(path, streams={"motion", "qp", "residual", "rgb"}) as video:
        assert isinstance(video, NativeReader)
        frames = list(video)
        assert [frame.index for frame in frames] == list(range(len(decoded)))
        for frame, expected in zip(frames, decoded, strict=True):
            assert frame.picture is not None
            np.testing.assert_array_equal(frame.picture.frame.to_ndarray(), expected)
            assert frame.motion is not None
            assert frame.qp is not None
            assert frame.residual is not None
            assert frame.motion.ref.shape == (2, -(-video.info.height // 8), -(-video.info.width // 8))
            assert frame.qp.shape == (-(-video.info.height // 16), -(-video.info.width // 16))
            assert frame.residual.y.shape == (video.info.height, video.info.width)
        seconds = [frame.seconds for frame in frames]
        assert seconds == sorted(set(seconds))
        assert video.motion_exact
        assert video.residual_kind == "coded"


def test_finer_grid_holds_the_coarser_one(shared_videos: Path) -> None:
    path = shared_videos / "h264_features" / "x264_odd_crop_178x142.mp4"
    with open_video(path, block=4) as fine, open_video(path, block=8) as coarse:
        for a, b in zip(fine, coarse, strict=True):
            assert a.motion is not None
            assert b.motion is not None
            assert a.motion.ref.shape == (2, -(-142 // 4), -(-178 // 4))
            np.testing.assert_array_equal(a.motion.mv[:, ::2, ::2], b.motion.mv)
            np.testing.assert_array_equal(a.motion.ref[:, ::2, ::2], b.motion.ref)


def test_the_native_picture_is_cut_out_of_the_coded_one(shared_videos: Path) -> None:
    path = shared_videos / "conformance" / "CVFC1_Sony_C.jsv"
    pictures = coded_pictures(path, residual=True)
    with open_video(path, streams={"motion", "qp", "residual"}, block=4) as video:
        left, top, width, height = video.info.crop_left, video.info.crop_top, video.info.width, video.info.height
        assert left > 0 or top > 0
        for frame, picture in zip(video, pictures, strict=True):
            assert frame.motion is not None
            rows = slice(top // 4, top // 4 + -(-height // 4))
            columns = slice(left // 4, left // 4 + -(-width // 4))
            np.testing.assert_array_equal(frame.motion.mv, picture.mv[:, rows, columns])
            np.testing.assert_array_equal(frame.motion.ref, picture.ref[:, rows, columns])
            qp = picture.qp[top // 16 :, left // 16 :][: -(-height // 16), : -(-width // 16)]
            np.testing.assert_array_equal(frame.qp, qp)
            assert frame.residual is not None
            assert picture.residual_y is not None
            assert picture.residual_cr is not None
            y = picture.residual_y[top : top + height, left : left + width]
            cr = picture.residual_cr[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
            np.testing.assert_array_equal(frame.residual.y, y)
            np.testing.assert_array_equal(frame.residual.cr, cr)
    mv, ref = np.empty((2, 99, 2, 2), np.int16), np.empty((2, 99, 2), np.int8)
    with pytest.raises(ValueError, match="beyond the coded picture"):
        pictures[0].crop_motion(mv, ref, 8, 0, 0)
    with pytest.raises(ValueError, match="beyond the coded picture"):
        pictures[0].crop_quantisers(np.empty((1, 1), np.int8), 0, -16)
    for beyond in ((width + 256, height, left, top), (width, 2**64 - 1, left, 1)):
        with pytest.raises(ValueError, match="beyond the coded picture"):
            pictures[0].crop_residual(*beyond)


@pytest.mark.parametrize(
    "name",
    [
        "action/SOX5yA1l24A.mp4",
        "h264_features/x264_main_mbaff_tff.mp4",
        "mpeg4/m4_asp_interlaced_bvop.avi",
        "mpeg4/m4_odd_175x143.mp4",
    ],
)
def test_residuals_of_frames_let_go_of_leave_nothing_behind(name: str, shared_videos: Path) -> None:
    """Their memory serves later frames, and that of frames still held does not."""
    path = shared_videos / name
    with open_video(path, streams={"residual"}, reader="native") as reader:
        held = [frame.residual for frame in reader]
    assert any(residual is not None and residual.y.any() for residual in held)
    with open_video(path, streams={"residual"}, reader="native") as reader:
        for frame, expected in zip(reader, held, strict=True):
            assert frame.residual is not None
            assert expected is not None
            for plane in ("y", "cb", "cr"):
                np.testing.assert_array_equal(getattr(frame.residual, plane), getattr(expected, plane))


def with_data_partition(path: Path, folder: Path) -> Path:
    """The stream, and behind it a unit of a kind that only the Extended profile has."""
    longer = folder / "partition.264"
    longer.write_bytes(path.read_bytes() + b"\x00\x00\x01\x42\xe0\x80\x80")
    return longer


def test_the_whole_of_a_short_stream_is_seen_before_it_is_read(shared_videos: Path, tmp_path: Path) -> None:
    path = with_data_partition(shared_videos / "conformance" / "BA_MW_D.264", tmp_path)
    with open_video(path) as video:
        assert video.reader == "libav"
        assert any("data partitioning" in warning for warning in video.warnings)
        assert len(list(video)) == 100


def test_what_turns_up_far_into_a_stream_ends_its_reading(
    shared_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_data_partition(shared_videos / "conformance" / "BA_MW_D.264", tmp_path)
    monkeypatch.setattr(native, "_LOOK_AHEAD_BYTES", 2000)
    with open_video(path) as video:
        assert video.reader == "native"
        frames = iter(video)
        assert next(frames).index == 0
        with pytest.raises(CoverageLostError, match="packet 100: the native reader does not cover data partitioning"):
            list(frames)


def test_what_is_not_covered_falls_back_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "mbaff444.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        stream.options = {"x264-params": "tff=1:threads=1"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with open_video(path) as video:
        assert video.reader == "libav"
        assert any("MBAFF" in warning for warning in video.warnings)
    with pytest.raises(UnsupportedCodecError, match="MBAFF"):
        open_video(path, reader="native")
    with pytest.raises(UnsupportedCodecError, match=r"coded residual needs the native reader.*MBAFF"):
        open_video(path, streams={"residual"})


@pytest.mark.parametrize("name", ["conformance/HCAFF1_HHI.264", "h264_features/x264_main_mbaff_tff.mp4"])
def test_interlaced_streams_are_read_and_their_vectors_called_means(name: str, shared_videos: Path) -> None:
    path = shared_videos / name
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        decoded = [frame.to_ndarray() for frame in container.decode(video=0)]
        num_bytes = sum(packet.size for packet in av.open(str(path)).demux(video=0))
    with open_video(path, streams={"motion", "qp", "residual", "rgb"}) as video:
        assert video.reader == "native"
        frames = list(video)
        assert not video.motion_exact
        assert video.residual_kind == "coded"
        assert [w for w in video.warnings if "predicted by field" in w] == video.warnings
    assert sum(frame.num_bytes for frame in frames) == num_bytes
    for frame, expected in zip(frames, decoded, strict=True):
        assert frame.picture is not None
        np.testing.assert_array_equal(frame.picture.frame.to_ndarray(), expected)


def test_pixels_alone_need_no_native_reader(shared_videos: Path) -> None:
    with open_video(shared_videos / "action" / "SOX5yA1l24A.mp4", streams={"rgb"}) as video:
        assert video.reader == "libav"


def test_damage_is_marked_and_reading_goes_on(shared_videos: Path) -> None:
    with open_video(shared_videos / "odd" / "bitflip40_mdat_SOX5yA1l24A.mp4") as video:
        damaged = list(video)
        assert any("frames are damaged" in warning for warning in video.warnings)
    with open_video(shared_videos / "action" / "SOX5yA1l24A.mp4") as video:
        sound = list(video)
    assert len(damaged) == len(sound)
    assert 0 < sum(frame.damaged for frame in damaged) < 60
    assert not any(frame.damaged for frame in sound)
    unknown = [f.motion is not None and bool(np.any(f.motion.ref == -128)) for f in damaged]
    assert sum(unknown) > 0
    assert all(frame.damaged for frame, is_unknown in zip(damaged, unknown, strict=True) if is_unknown)
