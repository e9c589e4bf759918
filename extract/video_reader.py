"""What every reader offers, and what all of them do alike: opening, closing, counting and complaining."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import replace
from types import TracebackType
from typing import ClassVar, Literal, Self

from videotx.extract.clock import DisplayClock
from videotx.extract.errors import NoFramesError
from videotx.extract.frame import CodedFrame
from videotx.extract.info import VideoInfo
from videotx.extract.residual import ResidualKind
from videotx.extract.segment import Segment
from videotx.extract.source import VideoSource

ReaderName = Literal["native", "libav"]


class VideoReader(ABC):
    """One video, read once from its first frame to its last. A context manager that closes the file."""

    reader: ClassVar[ReaderName]
    """Which reader this is."""

    def __init__(self, source: VideoSource, streams: frozenset[str], block: int) -> None:
        self._source = source
        self._streams = streams
        self._block = block
        self._info = source.info
        # Cells that cover the native picture: of ref, and of qp.
        self._motion_shape = (2, -(-self._info.height // block), -(-self._info.width // block))
        self._qp_shape = (-(-self._info.height // 16), -(-self._info.width // 16))
        self._clock = DisplayClock(source.info.time_base, source.info.fps, source.origin_pts)
        self._num_displayed = 0
        self._num_damaged = 0
        self._stopped = False
        self._frames = self._read() if source.segment is None else self._read_segment(source.segment)

    @property
    def info(self) -> VideoInfo:
        """What the file says about its video."""
        return self._info

    @property
    @abstractmethod
    def motion_exact(self) -> bool:
        """Whether every known reference given so far is what the encoder wrote, rather than an assumption."""

    @property
    @abstractmethod
    def residual_kind(self) -> ResidualKind | None:
        """Kind of the residual that the frames carry, None where none was asked for."""

    @property
    def warnings(self) -> list[str]:
        """What went wrong without ending the reading. Complete once the last frame was read."""
        return self._source.warnings

    def __iter__(self) -> Iterator[CodedFrame]:
        """Frames in display order. Raises NoFramesError at the end when there was none."""
        return self._frames

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._frames.close()
        self._source.close()

    @abstractmethod
    def _read(self) -> Generator[CodedFrame, None, None]:
        """Demux, decode, and at the end :meth:`_finish`."""

    def _read_segment(self, segment: Segment) -> Generator[CodedFrame, None, None]:
        num_frames, last = 0, 0.0
        for frame in self._read():
            last = frame.seconds
            if segment.is_before(last):
                break
            if segment.contains(last):
                yield replace(frame, index=num_frames)
                num_frames += 1
        else:
            if segment.stop_seconds - last > 2 / (self._info.fps or 1) and segment.has_stop:
                self.warnings.append(
                    f"the last frame is at {last:.3f} s, before the segment's stop at {segment.stop_seconds} s"
                )
        if num_frames == 0:
            raise NoFramesError(
                self._source.path, f"expected frames {segment}, got none; the last one read is at {last:.3f} s"
            )

    def _stop_at_size(self, what: str, expected: tuple[int, int], got: tuple[int, int], frame: int) -> None:
        self._stopped = True
        self.warnings.append(
            f"the {what} size changes from {expected[0]}x{expected[1]} to {got[0]}x{got[1]} "
            f"at frame {frame}; reading stopped there"
        )

    def _finish(self) -> None:
        if self._num_damaged:
            self.warnings.append(f"{self._num_damaged} of {self._num_displayed} frames are damaged")
        if self._num_displayed == 0:
            raise NoFramesError(
                self._source.path, f"expected frames, none came out of {self._source.num_packets} packets"
            )
