"""A container opened for reading: its best video stream, what it says about it, and the stream's packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Final

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags, ThreadType
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from videotx.extract.decoder_log import ErrorCapture, decoder_log_enabled
from videotx.extract.errors import (
    EmptyFileError,
    MissingFileError,
    NotAVideoError,
    NoVideoStreamError,
    UnreadableContainerError,
)
from videotx.extract.info import VideoInfo
from videotx.extract.mpeg4_headers import find_vop
from videotx.extract.probe import probe_stream
from videotx.extract.seeking import SeekPoint, find_seek_point
from videotx.extract.segment import Segment

# How the formats that hold H.264 or MPEG-4 Part 2 begin: offset and bytes. Used to tell a damaged video from a file
# that never was one; libavformat calls both "invalid data".
_SIGNATURES: Final = (
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"free"),
    (4, b"skip"),
    (4, b"wide"),
    (4, b"styp"),
    (0, b"RIFF"),
    (0, b"\x1a\x45\xdf\xa3"),
    (0, b"FLV"),
    (0, b"OggS"),
    (0, b"\x30\x26\xb2\x75"),
    (0, b"\x00\x00\x01"),
    (0, b"\x00\x00\x00\x01"),
)

# By more than this no packet precedes the time at which its picture is shown.
_SLACK_SECONDS: Final = 1.0

# Capturing what libavformat reports costs more than reading a packet.
_PACKETS_AT_ONCE: Final = 8

# Demuxers for still images and for text drawn as video; what they open is no video.
_STILL_FORMATS: Final = frozenset({"image2", "tty", "gif", "apng", "ico"})


class VideoSource:
    """One video file, opened. Close it, or use it as a context manager.

    With a ``segment``, packets begin at a random access point at or before its start, if the container's index leads
    to one, and with the first picture otherwise. ``warnings`` grows while packets are read. Raises
    :class:`MissingFileError`, :class:`EmptyFileError`, :class:`NotAVideoError`, :class:`UnreadableContainerError` or
    :class:`NoVideoStreamError`.
    """

    def __init__(self, path: str | Path, segment: Segment | None = None) -> None:
        self.path = str(path)
        self.segment = segment
        self.warnings: list[str] = []
        self.num_packets = 0
        with ExitStack() as resources:
            resources.enter_context(decoder_log_enabled())
            self.container = resources.enter_context(_open_container(Path(path)))
            self.stream = self._choose_stream()
            self.info: VideoInfo = probe_stream(self.path, self.container, self.stream, self.warnings)
            self._seek_point = self._find_seek_point()
            if self._seek_point is not None:
                self._seek_point.seek(self.container, self.stream)
            self._demuxed = self._demux()
            self._ahead: deque[Packet[VideoStream]] = deque()
            self._resources = resources.pop_all()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._resources.close()

    @property
    def origin_pts(self) -> int | None:
        """Time stamp of the file's first picture, None where packets begin with that picture."""
        return None if self._seek_point is None else self._seek_point.origin_pts

    def _find_seek_point(self) -> SeekPoint | None:
        if self.segment is None or self.segment.start_seconds == 0:
            return None
        # In a container of its own, so that this one still stands at its first packet where there is no such point.
        with _open_container(Path(self.path)) as container, ErrorCapture():
            stream = container.streams.video[self.container.streams.video.index(self.stream)]
            return find_seek_point(container, stream, self.segment.start_seconds)

    def decoder(self, options: Mapping[str, str]) -> VideoCodecContext:
        """The stream's decoder, to be fed with :meth:`packets`, with libavcodec's ``options``.

        It has one thread: with more, libavcodec exports vectors of other pictures.
        """
        context = self.stream.codec_context
        context.thread_count = 1
        context.thread_type = ThreadType.NONE
        context.flags |= Flags.unaligned  # else libavcodec leaves part of an odd left crop in the picture
        context.options = dict(options)
        return context

    def look_ahead(self, num_bytes: int) -> Iterator[Packet[VideoStream]]:
        """The first packets as they lie in the container, up to ``num_bytes`` or some time after the segment's end;
        :meth:`packets` gives them again."""
        while num_bytes > 0 and (packet := next(self._demuxed, None)) is not None:
            self._ahead.append(packet)
            num_bytes -= packet.size
            yield packet
            if self.segment is not None and self._seconds(packet) > self.segment.stop_seconds + _SLACK_SECONDS:
                return

    def _seconds(self, packet: Packet[VideoStream]) -> float:
        origin = (self.stream.start_time or 0) if self.origin_pts is None else self.origin_pts
        return 0.0 if packet.dts is None else float((packet.dts - origin) * self.info.time_base)

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """The stream's packets in decoding order, each one coded picture (or one field of an interlaced picture).

        DivX-style packed B-VOPs, two pictures in one packet and a filler in the next, are unpacked. Reading that ends
        before the promised number of packets leaves a warning.
        """
        if self.info.codec == "mpeg4":
            pictures = self._unpacked()
            yield from pictures if self._seek_point is None else _without_leading(pictures)
        else:
            yield from self._all_packets()
        promised = self.info.num_frames
        if promised is not None and self.num_packets < promised and self._seek_point is None:
            self.warnings.append(f"the container promises {promised} frames, {self.num_packets} are in the file")

    def _unpacked(self) -> Iterator[Packet[VideoStream]]:
        unpack = BitStreamFilterContext("mpeg4_unpack_bframes", self.stream)
        for packet in self._all_packets():
            yield from unpack.filter(packet)
        yield from unpack.filter(None)

    def _all_packets(self) -> Iterator[Packet[VideoStream]]:
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._demuxed

    def _demux(self) -> Iterator[Packet[VideoStream]]:
        # The packet without anything at the end is there to flush a decoder.
        demuxed = takewhile(lambda packet: packet.size > 0 or packet.dts is not None, self.container.demux(self.stream))
        while packets := self._next_packets(demuxed):
            yield from packets

    def _next_packets(self, demuxed: Iterator[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        """Some packets that hold a picture, none at the end."""
        packets: list[Packet[VideoStream]] = []
        stopped: list[str] = []
        with ErrorCapture() as log:
            try:
                for packet in demuxed:
                    self.num_packets += 1
                    if packet.size > 0:  # AVI marks "show the previous picture again" by an empty chunk
                        packets.append(packet)
                        if len(packets) == _PACKETS_AT_ONCE:
                            break
            except av.error.FFmpegError as error:
                stopped.append(f"reading stopped after packet {self.num_packets}: {error.strerror}")
        for message in log.errors:
            self._warn_once(f"container: {message}")
        self.warnings += stopped
        return packets

    def _warn_once(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    def _choose_stream(self) -> VideoStream:
        name = self.container.format.name
        if name in _STILL_FORMATS or name.endswith("_pipe"):
            raise NotAVideoError(self.path, f"expected a video, got a still image or text ({name})")
        streams = [s for s in self.container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            kinds = ", ".join(sorted({s.type for s in self.container.streams})) or "no stream at all"
            raise NoVideoStreamError(self.path, f"expected a video stream, the file holds {kinds}")
        best = self.container.streams.best("video")
        stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
        if len(streams) > 1:
            others = ", ".join(
                f"{s.index} ({s.codec_context.name} {s.width}x{s.height})" for s in streams if s is not stream
            )
            self.warnings.append(f"{len(streams)} video streams: reading {stream.index}, leaving out {others}")
        return stream


def _without_leading(packets: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    """Without the B-VOPs between the first anchor VOP and the second: what they refer to was not read, and the decoder
    would take distances in time from them that it keeps for the whole stream."""
    num_anchors = 0
    for packet in packets:
        vop = find_vop(bytes(packet), None) if num_anchors < 2 else None
        if vop is not None and vop.type == "B":
            continue
        num_anchors += 1
        yield packet


def _open_container(path: Path) -> av.container.InputContainer:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise MissingFileError(path, "no such file") from None
    except OSError as error:
        raise MissingFileError(path, f"cannot be opened: {error.strerror}") from error
    if not path.is_file():
        raise MissingFileError(path, "expected a file, got something else")
    if size == 0:
        raise EmptyFileError(path, "expected a video, the file holds no bytes")
    try:
        # Tags in other encodings than UTF-8 are common and no reason to refuse a video.
        with ErrorCapture() as log:
            return av.open(str(path), metadata_errors="replace")
    except (av.error.PermissionError, av.error.FileNotFoundError) as error:
        raise MissingFileError(path, f"cannot be opened: {error.strerror}") from error
    except av.error.FFmpegError as error:
        raise _opening_error(path, size, log.errors[0] if log.errors else str(error.strerror)) from error


def _opening_error(path: Path, size: int, detail: str) -> NotAVideoError | UnreadableContainerError:
    with path.open("rb") as file:
        head = file.read(16)
    if any(head[offset : offset + len(magic)] == magic for offset, magic in _SIGNATURES):
        return UnreadableContainerError(path, f"expected a complete container, got {size} damaged bytes ({detail})")
    return NotAVideoError(path, f"expected a video, got {size} bytes of no known format")
