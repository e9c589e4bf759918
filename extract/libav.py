"""The libav reader: libavcodec decodes, and exports motion vectors and quantisers as side data.

Works for every H.264 and MPEG-4 Part 2 stream that libavcodec decodes, with what its export loses:

- It has no reference indices. A vector's picture is resolved by :class:`ReferenceOrder`, exact only for streams with
  one reference.
- A partitioned B macroblock exports both lists for all of its partitions as soon as one uses each; the rest come as
  (0, 0). Where a partition has a vector in one list and (0, 0) in the other, the zero may be real or such a filler, so
  it is unknown. Where both are (0, 0), at least one is real, and both are kept.
- Partitions below 8x8 collapse to the vector of the top left 4x4.
- MPEG-4 B-VOPs export zero vectors and S-VOPs warped ones, and interlaced H.264 pictures vectors of fields: unknown.
- A damaged picture's vectors are libavcodec's concealment, not the stream's: unknown. Concealment looks at samples, so
  that which of its blocks have a vector, and what later pictures derive from it, may depend on whether samples were
  asked for too.

One decoder thread per file: with more, libavcodec exports vectors of other pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.buffer import Buffer
from av.packet import Packet
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import PictureType as LibavPictureType
from av.video.stream import VideoStream

from videotx.extract import _native
from videotx.extract._native import MAX_REORDER_FRAMES, ReferenceOrder
from videotx.extract.coded_order import CodedOrder, PacketFacts
from videotx.extract.decoder_log import ErrorCapture
from videotx.extract.difference import DifferenceResidual
from videotx.extract.errors import FrameSizeError, UnsupportedCodecError
from videotx.extract.frame import REF_UNKNOWN, CodedFrame, MotionField, PictureType
from videotx.extract.info import VideoInfo
from videotx.extract.picture import Picture, PictureConverter
from videotx.extract.residual import ResidualKind
from videotx.extract.source import VideoSource
from videotx.extract.video_reader import VideoReader

# By number: the enumeration hashes by name, in Python.
_PICTURE_TYPES: Final[dict[int, PictureType]] = {
    LibavPictureType.I.value: "I",
    LibavPictureType.P.value: "P",
    LibavPictureType.B.value: "B",
    LibavPictureType.S.value: "S",
    LibavPictureType.SI.value: "I",
    LibavPictureType.SP.value: "P",
    LibavPictureType.BI.value: "B",
}

# Facts are kept for a while after their picture was displayed: a damaged stream may display a picture twice.
_MAX_FACTS: Final = 16 * MAX_REORDER_FRAMES

# A picture that libavcodec made up, or of which it lost the packet.
_NO_PACKET: Final = PacketFacts(number=-1, num_bytes=0, is_reference=False, damaged=True)

_PUSHER: Final = 1 << 40  # no packet has this number

MOTION_CODECS: Final = frozenset({"h264", "mpeg4"})
"""Codecs of which libavcodec exports motion vectors that are understood here."""


class _Held(NamedTuple):
    """A displayed picture that waits for a later one: for its references or its time."""

    frame: av.VideoFrame
    place: int  # in display order
    facts: PacketFacts
    picture_type: PictureType
    drained: bool  # came out only when the decoder was emptied


class LibavReader(VideoReader):
    """Reads one video through libavcodec."""

    reader = "libav"

    def __init__(self, source: VideoSource, streams: frozenset[str], block: int) -> None:
        _check_codec(source.info, streams)
        super().__init__(source, streams, block)
        self._needs_motion = not streams.isdisjoint({"motion", "residual"})
        self._difference = DifferenceResidual(source.info) if "residual" in streams else None
        options = {}
        if self._needs_motion:
            options["flags2"] = "+export_mvs"
        if "qp" in streams:
            options["export_side_data"] = "+venc_params"
        if streams.isdisjoint({"rgb", "residual"}):
            # Nobody looks at the samples. Vectors and quantisers come before them.
            # (MPEG-4 at an eighth of its size, "lowres", has the same vectors in a tenth less of the time; but then
            # pictures of which macroblocks are missing come out unmarked.)
            options |= {"skip_idct": "all", "skip_loop_filter": "all"}
        self._context = source.decoder(options)
        self._coded_order = CodedOrder(self._info.codec, self._context.extradata)
        self._references = ReferenceOrder(single=self._info.num_reference_frames <= 1)
        self._converter = PictureConverter()
        self._facts: dict[int, PacketFacts] = {}
        self._held: deque[_Held] = deque()
        self._exact: bool | None = None
        self._num_undecodable = 0

    @property
    def motion_exact(self) -> bool:
        """As of every reader; before the first frame, whether it can be."""
        return self._info.num_reference_frames <= 1 if self._exact is None else self._exact

    @property
    def residual_kind(self) -> ResidualKind | None:
        return None if self._difference is None else "difference"

    def _read(self) -> Generator[CodedFrame, None, None]:
        last: PacketFacts | None = None
        anchor = b""
        for packet in self._source.packets():
            data = bytes(packet)
            facts = self._coded_order.add(data)
            if facts.second_field and last is not None:
                last.num_bytes += facts.num_bytes
                facts = last
            else:
                facts.pts = packet.pts
                self._facts[facts.number] = facts
                if facts.is_reference:
                    anchor = data
                    self._references.coded(facts.number, shown=not packet.is_discard)
            last = facts
            # The decoder carries a packet's time stamp to its picture, through reordering: the way to tell which
            # packet a picture came in.
            packet.pts = facts.number
            self._decode(packet, facts)
            yield from self._ready(final=False)
            if self._stopped:
                break
        if last is not None:
            self._drain(anchor, last)
        yield from self._ready(final=True)
        self._finish()

    def _drain(self, anchor: bytes, last: PacketFacts) -> None:
        if self._stopped:
            return
        if self._info.codec == "mpeg4" and self._coded_order.has_b_vops and anchor:
            # libavcodec gives the last anchor picture without side data unless another anchor pushes it out. The
            # pushing picture itself is thrown away.
            pusher = Packet(anchor)
            pusher.pts = _PUSHER
            self._decode(cast("Packet[VideoStream]", pusher), replace(last))
        self._decode(None, last)

    def _decode(self, packet: Packet[VideoStream] | None, facts: PacketFacts) -> None:
        try:
            with ErrorCapture() as log:
                frames = self._context.decode(packet)
        except av.error.FFmpegError:
            self._num_undecodable += 1
            return
        if log.errors:
            facts.damaged = True
        for frame in frames:
            if not self._stopped and frame.pts != _PUSHER:
                self._display(frame, drained=packet is None)

    def _display(self, frame: av.VideoFrame, drained: bool) -> None:
        size = (self._info.width, self._info.height)
        if (frame.width, frame.height) != size:
            if self._num_displayed == 0:
                raise FrameSizeError(
                    self._source.path, f"expected {size[0]}x{size[1]} as announced, got {frame.width}x{frame.height}"
                )
            self._stop_at_size("picture", size, (frame.width, frame.height), self._num_displayed)
            return
        facts = self._facts.get(-1 if frame.pts is None else frame.pts, _NO_PACKET)
        index = self._num_displayed
        self._num_displayed += 1
        self._references.displayed(facts.number, index)
        self._clock.announce(facts.pts)
        if self._difference is not None:
            self._difference.displayed(index, frame)
        self._held.append(_Held(frame, index, facts, _PICTURE_TYPES[int(frame.pict_type)], drained))
        if len(self._facts) > _MAX_FACTS:
            self._facts = {n: known for n, known in self._facts.items() if n > facts.number - _MAX_FACTS // 2}

    def _ready(self, final: bool) -> Iterator[CodedFrame]:
        while len(self._held) > (0 if final else 1):
            held = self._held[0]
            distances: tuple[int, int] | None = (REF_UNKNOWN, REF_UNKNOWN)
            if self._needs_motion and held.picture_type != "I":
                if self._coded_order.num_reference_frames not in (None, 1):
                    self._references.single = False
                distances = self._references.resolve(
                    held.facts.number, held.place, both=held.picture_type == "B", final=final
                )
            if distances is None:
                return
            self._held.popleft()
            yield self._build(held, distances)

    def _build(self, held: _Held, distances: tuple[int, int]) -> CodedFrame:
        frame = held.frame
        damaged = held.facts.damaged or frame.is_corrupt
        self._num_damaged += damaged
        pts, seconds = self._clock.next()
        motion = self._motion(held, distances, damaged) if self._needs_motion else None
        residual = None
        if self._difference is not None and motion is not None:
            residual = self._difference.residual(
                held.place,
                frame,
                motion,
                quarter_sample=self._coded_order.quarter_sample,
                rounding=held.facts.rounding,
            )
        return CodedFrame(
            index=held.place,
            pts=pts,
            seconds=seconds,
            picture_type=held.picture_type,
            key_frame=frame.key_frame,
            num_bytes=held.facts.num_bytes,
            damaged=damaged,
            motion=motion if "motion" in self._streams else None,
            qp=self._qp(frame) if "qp" in self._streams else None,
            residual=residual,
            picture=Picture(frame, self._converter) if "rgb" in self._streams else None,
        )

    def _motion(self, held: _Held, distances: tuple[int, int], damaged: bool) -> MotionField:
        mv: npt.NDArray[np.int16] = np.zeros((*self._motion_shape, 2), np.int16)
        ref: npt.NDArray[np.int8] = np.zeros(self._motion_shape, np.int8)
        exact = True
        vectors = _side_data(held.frame).get("MOTION_VECTORS")
        if vectors is not None:
            mpeg4 = self._info.codec == "mpeg4"
            bidirectional = held.picture_type == "B"
            unknown = damaged or held.facts.fields or (mpeg4 and held.picture_type in "BS")
            list0, list1 = (REF_UNKNOWN, REF_UNKNOWN) if unknown else distances
            _, num_ambiguous = _native.rasterise_vectors(
                vectors,
                mv,
                ref,
                block=self._block,
                crop_left=self._info.crop_left,
                crop_top=self._info.crop_top,
                list0=list0,
                list1=list1,
                field_blocks_unknown=mpeg4,
                both_unknown=unknown and bidirectional,
            )
            exact = not unknown and (mpeg4 or self._references.single) and num_ambiguous == 0
        elif held.drained and held.picture_type != "I":
            ref[0 if held.picture_type == "P" else slice(None)] = REF_UNKNOWN
            exact = False
        self._exact = exact and self._exact is not False
        return MotionField(mv, ref, self._block, exact)

    def _qp(self, frame: av.VideoFrame) -> npt.NDArray[np.int8] | None:
        qp: npt.NDArray[np.int8] = np.zeros(self._qp_shape, np.int8)
        parameters = _side_data(frame).get("VIDEO_ENC_PARAMS")
        if parameters is not None and _native.rasterise_quantisers(
            parameters,
            qp,
            crop_left=self._info.crop_left,
            crop_top=self._info.crop_top,
            divisor=2 if self._info.codec == "mpeg4" else 1,
        ):
            return qp
        return None

    def _finish(self) -> None:
        if self._num_undecodable:
            self.warnings.append(f"{self._num_undecodable} packets could not be decoded")
        super()._finish()


def _side_data(frame: av.VideoFrame) -> Mapping[str, Buffer]:
    """The frame's side data. ``frame.side_data`` would make the frame part of a reference cycle, and keep its pixels
    until the garbage collector comes by."""
    container = cast("Callable[[av.VideoFrame], Mapping[str, Buffer]]", SideDataContainer)
    return container(frame)


def _check_codec(info: VideoInfo, streams: frozenset[str]) -> None:
    beyond_pixels = sorted(streams - {"rgb"})
    if beyond_pixels and info.codec not in MOTION_CODECS:
        raise UnsupportedCodecError(
            info.path,
            f"expected H.264 or MPEG-4 Part 2 for {', '.join(beyond_pixels)}, got {info.codec}",
        )
