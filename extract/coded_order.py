"""What each packet says about its picture, before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from videotx.extract.h264_headers import AccessUnit, find_sequence_parameters, nal_length_size, peek_access_unit
from videotx.extract.mpeg4_headers import find_video_object_layer, find_vop


@dataclass(slots=True)
class PacketFacts:
    """One packet. ``num_bytes`` grows by the second field where fields come in packets of their own.

    ``fields`` says that the picture is made of fields or of macroblock pairs that may be (MBAFF), ``second_field`` that
    the packet completes the picture before. ``rounding`` is vop_rounding_type of MPEG-4.
    """

    number: int
    num_bytes: int
    is_reference: bool
    pts: int | None = None
    fields: bool = False
    second_field: bool = False
    rounding: int = 0
    damaged: bool = False


class CodedOrder:
    """Numbers the packets of one stream and reads their headers."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._codec = codec
        self._num_packets = 0
        self._length_size = nal_length_size(extradata)
        self._sps = find_sequence_parameters(extradata) if codec == "h264" else None
        self._layer = find_video_object_layer(extradata) if codec == "mpeg4" else None
        self._first_field: AccessUnit | None = None
        self.has_b_vops = False
        self.num_reference_frames = self._sps.max_num_ref_frames if self._sps is not None else None

    @property
    def quarter_sample(self) -> bool:
        """Whether an MPEG-4 stream has quarter-pel vectors."""
        return self._layer is not None and self._layer.quarter_sample

    @property
    def interlaced(self) -> bool:
        """Whether an MPEG-4 stream may have field-predicted macroblocks."""
        return self._layer is not None and self._layer.interlaced

    def add(self, data: bytes) -> PacketFacts:
        """The facts of the next packet in decoding order."""
        facts = PacketFacts(self._num_packets, len(data), is_reference=True)
        self._num_packets += 1
        if self._codec == "h264":
            self._read_access_unit(data, facts)
        elif self._codec == "mpeg4":
            self._layer = find_video_object_layer(data) or self._layer
            vop = find_vop(data, self._layer)
            facts.is_reference = vop is not None and vop.coded and vop.type != "B"
            self.has_b_vops = self.has_b_vops or (vop is not None and vop.type == "B")
            facts.rounding = vop.rounding if vop is not None else 0
        return facts

    def _read_access_unit(self, data: bytes, facts: PacketFacts) -> None:
        unit = peek_access_unit(data, self._length_size, self._sps)
        if unit is None:
            facts.is_reference = False
            return
        if unit.parameters is not None:
            self._sps = unit.parameters
            self.num_reference_frames = max(self.num_reference_frames or 0, self._sps.max_num_ref_frames)
        facts.is_reference = unit.is_reference
        facts.fields = unit.field or (self._sps is not None and self._sps.mbaff)
        facts.second_field = _completes(self._first_field, unit)
        self._first_field = unit if unit.field and not facts.second_field else None


def _completes(first: AccessUnit | None, unit: AccessUnit) -> bool:
    """Whether ``unit`` is the second field of the frame that ``first`` began (H.264 clause 7.4.1.2.4)."""
    return (
        first is not None
        and unit.field
        and unit.bottom_field != first.bottom_field
        and unit.frame_num == first.frame_num
        and not unit.is_idr
        and (first.is_reference or not unit.is_reference)
    )
