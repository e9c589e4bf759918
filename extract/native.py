"""The native reader: what the encoder wrote, read out of the entropy-coded stream without reconstructing a sample.

Motion vectors come with their true references, with quantisers and with the coded residual, exact to the bit. Pixels
are decoded beside, by libavcodec from the same packets, only where they are asked for; each decoded picture carries the
number of its packet, and so does each native one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Final, NamedTuple, cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags, ThreadType
from av.packet import Packet
from av.video.stream import VideoStream

from videotx.extract import _native
from videotx.extract.clock import DisplayClock
from videotx.extract.decoder_log import ErrorCapture
from videotx.extract.errors import NoFramesError, ReaderMismatchError, UnsupportedCodecError
from videotx.extract.frame import CodedFrame, MotionField, PictureType
from videotx.extract.info import VideoInfo
from videotx.extract.picture import Picture, PictureConverter
from videotx.extract.residual import Residual, ResidualKind
from videotx.extract.source import VideoSource

# What the native readers raise, and nothing else, where a stream turns to a tool that they do not read.
_UNSUPPORTED: Final = (_native.UnsupportedH264Error, RuntimeError)


# Far more than the pictures that wait in any decoder at once.
_NUM_REMEMBERED: Final = 256

_Parser = _native.H264Reader | _native.Mpeg4Reader


class _PacketFacts(NamedTuple):
    pts: int | None
    num_bytes: int


def why_not_native(source: VideoSource) -> str | None:
    """What of the file the native reader does not cover, None where it covers all of it.

    Looks at headers in a container of its own: for H.264 at the parameter sets and slice headers of the whole stream,
    for MPEG-4 Part 2 at the video object layer before the first picture.
    """
    gap: Callable[[bytes], str | None]
    if source.info.codec == "h264":
        gap = _native.H264Scanner(source.stream.codec_context.extradata or b"").feed
    elif source.info.codec == "mpeg4":
        gap = partial(_mpeg4_gap, _parser(source, residual=False))
    else:
        return source.info.codec
    try:
        with av.open(source.path, metadata_errors="replace") as container, ErrorCapture():
            for packet in container.demux(container.streams[source.stream.index]):
                if source.info.codec == "mpeg4" and packet.is_discard:
                    return "MPEG-4 pictures that an edit list hides"
                if (tool := gap(bytes(packet))) is not None:
                    return tool or None
    except av.error.FFmpegError:
        return None  # damaged from here on; what was seen is covered
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


class NativeReader:
    """Reads one video entropy-deep. Iterates once; close it, or use it as a context manager."""

    reader: Final = "native"

    def __init__(self, source: VideoSource, streams: frozenset[str], block: int) -> None:
        self._source = source
        self._streams = streams
        self._block = block
        self._info = source.info
        self._parser = _parser(source, residual="residual" in streams)
        self._pixels = _PixelDecoder(source) if "rgb" in streams else None
        self._clock = DisplayClock(self._info.time_base, self._info.fps)
        self._facts: dict[int, _PacketFacts] = {}  # by number of packet
        self._held: deque[_native.CodedPicture] = deque()  # displayed, waiting for their time or their pixels
        self._num_announced = 0
        self._num_displayed = 0
        self._num_damaged = 0
        self._num_field_predicted = 0
        self._stopped = False
        self._frames = self._read()

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def motion_exact(self) -> bool:
        return self._num_field_predicted == 0

    @property
    def residual_kind(self) -> ResidualKind | None:
        return "coded" if "residual" in self._streams else None

    @property
    def warnings(self) -> list[str]:
        return self._source.warnings

    def __iter__(self) -> Iterator[CodedFrame]:
        return self._frames

    def __enter__(self) -> NativeReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._frames.close()
        self._source.close()

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
            raise UnsupportedCodecError(
                self._source.path, f"packet {number}: the native reader does not cover {error}"
            ) from error

    def _hold(self, pictures: list[_native.CodedPicture]) -> None:
        for picture in pictures:
            if self._stopped:
                return
            size = (16 * picture.macroblock_columns, 16 * picture.macroblock_rows)
            expected = (-(-self._info.coded_width // 16) * 16, -(-self._info.coded_height // 16) * 16)
            if size != expected:
                self._stopped = True
                self.warnings.append(
                    f"the coded picture size changes from {expected[0]}x{expected[1]} to {size[0]}x{size[1]} "
                    f"at frame {self._num_announced}; reading stopped there"
                )
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
        num_bytes = self._facts[coded.packet].num_bytes
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
        rows = -(-self._info.height // self._block)
        columns = -(-self._info.width // self._block)
        # The 4x4 block over the top left sample of each cell, of the cropped picture.
        down = slice(self._info.crop_top // 4, None, self._block // 4)
        across = slice(self._info.crop_left // 4, None, self._block // 4)
        mv = np.ascontiguousarray(coded.mv[:, down, across][:, :rows, :columns])
        ref = np.ascontiguousarray(coded.ref[:, down, across][:, :rows, :columns])
        return MotionField(mv, ref, self._block, exact=not coded.field_motion)

    def _qp(self, coded: _native.CodedPicture) -> npt.NDArray[np.int8]:
        rows = -(-self._info.height // 16)
        columns = -(-self._info.width // 16)
        top, left = self._info.crop_top // 16, self._info.crop_left // 16
        return np.ascontiguousarray(coded.qp[top : top + rows, left : left + columns])

    def _residual(self, coded: _native.CodedPicture) -> Residual:
        luma = coded.residual_y
        if luma is None:
            raise RuntimeError("the native reader gave no residual")
        cb, cr = coded.residual_cb, coded.residual_cr
        # Monochrome pictures have no chroma residual; it is zero as in 4:2:0.
        shape = luma.shape if cb is None else cb.shape
        step_y = luma.shape[0] // shape[0] if cb is not None else 2
        step_x = luma.shape[1] // shape[1] if cb is not None else 2
        return Residual(
            kind="coded",
            y=self._crop(luma, 1, 1),
            cb=self._chroma(cb, luma, step_y, step_x),
            cr=self._chroma(cr, luma, step_y, step_x),
            colour_matrix=self._info.colour_matrix,
            full_range=self._info.full_range,
        )

    def _chroma(
        self, plane: npt.NDArray[np.int16] | None, luma: npt.NDArray[np.int16], step_y: int, step_x: int
    ) -> npt.NDArray[np.int16]:
        if plane is None:
            plane = np.zeros((luma.shape[0] // step_y, luma.shape[1] // step_x), np.int16)
        return self._crop(plane, step_y, step_x)

    def _crop(self, plane: npt.NDArray[np.int16], step_y: int, step_x: int) -> npt.NDArray[np.int16]:
        top, left = self._info.crop_top // step_y, self._info.crop_left // step_x
        rows, columns = -(-self._info.height // step_y), -(-self._info.width // step_x)
        return plane[top : top + rows, left : left + columns]

    def _finish(self) -> None:
        if self._num_field_predicted:
            self.warnings.append(
                f"{self._num_field_predicted} of {self._num_displayed} frames hold macroblocks predicted by field, "
                "whose vectors are given as the mean of both fields"
            )
        if self._num_damaged:
            self.warnings.append(f"{self._num_damaged} of {self._num_displayed} frames are damaged")
        if self._num_displayed == 0:
            raise NoFramesError(
                self._source.path, f"expected frames, none came out of {self._source.num_packets} packets"
            )


class _PixelDecoder:
    """libavcodec beside the native reader: decoded pictures by the number of their packet."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._context = source.stream.codec_context
        self._context.thread_count = 1
        self._context.thread_type = ThreadType.NONE
        self._context.flags |= Flags.unaligned  # else libavcodec leaves part of an odd left crop in the picture
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
