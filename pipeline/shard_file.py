"""Write one sharded Zarr array as a stream: frames are appended as they come, the index and its checksum last.

zarr-python can only write a shard that it holds in memory; this writer needs memory for one frame and sixteen bytes of
index per frame.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import google_crc32c
import numpy as np

from videotx.pipeline.store import FrameArray, write_index

# A frame of pictures is larger than Python's own buffer, and would go to the kernel one by one.
_BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the file to return to."""

    num_frames: int
    num_bytes: int
    crc32c: int


@dataclass(frozen=True, slots=True)
class WrittenArray:
    """What :meth:`FrameArrayWriter.close` reports: the data file's size and CRC-32C, its index included."""

    num_frames: int
    num_bytes: int
    crc32c: int


class FrameArrayWriter:
    """Appends encoded frames to ``folder/<array>``; :meth:`close` makes it a Zarr array, durable on disk."""

    def __init__(self, folder: Path, declaration: FrameArray) -> None:
        self.declaration = declaration
        self._folder = folder / declaration.name
        self._path = folder / declaration.file
        self._path.parent.mkdir(parents=True)
        self._file = self._path.open("xb", buffering=_BUFFER_BYTES)
        self._entries = array("Q")  # offset, length, offset, length...
        self._offset = 0
        self._crc = 0

    def append(self, frame: bytes) -> None:
        """Append one frame as :meth:`FrameArray.encode` returned it."""
        self._write(frame, start=self._offset)

    def _write(self, data: bytes, start: int | None) -> None:
        self._file.write(data)
        self._crc = google_crc32c.extend(self._crc, data)
        self._offset += len(data)
        if start is not None:
            self._entries.extend((start, len(data)))

    @property
    def position(self) -> Position:
        return Position(len(self._entries) // 2, self._offset, self._crc)

    def rewind(self, position: Position) -> None:
        """Forget everything appended since ``position`` was taken."""
        self._file.flush()
        self._file.truncate(position.num_bytes)
        self._file.seek(position.num_bytes)
        del self._entries[2 * position.num_frames :]
        self._offset, self._crc = position.num_bytes, position.crc32c

    def close(self) -> WrittenArray:
        """Write index and metadata and flush both to the disk."""
        entries = np.frombuffer(self._entries, dtype=np.uint64).reshape(-1, 2)
        num_frames = len(entries)
        if num_frames:
            self._write(write_index(entries), start=None)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if not num_frames:
            self._remove_data()
        write_json(self._folder / "zarr.json", self.declaration.metadata(num_frames))
        return WrittenArray(num_frames, self._offset, self._crc)

    def _remove_data(self) -> None:
        self._path.unlink()
        folder = self._path.parent
        while folder != self._folder:
            folder.rmdir()
            folder = folder.parent

    def abort(self) -> None:
        """Close the file without making it an array; what was written is left for the caller to delete."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file and flush it to the disk."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def sync_folders(folder: Path) -> None:
    """Flush the directory entries of a folder and of everything below it to the disk."""
    for path in [*(p for p in folder.rglob("*") if p.is_dir()), folder]:
        sync_folder(path)


def sync_folder(folder: Path) -> None:
    """Flush one folder's own entries (a rename in it, say) to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
