"""The native H.264 reader against values taken from inside an instrumented decoder: equal in every element."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from videotx.extract import _native

# Clip and where it lies; those encoded for the purpose lie beside the truth.
FAST = {
    "BA_MW_D": "conformance/BA_MW_D.264",
    "Freh2_B": "conformance/Freh2_B.264",
    "HCAFR2_HHI": "conformance/HCAFR2_HHI.264",
    "MR2_TANDBERG_E": "conformance/MR2_TANDBERG_E.264",
    "R6llTwEh07w": "action/R6llTwEh07w.mp4",
    "SOX5yA1l24A_nodeblock_cavlc_p": "",
}
SLOW = {
    "HPCA_BRCM_C": "conformance/HPCA_BRCM_C.264",
    "HPCV_BRCM_A": "conformance/HPCV_BRCM_A.264",
    "SOX5yA1l24A_nodeblock_cabac_b": "",
    "VID_1280x720_cabac_temporal_direct": "conformance/VID_1280x720_cabac_temporal_direct.264",
    "mmaction2_demo": "action/mmaction2_demo.mp4",
    "test_cif_P_CABAC_slice": "conformance/test_cif_P_CABAC_slice.264",
    "vid_h264": "action/vid_h264.264",
}


def read_pictures(path: Path, num_pictures: int) -> list[_native.CodedPicture]:
    pictures: list[_native.CodedPicture] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        reader = _native.H264Reader(stream.codec_context.extradata or b"", residual=True, intra_residual=True)
        for number, packet in enumerate(p for p in container.demux(stream) if p.size):
            pictures += reader.feed(bytes(packet), number)
            if len(pictures) >= num_pictures:
                return pictures[:num_pictures]
        return pictures + reader.finish()


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_every_value_equals_the_decoders(name: str, shared_truth: Path, shared_videos: Path) -> None:
    truth = np.load(shared_truth / f"{name}.npz")
    intra = np.load(shared_truth / f"{name}.intra_residual.npz")
    source = {**FAST, **SLOW}[name]
    path = shared_videos / source if source else shared_truth / f"{name}.mp4"
    pictures = read_pictures(path, len(truth["pict_type"]))

    def stacked(attribute: str) -> np.ndarray:
        return np.stack([getattr(picture, attribute) for picture in pictures])

    assert [picture.type for picture in pictures] == list(truth["pict_type"])
    assert [picture.num_bits for picture in pictures] == list(truth["bits"])
    assert not any(picture.damaged for picture in pictures)
    np.testing.assert_array_equal(stacked("macroblock_class"), truth["mb_class"])
    np.testing.assert_array_equal(stacked("qp"), truth["qp"])
    np.testing.assert_array_equal(stacked("ref"), truth["ref"])
    np.testing.assert_array_equal(stacked("mv"), truth["mv"])
    for plane in ("y", "cb", "cr"):
        expected = truth[f"residual_{plane}"] + intra[f"residual_{plane}_intra"]
        rows, columns = expected.shape[1:]
        np.testing.assert_array_equal(stacked(f"residual_{plane}")[:, :rows, :columns], expected)


def test_residual_of_intra_macroblocks_is_zero_unless_asked_for(shared_truth: Path, shared_videos: Path) -> None:
    truth = np.load(shared_truth / "BA_MW_D.npz")
    with av.open(str(shared_videos / FAST["BA_MW_D"])) as container:
        stream = container.streams.video[0]
        reader = _native.H264Reader(stream.codec_context.extradata or b"", residual=True)
        pictures = [
            p for number, packet in enumerate(container.demux(stream)) for p in reader.feed(bytes(packet), number)
        ]
    residual = np.stack([picture.residual_y for picture in pictures[: len(truth["residual_y"])]])
    np.testing.assert_array_equal(residual, truth["residual_y"])
