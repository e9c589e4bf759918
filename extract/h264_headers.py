"""The parts of H.264 headers (ITU-T H.264 clause 7.3) that libavcodec knows but does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from videotx.extract.bits import BitReader

_NAL_SLICE = 1
_NAL_DATA_PARTITION_A = 2
_NAL_IDR = 5
_NAL_SPS = 7

# Profiles whose SPS carries chroma format, bit depths and scaling matrices (clause 7.3.2.1.1).
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})

# The slice header's first fields are short; the rest of a slice need not be unescaped to read them.
_SLICE_HEADER_BYTES = 24


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What is read from a sequence parameter set. Sizes and crop are in luma samples."""

    profile_idc: int
    chroma_format_idc: int
    bit_depth: int
    separate_colour_planes: bool
    log2_max_frame_num: int
    max_num_ref_frames: int
    coded_width: int
    coded_height: int
    crop_left: int
    crop_right: int
    crop_top: int
    crop_bottom: int
    frames_only: bool
    mbaff: bool


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """What one packet says about its picture before it is decoded.

    ``frame_num`` is None where no parameter set was at hand, or one without fields, for which nobody asks.
    ``parameters`` is the last parameter set in the packet.
    """

    is_reference: bool
    is_idr: bool
    field: bool
    bottom_field: bool
    frame_num: int | None
    parameters: SequenceParameters | None


def nal_length_size(extradata: bytes | None) -> int:
    """Bytes of the length before each NAL unit (ISO/IEC 14496-15), or 0 for the Annex B byte stream format."""
    if extradata and len(extradata) >= 7 and extradata[0] == 1:
        return (extradata[4] & 3) + 1
    return 0


def iter_nal_units(data: bytes, length_size: int) -> Iterator[bytes]:
    """NAL units of a packet, without start codes or lengths. A damaged length ends the iteration."""
    if length_size == 0:
        start = data.find(b"\x00\x00\x01")
        while start >= 0:
            end = data.find(b"\x00\x00\x01", start + 3)
            unit = data[start + 3 : end if end >= 0 else len(data)]
            if unit:
                yield unit
            start = end
        return
    position = 0
    while position + length_size < len(data):
        size = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if size == 0 or position + size > len(data):
            return
        yield data[position : position + size]
        position += size


def parse_sequence_parameters(unit: bytes) -> SequenceParameters:
    """Read an SPS NAL unit (clause 7.3.2.1.1). Raises ValueError or EOFError where it is damaged."""
    bits = BitReader(_unescape(unit[1:]))
    profile_idc = bits.u(8)
    bits.u(16)  # constraint flags, level_idc
    bits.ue()  # seq_parameter_set_id
    chroma_format_idc, bit_depth, separate = 1, 8, False
    if profile_idc in _HIGH_PROFILES:
        chroma_format_idc = bits.ue()
        if chroma_format_idc > 3:
            raise ValueError(f"chroma_format_idc {chroma_format_idc}, expected 0..3")
        separate = chroma_format_idc == 3 and bits.flag()
        bit_depth = 8 + bits.ue()
        bits.ue()  # bit_depth_chroma_minus8
        bits.flag()  # qpprime_y_zero_transform_bypass_flag
        if bits.flag():
            _skip_scaling_matrices(bits, 8 if chroma_format_idc != 3 else 12)
    log2_max_frame_num = bits.ue() + 4
    _skip_picture_order_count(bits)
    max_num_ref_frames = bits.ue()
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    columns = bits.ue() + 1
    map_units = bits.ue() + 1
    frames_only = bits.flag()
    mbaff = not frames_only and bits.flag()
    bits.flag()  # direct_8x8_inference_flag
    crop = [bits.ue() for _ in range(4)] if bits.flag() else [0, 0, 0, 0]
    unit_x = 2 if chroma_format_idc in (1, 2) and not separate else 1
    unit_y = (2 if chroma_format_idc == 1 and not separate else 1) * (1 if frames_only else 2)
    return SequenceParameters(
        profile_idc=profile_idc,
        chroma_format_idc=chroma_format_idc,
        bit_depth=bit_depth,
        separate_colour_planes=separate,
        log2_max_frame_num=log2_max_frame_num,
        max_num_ref_frames=max_num_ref_frames,
        coded_width=16 * columns,
        coded_height=16 * map_units * (1 if frames_only else 2),
        crop_left=crop[0] * unit_x,
        crop_right=crop[1] * unit_x,
        crop_top=crop[2] * unit_y,
        crop_bottom=crop[3] * unit_y,
        frames_only=frames_only,
        mbaff=mbaff,
    )


