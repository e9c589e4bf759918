"""Where in a file reading may begin so that everything from a given time on comes out as if the file was read whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from videotx.extract.h264_headers import nal_length_size, peek_access_unit

# More than any stream reorders (H.264 clause A.3.1): the first picture to be shown is among this many packets.
_FIRST_PACKETS: Final = 32

_NO_TIMESTAMPS: Final = 0x80  # AVFMT_NOTIMESTAMPS of libavformat


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """A random access point. ``timestamp`` is what to seek to, ``origin_pts`` the time stamp of the first picture."""

    timestamp: int
    origin_pts: int

    def seek(self, container: InputContainer, stream: VideoStream) -> None:
        """Have the next packet of ``stream`` be the one at this point."""
        container.seek(self.timestamp, stream=stream, backward=True)


def find_seek_point(container: InputContainer, stream: VideoStream, start_seconds: float) -> SeekPoint | None:
    """The last random access point whose picture is shown at or before ``start_seconds``.

    None where reading has to begin with the first packet: the container has no index or no time stamps, or there is no
    such point after the first one. Only pictures that cut all references count: IDR pictures of H.264, and any other
    key frame of MPEG-4 Part 2, since what is shown from an I-VOP on refers to nothing before it. Recovery points and
    open groups of pictures of H.264 do not.
    """
    # The time stamps of a bare stream are counted from wherever reading begins.
    timed = not container.format.flags & _NO_TIMESTAMPS
    first = [packet for packet in islice(container.demux(stream), _FIRST_PACKETS) if not packet.is_discard]
    stamps = [packet.pts for packet in first if packet.pts is not None]
    if not timed or not stamps or stream.time_base is None:
        return None
    origin = min(stamps)
    wanted = origin + int(start_seconds / float(stream.time_base) + 0.5)
    try:
        return _walk_back(container, stream, origin, wanted)
    except av.error.FFmpegError:
        return None


def _walk_back(container: InputContainer, stream: VideoStream, origin: int, wanted: int) -> SeekPoint | None:
    length_size = nal_length_size(stream.codec_context.extradata)
    at, before = wanted, None
    while at > origin:
        container.seek(at, stream=stream, backward=True)
        packet = next(container.demux(stream), None)
        if packet is None or packet.pts is None or packet.dts is None or packet.pts <= origin:
            return None
        if before is not None and packet.dts >= before:
            return None  # the demuxer does not go back any further
        if packet.pts <= wanted and _cuts_references(packet, stream.codec_context.name, length_size):
            return SeekPoint(at, origin)
        before = packet.dts
        at = min(packet.dts, packet.pts) - 1
    return None


def _cuts_references(packet: Packet[VideoStream], codec: str, length_size: int) -> bool:
    if not packet.is_keyframe:
        return False
    if codec != "h264":
        return True
    unit = peek_access_unit(bytes(packet), length_size, None)
    return unit is not None and unit.is_idr
