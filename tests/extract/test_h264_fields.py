"""Field pictures, and what becomes of field macroblocks on the grid of the frame.

No encoder at hand makes field pictures, so the streams here are made of progressive ones: CAVLC data of P pictures do
not say whether they belong to frames or to fields. Slice headers are rewritten so that each picture becomes a field of
a frame of twice the height, with reference marking and list modifications for fields put in. The result shows nothing
sensible, but it is a sound stream, and libavcodec and the native reader must agree on every sample of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from h264_streams import check_clip, coded_packets, read_native, shown_by_libavcodec

from videotx.extract import _native

LOG2_MAX_FRAME_NUM = 4


class Bits:
    """A string of '0' and '1', read and written as H.264 syntax elements."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.at = 0

    def u(self, count: int) -> int:
        self.at += count
        return int(self.text[self.at - count : self.at], 2)

    def ue(self) -> int:
        zeros = self.text.index("1", self.at) - self.at
        self.at += zeros
        return self.u(zeros + 1) - 1

    def put(self, value: int, count: int) -> None:
        self.text += f"{value:0{count}b}"

    def put_ue(self, *values: int) -> None:
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code

    def rest(self) -> str:
        return self.text[self.at :]


def payload(unit: bytes) -> Bits:
    """A NAL unit without its header byte, emulation prevention and trailing bits."""
    bits = "".join(f"{byte:08b}" for byte in unit[1:].replace(b"\0\0\3", b"\0\0"))
    return Bits(bits[: bits.rindex("1")])


def unit_of(header: int, bits: Bits) -> bytes:
    text = bits.text + "1"
    text += "0" * (-len(text) % 8)
    escaped = bytearray([0, 0, 0, 1, header])
    zeros = 0
    for at in range(0, len(text), 8):
        byte = int(text[at : at + 8], 2)
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)


def field_sps(unit: bytes, num_ref_frames: int) -> tuple[bytes, int]:
    """The sequence parameter set with fields, their order that of decoding; and the old log2_max_frame_num."""
    old, new = payload(unit), Bits()
    new.put(old.u(24), 24)
    assert new.text[:8] == f"{100:08b}"  # High
    for _ in range(4):  # id, chroma format, bit depths
        new.put_ue(old.ue())
    new.put(old.u(2), 2)  # no transform bypass, no scaling matrix
    log2_max_frame_num = old.ue() + 4
    new.put_ue(LOG2_MAX_FRAME_NUM - 4)
    assert old.ue() == 2  # pic_order_cnt_type
    old.ue()
    new.put_ue(2, num_ref_frames)
    new.put(old.u(1), 1)
    new.put_ue(old.ue(), old.ue())  # the height is that of a field
    new.put(0b00100, 5)  # fields but no MBAFF, direct_8x8_inference, no cropping, no VUI
    return unit_of(unit[0], new), log2_max_frame_num


# What the slice header of a field says of references: list modifications (idc, value), and marking operations.
Operations = tuple[list[tuple[int, int]], list[tuple[int, ...]]]
Script = Callable[[int, int], Operations]  # of the number of its frame and its parity


def plain(frame: int, parity: int) -> Operations:
    return [], []


def shuffled(frame: int, parity: int) -> Operations:
    """Fields of the last two frames come first; even steps stay with a parity, odd ones change it."""
    if frame < 2:
        return [], []
    return ([(0, 2), (0, 0), (1, 1)] if (frame + parity) % 2 else [(0, 3), (1, 0)]), []


def long_term(frame: int, parity: int) -> Operations:
    """Two frames are kept for long, and single fields dropped."""
    marking: list[tuple[int, ...]] = []
    if frame == 4 and parity == 0:
        marking = [(4, 2), (3, 3, 0), (3, 4, 0), (3, 1, 1), (3, 2, 1)]  # both fields of frames 2 and 3
    elif frame == 6 and parity == 0:
        marking = [(1, 1), (1, 9), (1, 10)]  # the top field of frame 5, whose other field stays, and all of frame 1
    elif frame == 8 and parity == 1:
        marking = [(2, 1)]  # the bottom field of frame 2
    if frame < 5 or frame == 8:
        return [], marking
    field_of_frame_2 = (frame + parity) % 2 if frame < 8 else 1 - parity
    return [(2, field_of_frame_2), (0, 1), (2, 3)], marking


def long_term_by_field(frame: int, parity: int) -> Operations:
    """Frame 2 is kept for long, each of its fields by an operation of its own; later ones refer to its top field."""
    marking: list[tuple[int, ...]] = []
    if frame == 2:
        marking = [(6, 0)] if parity else [(4, 2), (6, 0)]
    return ([(2, 1 - parity)] if frame > 3 else []), marking


