"""The parts of MPEG-4 Part 2 headers (ISO/IEC 14496-2 clause 6.2) that libavcodec knows but does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

from videotx.extract import _native
from videotx.extract.bits import BitReader

_VOL_FIRST: Final = 0x20
_VOL_LAST: Final = 0x2F
_VOP: Final = 0xB6
_LAYER_BYTES: Final = 160  # with both quantiser matrices
_START_CODE: Final = b"\x00\x00\x01"
_VOP_START: Final = _START_CODE + bytes((_VOP,))

VopType = Literal["I", "P", "B", "S"]


@dataclass(frozen=True, slots=True)
class VideoObjectLayer:
    """What is read from a VOL header. ``time_bits`` are those of vop_time_increment (clause 6.3.3)."""

    time_bits: int
    low_delay: bool | None
    interlaced: bool
    quarter_sample: bool
    sprite_warping_points: int
    global_motion: bool


class Vop(NamedTuple):
    """What is read from a VOP header. ``rounding`` is vop_rounding_type, 0 where the header has none."""

    type: VopType
    coded: bool
    rounding: int


def _start_codes(data: bytes) -> Iterator[tuple[int, int]]:
    """Pairs (code, offset of the byte after it)."""
    position = data.find(_START_CODE)
    while 0 <= position < len(data) - 3:
        yield data[position + 3], position + 4
        position = data.find(_START_CODE, position + 3)


def find_video_object_layer(data: bytes | None) -> VideoObjectLayer | None:
    """The first readable VOL header in a decoder configuration or before the VOP of a packet, or None."""
    if not data or data.startswith(_VOP_START):
        return None
    for code, start in _start_codes(data):
        if code == _VOP:
            break
        if _VOL_FIRST <= code <= _VOL_LAST:
            limit = start + _LAYER_BYTES
            stop = data.find(_START_CODE, start, limit)
            layer = _read_layer(data[start : stop if stop >= 0 else limit])
            if layer is not None:
                return layer
    return None


@lru_cache(maxsize=16)  # many streams repeat it before every I-VOP
def _read_layer(header: bytes) -> VideoObjectLayer | None:
    try:
        return _parse_layer(BitReader(header))
    except (EOFError, ValueError):
        return None


def find_vop(data: bytes, layer: VideoObjectLayer | None) -> Vop | None:
    """The first VOP of a packet, or None where there is none. Without ``layer`` only its type is known."""
    time_bits, global_motion = (0, False) if layer is None else (layer.time_bits, layer.global_motion)
    found = _native.peek_vop(data, time_bits, global_motion)
    return None if found is None else Vop(cast("VopType", found[0]), found[1], found[2])


def _parse_layer(bits: BitReader) -> VideoObjectLayer:
    bits.flag()  # random_accessible_vol
    bits.u(8)  # video_object_type_indication
    version = 1
    if bits.flag():
        version = bits.u(4)
        bits.u(3)  # video_object_layer_priority
    if bits.u(4) == 15:  # aspect_ratio_info: extended_PAR
        bits.u(16)
    low_delay: bool | None = None
    if bits.flag():  # vol_control_parameters
        bits.u(2)  # chroma_format
        low_delay = bits.flag()
        if bits.flag():  # vbv_parameters: 79 bits with their markers
            bits.u(79)
    shape = bits.u(2)
    if shape != 0:
        raise ValueError(f"video_object_layer_shape {shape}, expected rectangular")
    bits.flag()  # marker
    time_resolution = bits.u(16)
    if time_resolution == 0:
        raise ValueError("vop_time_increment_resolution is 0")
    time_bits = max(1, (time_resolution - 1).bit_length())
    bits.flag()
    if bits.flag():  # fixed_vop_rate
        bits.u(time_bits)
    bits.u(1 + 13 + 1 + 13 + 1)  # width and height with markers
    interlaced = bits.flag()
    bits.flag()  # obmc_disable
    sprite = bits.u(1 if version == 1 else 2)
    points = 0
    if sprite == 1:
        raise ValueError("static sprites are not video")
    if sprite == 2:
        points = bits.u(6)
        bits.u(2 + 1)  # sprite_warping_accuracy, sprite_brightness_change
    if bits.flag():  # not_8_bit
        bits.u(8)
    _skip_quantiser_matrices(bits)
    quarter_sample = version != 1 and bits.flag()
    return VideoObjectLayer(time_bits, low_delay, interlaced, quarter_sample, points, sprite == 2)


def _skip_quantiser_matrices(bits: BitReader) -> None:
    if not bits.flag():  # quant_type
        return
    for _ in range(2):
        if bits.flag():
            for _ in range(64):
                if bits.u(8) == 0:
                    break
