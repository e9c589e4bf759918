"""The difference residual, against predictions that libavcodec itself made and against coded residuals."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from videotx.extract import REF_UNKNOWN, CodedFrame, open_video
from videotx.extract.difference import sample_planes

# Sizes are whole macroblocks below, so that nothing that libavcodec crops off is a reference.
SIMPLE_PROFILE = (
    "action/v_SoccerJuggling_g23_c01.avi",
    "mpeg4/test_qcif_200_aac_64.mp4",
    "mpeg4/m4_sp_4mv.avi",
    "mpeg4/xvid_sp_4mv.avi",
    "mpeg4/Sunset.240p.mp4",
)


def luma(frame: av.VideoFrame) -> npt.NDArray[np.int16]:
    return frame.to_ndarray()[: frame.height].astype(np.int16)


def decoded(frame: CodedFrame) -> npt.NDArray[np.int16]:
    assert frame.picture is not None
    return luma(frame.picture.frame)


def cells_to_samples(cells: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    return np.kron(cells, np.ones((8, 8), bool))[: shape[0], : shape[1]]


@pytest.mark.parametrize("name", SIMPLE_PROFILE)
def test_mpeg4_prediction_is_bit_exact(name: str, shared_videos: Path) -> None:
    """Without the inverse transform of non-key pictures, libavcodec shows the prediction of the P after an I."""
    path = shared_videos / name
    compared = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"skip_idct": "nokey"}
        streams = {"motion", "residual", "rgb"}
        with open_video(path, streams=streams, reader="libav", residual="difference") as reader:
            after_key = False
            for frame, predicted in zip(reader, container.decode(stream), strict=False):
                if after_key and frame.picture_type == "P":
                    assert frame.motion is not None
                    assert frame.residual is not None
                    y = decoded(frame)
                    inter = cells_to_samples(frame.motion.ref[0] != 0, y.shape)
                    assert np.array_equal((y - frame.residual.y)[inter], luma(predicted)[inter])
                    assert not frame.residual.y[~inter].any()
                    compared += int(inter.sum())
                after_key = frame.picture_type == "I"
                if frame.index > 60:
                    break
    assert compared > 20000


@pytest.mark.parametrize("name", ["SOX5yA1l24A_nodeblock_cavlc_p", "SOX5yA1l24A_nodeblock_cabac_b"])
def test_h264_prediction_plus_coded_residual_is_the_picture(name: str, shared_truth: Path) -> None:
    """Streams without loop filter: picture = clip(prediction + coded residual), in luma and in chroma."""
    with np.load(shared_truth / f"{name}.npz") as arrays:
        keys = ("ref", "mv", "weight_mode", "residual_y", "residual_cb", "residual_cr")
        truth = {key: arrays[key] for key in keys}
    compared = 0
    streams = {"motion", "residual", "rgb"}
    with open_video(shared_truth / f"{name}.mp4", streams=streams, reader="libav", residual="difference") as reader:
        for frame, index in zip(reader, range(len(truth["ref"])), strict=False):
            assert frame.motion is not None
            assert frame.residual is not None
            assert frame.picture is not None
            rows, columns = frame.motion.ref.shape[1:]
            mv = truth["mv"][index]
            quarters = mv.reshape(2, mv.shape[1] // 2, 2, mv.shape[2] // 2, 2, 2)
            whole = (quarters == quarters[:, :, :1, :, :1]).all(axis=(0, 2, 4, 5))[:rows, :columns]
            ref = truth["ref"][index][:, ::2, ::2][:, :rows, :columns]
            plain = np.kron(truth["weight_mode"][index] == 0, np.ones((2, 2), bool))[:rows, :columns]
            usable = whole & plain & (frame.motion.ref == ref).all(0) & (ref != 0).any(0)
            planes = [
                np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[:, : p.width] for p in frame.picture.frame.planes
            ]
            residuals = (frame.residual.y, frame.residual.cb, frame.residual.cr)
            for plane, ours, key in zip(planes, residuals, keys[3:], strict=True):
                step = 256 // plane.shape[0]
                samples = cells_to_samples(usable, (256, 340))[::step, ::step]
                rebuilt = np.clip(plane.astype(np.int16) - ours + truth[key][index], 0, 255)
                assert np.array_equal(rebuilt[samples], plane[samples])
                compared += int(samples.sum())
    assert compared > 10**6


def test_unknown_motion_has_no_residual(shared_videos: Path) -> None:
    path = shared_videos / "action" / "RATRACE_wave_f_nm_np1_fr_goo_37.avi"
    seen = False
    with open_video(path, streams={"motion", "residual"}, reader="libav", residual="difference") as reader:
        assert reader.residual_kind == "difference"
        for frame in reader:
            assert frame.motion is not None
            assert frame.residual is not None
            if frame.picture_type == "B":
                assert (frame.motion.ref == REF_UNKNOWN).any()
                assert not frame.residual.y.any()
                seen = True
    assert seen


@pytest.mark.parametrize(
    ("name", "bit_depth", "chroma"),
    [
        ("x264_high10_cabac_b.mp4", 10, (128, 170)),
        ("x264_high422_10bit_cabac.mp4", 10, (256, 170)),
        ("x264_high422_8bit_cavlc.mp4", 8, (256, 170)),
        ("x264_high444pred_8bit.mp4", 8, (256, 340)),
    ],
)
def test_other_sample_formats_are_predicted_too(
    name: str, bit_depth: int, chroma: tuple[int, int], shared_videos: Path
) -> None:
    """In every plane, prediction leaves less than a quarter of what the previous picture would leave."""
    path = shared_videos / "h264_features" / name
    left, moved = np.zeros(3), np.zeros(3)
    previous: tuple[npt.NDArray[np.int32], ...] = ()
    streams = {"motion", "residual", "rgb"}
    with open_video(path, streams=streams, reader="libav", residual="difference") as reader:
        for frame in reader:
            assert frame.residual is not None
            assert frame.motion is not None
            assert frame.picture is not None
            assert frame.residual.bit_depth == bit_depth
            assert frame.residual.cb.shape == frame.residual.cr.shape == chroma
            samples = sample_planes(frame.picture.frame)
            assert samples is not None
            planes = tuple(plane.astype(np.int32) for plane in samples.planes)
            if frame.picture_type == "P":
                cells = (frame.motion.ref != 0).any(0) & (frame.motion.ref != REF_UNKNOWN).all(0)
                ours = (frame.residual.y, frame.residual.cb, frame.residual.cr)
                for i, (residual, now, before) in enumerate(zip(ours, planes, previous, strict=True)):
                    step_y, step_x = 256 // now.shape[0], 340 // now.shape[1]
                    inside = cells_to_samples(cells, (256, 340))[::step_y, ::step_x]
                    left[i] += np.abs(residual[inside]).mean()
                    moved[i] += np.abs((now - before)[inside]).mean()
            previous = planes
    assert (left < moved / 4).all()


def test_coded_is_refused_by_name(shared_videos: Path) -> None:
    with pytest.raises(ValueError, match="coded residual needs the native reader"):
        open_video(shared_videos / "action/SOX5yA1l24A.mp4", streams={"residual"}, reader="libav", residual="coded")