def field_slice(unit: bytes, number: int, old_log2: int, default_num_refs: int, script: Script) -> bytes:
    """A P or IDR slice as that of a field, counted from the IDR picture on."""
    old, new = payload(unit), Bits()
    new.put_ue(old.ue(), old.ue(), old.ue())  # first_mb_in_slice, slice_type, pic_parameter_set_id
    old.u(old_log2)
    new.put(number // 2 % (1 << LOG2_MAX_FRAME_NUM), LOG2_MAX_FRAME_NUM)
    new.put(2 + number % 2, 2)  # field_pic_flag, bottom_field_flag
    if unit[0] & 31 != 5:
        num_refs = old.ue() + 1 if old.u(1) else default_num_refs
        steps, marking = script(number // 2, number % 2)
        new.put(1, 1)
        new.put_ue(num_refs - 1)
        assert old.u(2) == 0  # neither list modifications nor marking operations of its own
        for operations, end in ((steps[:num_refs], 3), (marking, 0)):
            new.put(1 if operations else 0, 1)
            if operations:
                new.put_ue(*(value for operation in operations for value in operation), end)
    return unit_of(unit[0], Bits(new.text + old.rest()))


def field_stream(path: Path, script: Script, num_fields: int, parameters: str) -> None:
    """Field pictures at ``path``, of which the script chooses the references."""
    frames = path.with_suffix(".progressive.264")
    generator = np.random.default_rng(3)
    texture = np.kron(generator.integers(0, 256, (24, 24)), np.ones((8, 8))).astype(np.uint8)
    with av.open(str(frames), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        fixed = "no-cabac=1:bframes=0:weightp=0:keyint=infinite:scenecut=0:threads=1:8x8dct=1"
        stream.options = {"x264-params": f"{fixed}:{parameters}"}
        for t in range(num_fields):
            luma = texture[t : t + 64, 2 * t : 2 * t + 96] // 2 + generator.integers(0, 9, (64, 96), np.uint8)
            picture = np.stack([luma, np.roll(luma, 9, 1), luma[::-1]], -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    out = bytearray()
    number = -1
    for unit in frames.read_bytes().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        kind = unit[0] & 31
        if kind == 7:
            sps, old_log2 = field_sps(unit, num_ref_frames=5)
            out += sps
        elif kind == 8:
            pps = payload(unit)
            _ = pps.ue(), pps.ue(), pps.u(2), pps.ue()
            default_num_refs = pps.ue() + 1
            out += b"\0\0\0\1" + unit
        elif kind in (1, 5):
            number += payload(unit).ue() == 0
            out += field_slice(unit, number, old_log2, default_num_refs, script)
    path.write_bytes(out)


@pytest.mark.parametrize("parameters", ["ref=4:partitions=all", "ref=2:slices=2", "ref=6:qp=10"])
@pytest.mark.parametrize("script", [plain, shuffled, long_term])
def test_fields_are_predicted_as_libavcodec_does(script: Script, parameters: str, tmp_path: Path) -> None:
    path = tmp_path / "fields.264"
    field_stream(path, script, 40, parameters)
    assert check_clip(path, 20) > 900
    pictures = read_native(path)
    assert [picture.packet for picture in pictures] == list(range(0, 40, 2))
    assert not any(picture.damaged for picture in pictures)


def test_a_long_term_frame_keeps_the_field_that_came_first(tmp_path: Path) -> None:
    """Clause 8.2.5.4.6; libavcodec forgets that field, so that there is nothing to compare with."""
    path = tmp_path / "fields.264"
    field_stream(path, long_term_by_field, 16, "ref=1")
    for index, picture in enumerate(read_native(path)[4:], 4):
        assert picture.coded_structure is not None
        assert picture.coded_ref is not None
        used = picture.coded_structure[0] != 0
        assert np.any(used)
        assert set(picture.coded_structure[0][used]) == {1}
        assert set(picture.coded_ref[0][used]) == {2 - index}


def test_a_field_without_its_other_one_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "fields.264"
    field_stream(path, plain, 12, "ref=2")
    units = path.read_bytes().split(b"\0\0\0\1")
    assert len(units) == 1 + 2 + 12
    path.write_bytes(b"\0\0\0\1".join(units[:8] + units[9:14]))  # without the bottom fields of frames 2 and 5
    extradata, packets = coded_packets(path)
    reader = _native.H264Reader(extradata, weights=True)
    pictures = [p for number, packet in enumerate(packets) for p in reader.feed(packet, number)] + reader.finish()
    assert [(p.packet, p.type) for p in pictures] == shown_by_libavcodec(path)
    assert len(pictures) == 4
    assert not any(picture.damaged for picture in pictures)
    # The lone field is a reference all the same, of a distance that cannot be said.
    assert pictures[2].coded_ref is not None
    assert pictures[2].coded_ref.min() == -128


def frame_cells(picture: _native.CodedPicture, line: int) -> tuple[npt.NDArray[np.int_], ...]:
    """Vectors, references, whether known and whether used, on line 0 or 1 of each 4x4 cell of the frame."""
    assert picture.field_macroblock is not None
    assert picture.coded_mv is not None
    assert picture.coded_ref is not None
    assert picture.coded_structure is not None
    rows, columns = np.indices(picture.ref.shape[1:])
    field = picture.field_macroblock[rows // 4, columns // 4] != 0
    place = np.where(field, rows // 8 * 8 + 4 * line + rows % 8 // 2, rows)
    mv = picture.coded_mv[:, place, columns].astype(int)
    structure = picture.coded_structure[:, place, columns].astype(int)
    ref = picture.coded_ref[:, place, columns].astype(int)
    mv[..., 1] = np.where(field, 2 * mv[..., 1] + 4 * (structure - 1 - line), mv[..., 1])
    used = structure != 0
    return mv, ref, used & (ref != 0), used


@pytest.mark.parametrize("name", ["FRExt2_Panasonic.avc", "HCAFF1_HHI.264", "HCAMFF1_HHI.264"])
def test_cells_of_the_frame_hold_means_of_fields(name: str, shared_videos: Path) -> None:
    pictures = [p for p in read_native(shared_videos / "conformance" / name) if p.field_macroblock is not None]
    num_means = num_lone = num_unknown = 0
    for picture in pictures:
        mv0, ref0, known0, used0 = frame_cells(picture, 0)
        mv1, ref1, known1, used1 = frame_cells(picture, 1)
        both = known0 & known1 & (ref0 == ref1)
        unknown = (used0 | used1) & ~(known0 | known1)
        ref = np.where(known0, ref0, np.where(known1, ref1, np.where(unknown, -128, 0)))
        alone = np.where(known0[..., None], mv0, np.where(known1[..., None], mv1, 0))
        mv = np.where(both[..., None], np.trunc((mv0 + mv1) / 2).astype(int), alone)
        np.testing.assert_array_equal(picture.ref, ref)
        np.testing.assert_array_equal(picture.mv, mv)
        assert picture.field_motion == np.any(
            picture.field_macroblock[..., None] & (picture.macroblock_class[..., None] > 4)
        )
        num_means += np.count_nonzero(both & np.any(mv0 != mv1, axis=-1))
        num_lone += np.count_nonzero(known0 != known1)
        num_unknown += np.count_nonzero(unknown)
    assert num_means > 0
    assert num_lone > 0
    assert (num_unknown > 0) == (name != "HCAMFF1_HHI.264")


@pytest.mark.parametrize("name", ["FRExt2_Panasonic.avc", "HCAFF1_HHI.264", "HCAMFF1_HHI.264"])
def test_damage_is_marked_and_stays_where_it_is(name: str, shared_videos: Path) -> None:
    extradata, packets = coded_packets(shared_videos / "conformance" / name)
    sound = read_native(shared_videos / "conformance" / name)
    generator = np.random.default_rng(5)
    for number in range(1, len(packets), 2):
        broken = bytearray(packets[number])
        for at in generator.integers(len(broken) // 2, len(broken), 3):
            broken[at] ^= 1 << int(generator.integers(8))
        reader = _native.H264Reader(extradata, residual=True, intra_residual=True, weights=True)
        pictures = []
        for i, packet in enumerate([*packets[:number], bytes(broken), *packets[number + 1 :]]):
            pictures += reader.feed(packet, i)
        pictures += reader.finish()
        assert [picture.packet for picture in pictures] == [picture.packet for picture in sound]
        for picture, original in zip(pictures, sound, strict=True):
            missing = picture.macroblock_class == 0
            assert picture.damaged or not np.any(missing)
            if picture.packet < number - 1:  # a frame before, even where the broken packet is a second field
                np.testing.assert_array_equal(picture.mv, original.mv)
                np.testing.assert_array_equal(picture.ref, original.ref)
            assert picture.residual_y is not None
            if picture.field_macroblock is None or not np.any(picture.field_macroblock):
                continue
            assert picture.coded_structure is not None
            assert not np.any(picture.coded_structure[:, np.kron(missing, np.ones((4, 4), bool))])
            # A pair's lines alternate between its field macroblocks.
            by_field = np.repeat(missing.reshape(-1, 1, 2, missing.shape[1]), 16, axis=1).reshape(-1, missing.shape[1])
            field = np.repeat(picture.field_macroblock[::2] != 0, 32, axis=0)
            lines = np.where(field, by_field, np.repeat(missing, 16, axis=0))
            assert not np.any(picture.residual_y[np.repeat(lines, 16, axis=1)])
