"""What can go wrong with a source file. Every error names the file and says what was expected and what came.

The classes also inherit the matching builtin, so that callers who do not know videotx can still catch them. ``code`` is
the word stored in the shard's videos table for a video that failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class VideoError(Exception):
    """A source file cannot be extracted. ``path`` is the file; ``code`` the stable word for tables and scripts."""

    code: ClassVar[str] = "video_error"

    def __init__(self, path: str | Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = str(path)
        self.message = message

    def __reduce__(self) -> tuple[type[VideoError], tuple[str, str]]:
        # Errors cross process boundaries; the default would call __init__ with one argument.
        return type(self), (self.path, self.message)


class MissingFileError(VideoError, FileNotFoundError):
    """The file does not exist or cannot be opened."""

    code = "missing_file"


class EmptyFileError(VideoError, ValueError):
    """The file holds no bytes."""

    code = "empty_file"


class NotAVideoError(VideoError, ValueError):
    """The bytes are of no known media format (text, an image, an archive)."""

    code = "not_a_video"


class UnreadableContainerError(VideoError, OSError):
    """The format is known, but its structure is damaged beyond opening (a missing index, say)."""

    code = "unreadable_container"


class NoVideoStreamError(VideoError, ValueError):
    """The file is media, but holds no video."""

    code = "no_video_stream"


class UnsupportedCodecError(VideoError, ValueError):
    """The codec, profile or pixel format is one that the asked-for streams cannot be read from."""

    code = "unsupported_codec"


class NoFramesError(VideoError, ValueError):
    """There is a video stream, but not one frame came out of it."""

    code = "no_frames"


class ExtractionTimeoutError(VideoError, TimeoutError):
    """Extraction took longer than allowed."""

    code = "timed_out"


class FrameSizeError(VideoError, ValueError):
    """The pictures are not of the one size that was expected of them."""

    code = "size_changed"


class MemoryLimitError(VideoError, MemoryError):
    """Extraction needed more memory than allowed."""

    code = "memory_limit"


class ReaderMismatchError(VideoError, RuntimeError):
    """The native reader and libavcodec disagree on which pictures are shown: pixels would meet foreign motion."""

    code = "reader_mismatch"


class CoverageLostError(VideoError, RuntimeError):
    """Far into a video its stream turns to a coding tool that the native reader does not read."""

    code = "coverage_lost"
