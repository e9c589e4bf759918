"""Every H.264 stream there is, read to its end: the pictures libavcodec shows, in its order, complete.

A slice whose data does not end exactly where its NAL unit does marks its picture as damaged, so "not damaged" says that
no bit was left over.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from h264_streams import coded_packets, shown_by_libavcodec

from videotx.extract import _native

FAST = [
    "conformance/BA1_FT_C.264",
    "conformance/BASQP1_Sony_C.jsv",
    "conformance/CVFC1_Sony_C.jsv",
    "conformance/Cisco_Men_whisper_640x320_CABAC_Bframe_9.264",
    "conformance/FREXT02_JVC_C.264",
    "conformance/FRExt2_Panasonic.avc",
    "conformance/Freh1_B.264",
    "conformance/HCAFF1_HHI.264",
    "conformance/HCAFR2_HHI.264",
    "conformance/HCAMFF1_HHI.264",
    "conformance/MPS_MW_A.264",
    "conformance/MR1_BT_A.h264",
    "conformance/NRF_MW_E.264",
    "conformance/QCIF_2P_I_allIPCM.264",
    "conformance/SVA_BA2_D.264",
    "h264_features/x264_gray_high.mp4",
    "h264_features/x264_high10_cabac_b.mp4",
    "h264_features/x264_high422_8bit_cavlc.mp4",
    "h264_features/x264_high444pred_8bit.mp4",
    "h264_features/x264_high_weightp2_b_pyramid_ref16.mp4",
    "h264_features/x264_intra_refresh_noidr.mp4",
    "h264_features/x264_odd_crop_178x142.mp4",
    "h264_features/x264_opengop.mp4",
]
SLOW = [
    "conformance/BANM_MW_D.264",
    "conformance/BA_MW_D.264",
    "conformance/CI1_FT_B.264",
    "conformance/CI_MW_D.264",
    "conformance/Cisco_Men_whisper_640x320_CAVLC_Bframe_9.264",
    "conformance/FRExt_MMCO4_Sony_B.264",
    "conformance/Freh2_B.264",
    "conformance/HPCA_BRCM_C.264",
    "conformance/HPCVMOLQ_BRCM_B.264",
    "conformance/HPCV_BRCM_A.264",
    "conformance/LS_SVA_D.264",
    "conformance/freh5.264",
    "conformance/MIDR_MW_D.264",
    "conformance/MR2_TANDBERG_E.264",
    "conformance/NL1_Sony_D.jsv",
    "conformance/VID_1280x720_cabac_temporal_direct.264",
    "conformance/test_cif_P_CABAC_slice.264",
    "h264_features/x264_constrained_baseline_g12.mp4",
    "h264_features/x264_high422_10bit_cabac.mp4",
    "h264_features/x264_high444pred_lossless.mp4",
    "h264_features/x264_high_spatial_direct_cavlc.mp4",
    "h264_features/x264_high_temporal_direct.mp4",
    "h264_features/x264_main_mbaff_tff.mp4",
    "h264_features/x264_main_multislice8_b.mp4",
    "h264_features/x264_odd_175x143.mp4",
    "h264_features/x264_qp1_pcm_noise.mp4",
    "h264_features/x264_vfr.mp4",
    "action/R6llTwEh07w.mp4",
    "action/SOX5yA1l24A.mp4",
    "action/flipping_a_pancake.mkv",
    "action/intel_walk.mkv",
    "action/mmaction2_demo.mp4",
    "action/ntu_h264_1080p.avi",
    "action/sample_demo_1.mp4",
    "action/skateboarding_dog.mp4",
    "action/vid_h264.264",
    "action/vid_h264.mp4",
]


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_shows_what_libavcodec_shows(name: str, shared_videos: Path) -> None:
    extradata, packets = coded_packets(shared_videos / name)
    reader = _native.H264Reader(extradata)
    pictures = [p for number, packet in enumerate(packets) for p in reader.feed(packet, number)] + reader.finish()
    assert [(p.packet, p.type) for p in pictures] == shown_by_libavcodec(shared_videos / name)
    for picture in pictures:
        assert not picture.damaged
        assert np.all(picture.macroblock_class != 0)
        # A macroblock that is skipped in CAVLC costs nothing; no other is free.
        assert np.all(picture.macroblock_bits >= 0)
        assert picture.macroblock_bits.sum() <= picture.num_bits
        used = picture.ref != 0
        assert np.all(picture.mv[~used] == 0)
