"""The native reader's values decode: motion compensation from them, plus the residual, gives libavcodec's samples.

Bit for bit in every inter macroblock: in real streams, and in streams that x264 makes here over a grid of its settings.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from h264_streams import Reconstruction, check_clip, decode_unfiltered, read_native

from videotx.extract import _native

FAST = [
    "conformance/CVFC1_Sony_C.jsv",
    "conformance/FRExt2_Panasonic.avc",
    "conformance/HCAFF1_HHI.264",
    "conformance/HCAMFF1_HHI.264",
    "h264_features/x264_high_weightp2_b_pyramid_ref16.mp4",
]
SLOW = [
    "action/R6llTwEh07w.mp4",
    "action/SOX5yA1l24A.mp4",
    "action/intel_walk.mkv",
    "action/mmaction2_demo.mp4",
    "action/sample_demo_1.mp4",
    "action/vid_h264.264",
    "conformance/BA1_FT_C.264",
    "conformance/FREXT02_JVC_C.264",
    "conformance/FRExt_MMCO4_Sony_B.264",
    "conformance/Freh1_B.264",
    "conformance/Freh2_B.264",
    "conformance/HCAFR2_HHI.264",
    "conformance/HPCA_BRCM_C.264",
    "conformance/HPCV_BRCM_A.264",
    "conformance/freh5.264",
    "conformance/MR1_BT_A.h264",
    "conformance/MR2_TANDBERG_E.264",
    "conformance/test_cif_P_CABAC_slice.264",
    "h264_features/x264_high444pred_lossless.mp4",
    "h264_features/x264_high_spatial_direct_cavlc.mp4",
    "h264_features/x264_high_temporal_direct.mp4",
    "h264_features/x264_main_mbaff_tff.mp4",
    "h264_features/x264_main_multislice8_b.mp4",
    "h264_features/x264_qp1_pcm_noise.mp4",
]


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_prediction_plus_residual_is_the_picture(name: str, shared_videos: Path) -> None:
    check_clip(shared_videos / name, 60 if name in SLOW else 16)


@pytest.mark.parametrize("name", ["CVFC1_Sony_C.jsv", "HCAFF1_HHI.264", "HCAMFF1_HHI.264"])
def test_wrong_vectors_are_noticed(name: str, shared_videos: Path) -> None:
    path = shared_videos / "conformance" / name
    frames = decode_unfiltered(path, 8)
    picture = read_native(path)[1]
    inter, wrong = Reconstruction(frames, shift_qpel=1).count_wrong(1, picture)
    assert wrong > 0.5 * inter


GRID = {
    "baseline": "no-cabac=1:bframes=0:ref=1:8x8dct=0:weightp=0",
    "cavlc_all_partitions": "no-cabac=1:bframes=2:ref=3:partitions=all:8x8dct=1",
    "temporal_direct": "bframes=3:direct=temporal:ref=4:partitions=all",
    "spatial_direct": "bframes=3:direct=spatial:ref=4:b-pyramid=none",
    "auto_direct_pyramid": "bframes=8:direct=auto:b-pyramid=normal:ref=16:b-adapt=0",
    "no_direct": "bframes=3:direct=none:ref=2:weightb=0",
    "strict_pyramid": "bframes=5:b-pyramid=strict:b-adapt=0:ref=5",
    "weightp2": "bframes=2:weightp=2:ref=5",
    "weightp1": "bframes=0:weightp=1:ref=2",
    "slices": "slices=5:bframes=3:ref=3",
    "slice_size": "slice-max-size=200:bframes=2",
    "intra_refresh": "intra-refresh=1:bframes=0:keyint=8",
    "open_gop": "open-gop=1:keyint=6:min-keyint=2:bframes=3",
    "lossless": "qp=0:bframes=2",
    "coarse": "qp=45:bframes=3:8x8dct=1",
    "fine": "qp=4:bframes=3:8x8dct=1:partitions=all",
    "jvt_matrices": "cqm=jvt:bframes=2:8x8dct=1",
    "aq_chroma_offset": "aq-mode=1:aq-strength=2:chroma-qp-offset=-6:bframes=1",
    "fake_interlaced": "fake-interlaced=1:bframes=3:direct=temporal",
    "fake_interlaced_spatial": "fake-interlaced=1:bframes=3:direct=spatial:no-cabac=1",
    "mbaff": "tff=1:bframes=3:ref=4:b-pyramid=normal:partitions=all:8x8dct=1",
    "mbaff_spatial": "tff=1:bframes=3:direct=spatial:ref=3:partitions=all:b-adapt=0",
    "mbaff_temporal": "bff=1:bframes=3:direct=temporal:ref=4:partitions=all:b-adapt=0",
    "mbaff_temporal_pyramid": "tff=1:bframes=7:direct=temporal:ref=8:b-pyramid=normal:b-adapt=0",
    "mbaff_cavlc": "bff=1:no-cabac=1:bframes=3:direct=temporal:ref=3:partitions=all:8x8dct=1",
    "mbaff_cavlc_spatial": "tff=1:no-cabac=1:bframes=2:direct=spatial:ref=2:8x8dct=0",
    "mbaff_p_only": "tff=1:bframes=0:ref=16:weightp=0:8x8dct=1:partitions=all",
    "mbaff_slices": "tff=1:slices=3:bframes=3:ref=3:direct=auto",
    "mbaff_unweighted": "tff=1:bframes=3:weightb=0:direct=none:ref=5",
    "mbaff_lossless": "tff=1:qp=0:bframes=2",
    "mbaff_fine": "bff=1:qp=4:bframes=3:cqm=jvt:partitions=all",
    "mbaff_coarse": "tff=1:qp=45:bframes=3:direct=temporal",
    "mbaff_coarse_cavlc": "tff=1:qp=45:bframes=3:direct=temporal:no-cabac=1",
    "mbaff_open_gop": "tff=1:open-gop=1:keyint=6:min-keyint=2:bframes=3",
}


def synthetic_clip(path: Path, parameters: str, width: int, height: int, num_frames: int) -> None:
    """A textured background that pans, a fast square, a fade and some noise; of two moments where it is interlaced."""
    generator = np.random.default_rng(7)
    texture = generator.integers(0, 256, (height // 8 + 12, width // 8 + 12)).astype(float)
    texture = np.kron(texture, np.ones((8, 8)))
    texture = (texture + np.roll(texture, 3, 0) + np.roll(texture, 5, 1)) / 3
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"x264-params": f"{parameters}:threads=1:scenecut=0", "preset": "medium"}

        def moment(t: int) -> npt.NDArray[np.float64]:
            luma = texture[t : t + height, 2 * t : 2 * t + width] * (0.5 + 0.5 * t / num_frames)
            luma = luma + generator.normal(0, 3, (height, width))
            luma[20 + 3 * t : 52 + 3 * t, 10 + 5 * t : 42 + 5 * t] = 220 - 4 * t
            return luma

        for t in range(num_frames):
            luma = moment(t)
            if "ff=1" in parameters:  # here and there; the rest is better coded as frame macroblocks
                y, x = np.indices(luma.shape)
                luma = np.where((y % 2 == 1) & ((y // 40 + x // 56 + t) % 2 == 0), moment(t + 1), luma)
            picture = np.stack([luma, np.roll(luma, 9, 1), luma[::-1]], axis=-1).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", GRID)
def test_streams_of_x264(name: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    width, height = (178, 142) if name in ("slices", "weightp2") else (176, 144)
    synthetic_clip(path, GRID[name], width, height, 14)
    pictures = read_native(path)
    assert len(pictures) == 14
    assert not any(picture.damaged for picture in pictures)
    check_clip(path, 14)
    check_export(path, pictures)


def check_export(path: Path, pictures: list[_native.CodedPicture]) -> None:
    """libavcodec's vectors are ours, or fillers of lists that a block does not use.

    Field macroblocks stand one above the other in its export as in ours, and their vectors count lines of the field;
    those of 16x8 and 8x16 macroblocks alone it gives in lines of the frame.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"flags2": "+export_mvs"}
        for frame, picture in zip(container.decode(stream), pictures, strict=True):
            vectors = frame.side_data.get("MOTION_VECTORS")
            if vectors is None:
                assert not np.any(picture.ref)
                continue
            exported = vectors.to_ndarray()
            columns = (exported["dst_x"] - exported["w"] // 2) // 4
            rows = (exported["dst_y"] - exported["h"] // 2) // 4
            lists = (exported["source"] > 0).astype(int)
            mv = np.stack([exported["motion_x"], exported["motion_y"]], axis=-1)
            ours = (picture.mv if picture.coded_mv is None else picture.coded_mv)[lists, rows, columns].astype(int)
            if picture.field_macroblock is not None:
                field = picture.field_macroblock[rows // 4, columns // 4] != 0
                ours[:, 1] *= np.where(field & (exported["w"] != exported["h"]), 2, 1)
            np.testing.assert_array_equal(ours, mv)