def find_sequence_parameters(extradata: bytes | None) -> SequenceParameters | None:
    """The first readable SPS of a decoder configuration (avcC or Annex B), or None."""
    if not extradata:
        return None
    units = _iter_avcc_parameter_sets(extradata) if nal_length_size(extradata) else iter_nal_units(extradata, 0)
    return next((sps for unit in units if (sps := _try_parse(unit)) is not None), None)


def peek_access_unit(data: bytes, length_size: int, active: SequenceParameters | None) -> AccessUnit | None:
    """Look at a packet's parameter sets and first slice header; None where it holds no slice.

    ``active`` is the parameter set in force before the packet.
    """
    found: SequenceParameters | None = None
    for unit in iter_nal_units(data, length_size):
        kind = unit[0] & 31
        if kind == _NAL_SPS:
            found = _try_parse(unit) or found
        elif kind in (_NAL_SLICE, _NAL_DATA_PARTITION_A, _NAL_IDR):
            parameters = found or active
            field, bottom, frame_num = False, False, None
            if parameters is not None and not parameters.frames_only:
                try:
                    field, bottom, frame_num = _peek_slice(unit, parameters)
                except (EOFError, ValueError):
                    frame_num = None
            return AccessUnit((unit[0] >> 5) & 3 != 0, kind == _NAL_IDR, field, bottom, frame_num, found)
    return None


def _peek_slice(unit: bytes, parameters: SequenceParameters) -> tuple[bool, bool, int]:
    bits = BitReader(_unescape(unit[1:_SLICE_HEADER_BYTES]))
    bits.ue()  # first_mb_in_slice
    bits.ue()  # slice_type
    bits.ue()  # pic_parameter_set_id
    if parameters.separate_colour_planes:
        bits.u(2)
    frame_num = bits.u(parameters.log2_max_frame_num)
    field = bits.flag()
    bottom = field and bits.flag()
    return field, bottom, frame_num


def _iter_avcc_parameter_sets(extradata: bytes) -> Iterator[bytes]:
    position = 6
    for _ in range(extradata[5] & 31):
        size = int.from_bytes(extradata[position : position + 2], "big")
        yield extradata[position + 2 : position + 2 + size]
        position += 2 + size


def _try_parse(unit: bytes) -> SequenceParameters | None:
    if not unit or unit[0] & 31 != _NAL_SPS:
        return None
    try:
        return parse_sequence_parameters(unit)
    except (EOFError, ValueError):
        return None


def _unescape(payload: bytes) -> bytes:
    """Remove emulation prevention bytes (clause 7.4.1)."""
    return payload.replace(b"\x00\x00\x03", b"\x00\x00")


def _skip_scaling_matrices(bits: BitReader, num_lists: int) -> None:
    for index in range(num_lists):
        if not bits.flag():
            continue
        last, following = 8, 8
        for _ in range(16 if index < 6 else 64):
            if following != 0:
                following = (last + bits.se()) % 256
            last = following or last


def _skip_picture_order_count(bits: BitReader) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.flag()
        bits.se()
        bits.se()
        num_offsets = bits.ue()
        if num_offsets > 255:
            raise ValueError(f"num_ref_frames_in_pic_order_cnt_cycle {num_offsets}, expected 0..255")
        for _ in range(num_offsets):
            bits.se()
