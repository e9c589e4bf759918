"""The libav reader against ground truth from an instrumented decoder."""

from __future__ import annotations

from pathlib import Path

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
