"""Rotation that a container asks players for. It is reported, and applied to nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

import av
import av.error

# A display matrix that turns nothing (ISO/IEC 14496-12 clause 8.3.2: 16.16 and 2.30 fixed point).
_IDENTITY: Final = b"".join(v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
_MATRIX_OFFSETS: Final = {b"tkhd": (40, 52), b"mvhd": (36, 48)}  # in the box's payload, for versions 0 and 1

_MATROSKA_PROJECTION: Final = b"\x76\x70"
_MATROSKA_CLUSTER: Final = b"\x1f\x43\xb6\x75"
_MATROSKA_HEADER_BYTES: Final = 1 << 16


def read_rotation(path: str, format_name: str, stream_index: int, warnings: list[str]) -> int:
    """Counterclockwise degrees by which a player turns the picture, as libavformat reads them.

    PyAV tells the display matrix only with a decoded picture. One is decoded, in a container of its own so that the
    reader's decoder starts clean, but only where the file's own headers hold a matrix at all: opening a file twice
    costs as much as decoding some dozen frames.
    """
    if "mov" in format_name:
        turned = _has_mp4_matrix(Path(path))
    elif "matroska" in format_name:
        turned = _has_matroska_projection(Path(path))
    else:
        turned = False
    if not turned:
        return 0
    try:
        with av.open(path, metadata_errors="replace") as container:
            stream = next(s for s in container.streams.video if s.index == stream_index)
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                frames = stream.codec_context.decode(packet) or stream.codec_context.decode(None)
                return frames[0].rotation if frames else 0
    except av.error.FFmpegError as error:
        warnings.append(f"rotation could not be read: {error.strerror}")
    return 0


def _has_mp4_matrix(path: Path) -> bool:
    with path.open("rb") as file:
        moov = _find_box(file, b"moov")
    for kind, offsets in _MATRIX_OFFSETS.items():
        position = moov.find(kind)
        while position >= 0:
            payload = position + 4
            start = payload + offsets[1 if moov[payload : payload + 1] == b"\x01" else 0]
            if moov[start : start + len(_IDENTITY)] != _IDENTITY:
                return True
            position = moov.find(kind, payload)
    return False


def _find_box(file: BinaryIO, wanted: bytes) -> bytes:
    """Payload of the first top-level box of a kind (ISO/IEC 14496-12 clause 4.2), empty where there is none."""
    end = os.fstat(file.fileno()).st_size
    position = 0
    while position + 8 <= end:
        file.seek(position)
        size = int.from_bytes(file.read(4), "big")
        kind = file.read(4)
        header = 8
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
            header = 16
        elif size == 0:
            size = end - position
        if size < header:
            break
        if kind == wanted:
            return file.read(size - header)
        position += size
    return b""


def _has_matroska_projection(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_MATROSKA_HEADER_BYTES)
    return _MATROSKA_PROJECTION in head.split(_MATROSKA_CLUSTER, 1)[0]
