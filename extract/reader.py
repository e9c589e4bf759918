"""The way in: :func:`open_video`, and what every reader offers."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, get_args

from videotx.extract.errors import UnsupportedCodecError
from videotx.extract.frame import CodedFrame
from videotx.extract.info import VideoInfo
from videotx.extract.libav import MOTION_CODECS, LibavReader
from videotx.extract.native import NativeReader, why_not_native
from videotx.extract.residual import ResidualKind
from videotx.extract.source import VideoSource

Stream = Literal["motion", "residual", "rgb", "qp"]
ReaderName = Literal["native", "libav"]

STREAMS: Final[frozenset[Stream]] = frozenset(get_args(Stream))


class VideoReader(Protocol):
    """One video, read once from its first frame to its last. A context manager that closes the file."""

    @property
    def info(self) -> VideoInfo:
        """What the file says about its video."""

    @property
    def reader(self) -> ReaderName:
        """Which reader this is."""

    @property
    def motion_exact(self) -> bool:
        """Whether every known reference given so far is what the encoder wrote, rather than an assumption."""

    @property
    def residual_kind(self) -> ResidualKind | None:
        """Kind of the residual that the frames carry, None where none was asked for."""

    @property
    def warnings(self) -> list[str]:
        """What went wrong without ending the reading. Complete once the last frame was read."""

    def __iter__(self) -> Iterator[CodedFrame]:
        """Frames in display order. Raises NoFramesError at the end when there was none."""

    def __enter__(self) -> VideoReader: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""


def open_video(
    path: str | Path,
    *,
    streams: Set[Stream] = frozenset({"motion"}),
    reader: Literal["auto", "native", "libav"] = "auto",
    residual: ResidualKind = "coded",
    block: Literal[8, 4] = 8,
) -> VideoReader:
    """Open a video file.

    ``streams`` says what the frames shall hold; what is not asked for is not computed. Raises a
    :class:`~videotx.extract.errors.VideoError` that names the file and what is wrong with it, ValueError for arguments
    that mean nothing.
    """
    _check_arguments(streams, reader, residual, block)
    source = VideoSource(path)
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
