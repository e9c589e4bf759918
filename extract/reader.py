"""The way in: :func:`open_video`."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Final, Literal, get_args

from videotx.extract.errors import UnsupportedCodecError
from videotx.extract.libav import MOTION_CODECS, LibavReader
from videotx.extract.native import NativeReader, why_not_native
from videotx.extract.residual import ResidualKind
from videotx.extract.segment import Segment
from videotx.extract.source import VideoSource
from videotx.extract.video_reader import ReaderName, VideoReader

__all__ = ["STREAMS", "ReaderName", "Stream", "VideoReader", "open_video"]

Stream = Literal["motion", "residual", "rgb", "qp"]

STREAMS: Final[frozenset[Stream]] = frozenset(get_args(Stream))


def open_video(
    path: str | Path,
    *,
    streams: Set[Stream] = frozenset({"motion"}),
    reader: Literal["auto", "native", "libav"] = "auto",
    residual: ResidualKind = "coded",
    block: Literal[8, 4] = 8,
    segment: Segment | None = None,
) -> VideoReader:
    """Open a video file.

    ``streams`` says what the frames shall hold; what is not asked for is not computed. Of a ``segment`` come only the
    frames shown in it, equal to those of the whole video but for their ``index``, which counts from the first of them:
    reading begins at a key frame before, and references may reach out of the segment. Raises a
    :class:`~videotx.extract.errors.VideoError` that names the file and what is wrong with it, ValueError for arguments
    that mean nothing.
    """
    _check_arguments(streams, reader, residual, block)
    source = VideoSource(path, segment)
    try:
        return _choose_reader(source, frozenset(streams), reader, residual, block)
    except BaseException:
        source.close()
        raise


def _choose_reader(
    source: VideoSource, streams: frozenset[Stream], reader: str, residual: ResidualKind, block: int
) -> VideoReader:
    gap = None
    wants_native = reader == "native" or (reader == "auto" and streams != {"rgb"})
    if wants_native:
        other_residual = "residual" in streams and residual != "coded"
        gap = f"the {residual} residual" if other_residual else why_not_native(source)
        if gap is None:
            return NativeReader(source, streams, block)
        if reader == "native":
            raise UnsupportedCodecError(source.path, f"the native reader does not cover {gap}")
        if source.info.codec in MOTION_CODECS:
            source.warnings.append(f"read by libav, since the native reader does not cover {gap}")
    if "residual" in streams and residual == "coded":
        why = "" if gap is None else f"; the native reader does not cover {gap}"
        raise UnsupportedCodecError(
            source.path, f"the coded residual needs the native reader, the libav reader has residual='difference'{why}"
        )
    return LibavReader(source, streams, block)


def _check_arguments(streams: Set[Stream], reader: str, residual: str, block: int) -> None:
    if unknown := set(streams) - STREAMS:
        raise ValueError(f"streams: expected a subset of {sorted(STREAMS)}, got {sorted(unknown)}")
    if reader not in ("auto", "native", "libav"):
        raise ValueError(f"reader: expected 'auto', 'native' or 'libav', got {reader!r}")
    if residual not in get_args(ResidualKind):
        raise ValueError(f"residual: expected 'coded' or 'difference', got {residual!r}")
    if block not in (8, 4):
        raise ValueError(f"block: expected 8 or 4, got {block!r}")
