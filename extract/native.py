"""The native reader: what the encoder wrote, read out of the entropy-coded stream without reconstructing a sample.

Motion vectors come with their true references, with quantisers and with the coded residual, exact to the bit. Pixels
are decoded beside, by libavcodec from the same packets, only where they are asked for; each decoded picture carries the
number of its packet, and so does each native one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Final, NamedTuple, cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.packet import Packet
from av.video.stream import VideoStream

from videotx.extract import _native
from videotx.extract.decoder_log import ErrorCapture
from videotx.extract.errors import CoverageLostError, ReaderMismatchError
from videotx.extract.frame import CodedFrame, MotionField, PictureType
from videotx.extract.picture import Picture, PictureConverter
from videotx.extract.residual import Residual, ResidualKind
from videotx.extract.source import VideoSource
from videotx.extract.video_reader import VideoReader

# What the native readers raise, and nothing else, where a stream turns to a tool that they do not read.
_UNSUPPORTED: Final = (_native.UnsupportedH264Error, RuntimeError)

# Far more than the pictures that wait in any decoder at once.
_NUM_REMEMBERED: Final = 256

# All of a usual clip. A tool that turns up behind it ends the reading with an error: nothing is handed out by halves.
_LOOK_AHEAD_BYTES: Final = 16 << 20

_Parser = _native.H264Reader | _native.Mpeg4Reader


class _PacketFacts(NamedTuple):
    pts: int | None
    num_bytes: int


def why_not_native(source: VideoSource) -> str | None:
    """What of the file the native reader does not cover, None where it covers all that is seen of it.

    Looks ahead at headers: for H.264 at the parameter sets and slice headers of the first 16 MiB, for MPEG-4 Part 2 at
    the video object layer before the first picture. What a longer stream holds behind them shows while it is read, as
    :class:`CoverageLostError`.
    """
    gap: Callable[[bytes], str | None]
    if source.info.codec == "h264":
        gap = _native.H264Scanner(source.stream.codec_context.extradata or b"").feed
    elif source.info.codec == "mpeg4":
        gap = partial(_mpeg4_gap, _parser(source, residual=False))
    else:
        return source.info.codec
    for packet in source.look_ahead(_LOOK_AHEAD_BYTES):
        if source.info.codec == "mpeg4" and packet.is_discard:
            return "MPEG-4 pictures that an edit list hides"
        if (tool := gap(bytes(packet))) is not None:
            return tool or None
    return None


def _mpeg4_gap(parser: _Parser, packet: bytes) -> str | None:
    """What the layer before the first picture uses that is not covered, "" where a picture came, None for "look on"."""
    try:
        return "" if parser.feed(packet, 0) else None
    except _UNSUPPORTED as error:
        return str(error)


def _parser(source: VideoSource, residual: bool) -> _Parser:
    context = source.stream.codec_context
    extradata = bytes(context.extradata or b"")
    if source.info.codec == "h264":
        return _native.H264Reader(extradata, residual=residual)
    return _native.Mpeg4Reader(extradata, int.from_bytes(context.codec_tag.encode("latin1"), "little"), residual)


class NativeReader(VideoReader):
    """Reads one video entropy-deep."""

    reader = "native"

    def __init__(self, source: VideoSource, streams: frozenset[str], block: int) -> None:
        super().__init__(source, streams, block)
        self._parser = _parser(source, residual="residual" in streams)
        self._pixels = _PixelDecoder(source) if "rgb" in streams else None
        self._coded_size = -(-self._info.coded_width // 16) * 16, -(-self._info.coded_height // 16) * 16
        self._facts: dict[int, _PacketFacts] = {}  # by number of packet
        self._held: deque[_native.CodedPicture] = deque()  # displayed, waiting for their time or their pixels
        self._num_announced = 0
        self._num_field_predicted = 0

    @property
    def motion_exact(self) -> bool:
        return self._num_field_predicted == 0

    @property
    def residual_kind(self) -> ResidualKind | None:
        return "coded" if "residual" in self._streams else None

    def _read(self) -> Generator[CodedFrame, None, None]:
        for number, packet in enumerate(self._source.packets()):
            data = bytes(packet)
            self._facts[number] = _PacketFacts(packet.pts, len(data))
            self._facts.pop(number - _NUM_REMEMBERED, None)
            self._hold(self._parse(data, number, not packet.is_discard))
            if self._pixels is not None:
                self._pixels.decode(packet, number)
            yield from self._ready(final=False)
            if self._stopped:
                break
        if not self._stopped:
            self._hold(self._parser.finish())
        if self._pixels is not None:
            self._pixels.drain()
        yield from self._ready(final=True)
        self._finish()

    def _parse(self, data: bytes, number: int, displayed: bool) -> list[_native.CodedPicture]:
        try:
            if isinstance(self._parser, _native.H264Reader):
                return self._parser.feed(data, number, displayed)
            return self._parser.feed(data, number)
        except _UNSUPPORTED as error:
            raise CoverageLostError(
                self._source.path,
                f"frame {self._num_displayed}, packet {number}: the native reader does not cover {error}; "
                "the libav reader can read the video from its start",
            ) from error

    def _hold(self, pictures: list[_native.CodedPicture]) -> None:
        for picture in pictures:
            if self._stopped:
                return
            size = (16 * picture.macroblock_columns, 16 * picture.macroblock_rows)
            if size != self._coded_size:
                self._stop_at_size("coded picture", self._coded_size, size, self._num_announced)
                return
            self._num_announced += 1
            self._clock.announce(self._facts[picture.packet].pts)
            self._held.append(picture)

    def _ready(self, final: bool) -> Iterator[CodedFrame]:
        while len(self._held) > (0 if final else 1):
            pixels = None
            if self._pixels is not None:
                number = self._held[0].packet
                pixels = self._pixels.take(number, self._num_displayed)
                if pixels is None:
                    if not final:
                        return
                    raise ReaderMismatchError(
                        self._source.path,
                        f"frame {self._num_displayed}: expected a picture of packet {number} from libavcodec, got none",
                    )
            yield self._build(self._held.popleft(), pixels)

    def _build(self, coded: _native.CodedPicture, pixels: Picture | None) -> CodedFrame:
        # The two fields of an H.264 frame may come in packets of their own.
        h264 = self._info.codec == "h264"
        num_bytes = coded.num_bits // 8 if h264 else self._facts[coded.packet].num_bytes
        pts, seconds = self._clock.next()
        index = self._num_displayed
        self._num_displayed += 1
        self._num_damaged += coded.damaged
        self._num_field_predicted += coded.field_motion
        return CodedFrame(
            index=index,
            pts=pts,
            seconds=seconds,
            picture_type=cast("PictureType", coded.type),
            key_frame=coded.key,
            num_bytes=num_bytes,
            damaged=coded.damaged,
            motion=self._motion(coded) if "motion" in self._streams else None,
            qp=self._qp(coded) if "qp" in self._streams else None,
            residual=self._residual(coded) if "residual" in self._streams else None,
            picture=pixels,
        )

    def _motion(self, coded: _native.CodedPicture) -> MotionField:
        mv: npt.NDArray[np.int16] = np.empty((*self._motion_shape, 2), np.int16)
        ref: npt.NDArray[np.int8] = np.empty(self._motion_shape, np.int8)
        coded.crop_motion(mv, ref, self._block, self._info.crop_left, self._info.crop_top)
        return MotionField(mv, ref, self._block, exact=not coded.field_motion)

    def _qp(self, coded: _native.CodedPicture) -> npt.NDArray[np.int8]:
        qp: npt.NDArray[np.int8] = np.empty(self._qp_shape, np.int8)
        coded.crop_quantisers(qp, self._info.crop_left, self._info.crop_top)
        return qp

    def _residual(self, coded: _native.CodedPicture) -> Residual:
        info = self._info
        y, cb, cr = coded.crop_residual(info.width, info.height, info.crop_left, info.crop_top)
        if y is None:
            raise RuntimeError("the native reader gave no residual")
        if cb is None or cr is None:
            # Monochrome pictures have no chroma residual; it is zero as in 4:2:0.
            cb = cr = np.zeros((-(-info.height // 2), -(-info.width // 2)), np.int16)
        return Residual("coded", y, cb, cr, info.colour_matrix, info.full_range)

    def _finish(self) -> None:
        if self._num_field_predicted:
            self.warnings.append(
                f"{self._num_field_predicted} of {self._num_displayed} frames hold macroblocks predicted by field, "
                "whose vectors are given as the mean of both fields"
            )
        super()._finish()


class _PixelDecoder:
    """libavcodec beside the native reader: decoded pictures by the number of their packet."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._context = source.decoder({})
        self._converter = PictureConverter()
        self._decoded: deque[av.VideoFrame] = deque()

    def decode(self, packet: Packet[VideoStream], number: int) -> None:
        # The decoder carries a packet's time stamp to its picture, through reordering.
        packet.pts = number
        self._decode(packet)

    def drain(self) -> None:
        self._decode(None)

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        try:
            with ErrorCapture():
                self._decoded.extend(self._context.decode(packet))
        except av.error.FFmpegError as error:
            self._source.warnings.append(f"libavcodec could not decode a packet: {error.strerror}")

    def take(self, number: int, index: int) -> Picture | None:
        """The picture of packet ``number``, which must be the next in display order; None while it is not decoded."""
        if not self._decoded:
            return None
        frame = self._decoded.popleft()
        if frame.pts != number:
            raise ReaderMismatchError(
                self._source.path,
                f"frame {index}: expected the picture of packet {number} from libavcodec, got that of {frame.pts}",
            )
        return Picture(frame, self._converter)
