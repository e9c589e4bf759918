"""Header bits: written here by hand, and compared with what libavcodec and an instrumented decoder say."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotx.extract.bits import BitReader
from videotx.extract.coded_order import CodedOrder
from videotx.extract.h264_headers import find_sequence_parameters, iter_nal_units
from videotx.extract.mpeg4_headers import find_video_object_layer
from videotx.extract.source import VideoSource


def bit_bytes(bits: str) -> bytes:
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")


def exp_golomb(value: int) -> str:
    code = bin(value + 1)[2:]
    return "0" * (len(code) - 1) + code


@given(st.lists(st.integers(-(2**20), 2**20), max_size=20))
def test_exp_golomb_codes_are_read_back(values: list[int]) -> None:
    # H.264 clause 9.1.1: positive v is code 2v - 1, others -2v.
    signed = "".join(exp_golomb(2 * v - 1 if v > 0 else -2 * v) for v in values)
    reader = BitReader(bit_bytes(signed))
    assert [reader.se() for _ in values] == values
    unsigned = BitReader(bit_bytes("".join(exp_golomb(abs(v)) for v in values)))
    assert [unsigned.ue() for _ in values] == [abs(v) for v in values]


def test_reading_past_the_end_is_an_error() -> None:
    reader = BitReader(b"\xff")
    assert reader.u(5) == 31
    with pytest.raises(EOFError, match="2 bits early"):
        reader.u(5)
    with pytest.raises(EOFError):
        BitReader(b"\x00").ue()


def test_nal_units_of_both_packings_are_the_same() -> None:
    units = [b"\x67abc", b"\x68d", b"\x65" + bytes(range(1, 200))]
    annex_b = b"".join(b"\x00\x00\x01" + unit for unit in units)
    assert list(iter_nal_units(annex_b, 0)) == units
    for length_size in (1, 2, 4):
        packed = b"".join(len(unit).to_bytes(length_size, "big") + unit for unit in units)
        assert list(iter_nal_units(packed, length_size)) == units
        assert list(iter_nal_units(packed[:-1], length_size)) == units[:-1]


@pytest.mark.parametrize(
    ("name", "size", "coded", "crop", "references"),
    [
        ("action/R6llTwEh07w.mp4", (340, 256), (352, 256), (0, 0), 4),
        ("conformance/CVFC1_Sony_C.jsv", (300, 168), (352, 288), (26, 60), 5),
        ("conformance/HPCV_BRCM_A.264", (352, 288), (352, 288), (0, 0), 1),
        ("conformance/LS_SVA_D.264", (176, 144), (176, 144), (0, 0), 15),
        ("h264_features/x264_odd_175x143.mp4", (175, 143), (176, 144), (0, 0), 4),
        ("h264_features/x264_high422_10bit_cabac.mp4", (340, 256), (352, 256), (0, 0), 4),
    ],
)
def test_sequence_parameters(
    name: str,
    size: tuple[int, int],
    coded: tuple[int, int],
    crop: tuple[int, int],
    references: int,
    *,
    shared_videos: Path,
) -> None:
    with av.open(str(shared_videos / name)) as container:
        sps = find_sequence_parameters(container.streams.video[0].codec_context.extradata)
    assert sps is not None
    assert (sps.coded_width, sps.coded_height) == coded
    assert (sps.crop_left, sps.crop_top) == crop
    native = (coded[0] - sps.crop_left - sps.crop_right, coded[1] - sps.crop_top - sps.crop_bottom)
    assert native == size
    assert sps.max_num_ref_frames == references


def test_damaged_parameter_sets_are_no_parameter_sets(shared_videos: Path) -> None:
    with av.open(str(shared_videos / "action/R6llTwEh07w.mp4")) as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    for end in range(len(extradata)):
        sps = find_sequence_parameters(extradata[:end])
        assert sps is None or sps.coded_width == 352


@pytest.mark.parametrize(
    "name", ["v_SoccerJuggling_g23_c01.avi", "vid_mpeg4_part2.mp4", "RATRACE_wave_f_nm_np1_fr_goo_37.avi"]
)
def test_rounding_types_of_vops(name: str, shared_videos: Path, shared_truth: Path) -> None:
    """vop_rounding_type by decoding order, against the instrumented decoder."""
    with np.load(shared_truth / (Path(name).stem + ".npz")) as truth:
        order, expected, types = truth["decode_index"], truth["rounding"], truth["pict_type"]
    by_decoding = {int(o): int(r) for o, r, t in zip(order, expected, types, strict=True) if t == "P"}
    with VideoSource(shared_videos / "action" / name) as source:
        coded = CodedOrder("mpeg4", source.stream.codec_context.extradata)
        vops = [coded.add(bytes(packet)) for packet in source.packets()]
    vops = [vop for vop in vops if vop.num_bytes > 8]  # without fillers
    assert {o: vops[o].rounding for o in by_decoding} == by_decoding
    assert set(by_decoding.values()) == {0, 1}


@pytest.mark.parametrize(("name", "quarter"), [("m4_asp_qpel_bvop.avi", True), ("m4_asp_interlaced_bvop.avi", False)])
def test_video_object_layer(name: str, quarter: bool, shared_videos: Path) -> None:
    with av.open(str(shared_videos / "mpeg4" / name)) as container:
        context = container.streams.video[0].codec_context
        layer = find_video_object_layer(context.extradata)
    assert layer is not None
    assert layer.quarter_sample is quarter
    assert layer.interlaced is (name == "m4_asp_interlaced_bvop.avi")
