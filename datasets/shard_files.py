"""Open data files of shards: the index is read once, frames are read by position, from any thread or process."""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numcodecs.zstd import Zstd

from videotx.pipeline.store import JpegFrames, ShardFormatError, parse_array, read_index

MOST_OPEN_FILES: Final = 256
"""Data files kept open per process; the longest unused is closed first."""


class ShardReadError(ShardFormatError):
    """A frame cannot be read. The message names the file and what is wrong; ``frame`` is its position in the shard."""

    def __init__(self, message: str, frame: int | None = None) -> None:
        super().__init__(message)
        self.frame = frame

    def __reduce__(self) -> tuple[type[ShardReadError], tuple[str, int | None]]:
        return type(self), (str(self), self.frame)


class DataFile:
    """The one data file of one array of a shard, open until nobody holds it any more."""

    def __init__(self, shard: Path, name: str) -> None:
        metadata = shard / name / "zarr.json"
        try:
            self.array, self.num_frames = parse_array(name, json.loads(metadata.read_text(encoding="utf-8")))
            self.path = shard / self.array.file
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise ShardReadError(f"{shard}: expected an array {name!r}, there is no {error.filename}") from error
        except json.JSONDecodeError as error:
            raise ShardReadError(f"{metadata}: expected JSON, got {error}") from error
        try:
            self._index = read_index(self._file, self.path, self.num_frames)
        except BaseException:
            os.close(self._file)
            del self._file
            raise

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def read(self, frames: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The frames asked for, ``(frame, ...)``. Raises ShardReadError on any damage, naming the frame."""
        out = np.empty((len(frames), *self.array.shape), self.array.dtype)
        for i, frame in enumerate(frames):
            if not 0 <= frame < self.num_frames:
                raise ShardReadError(f"{self.path}: holds {self.num_frames} frames, not {frame}", frame)
            try:
                self._read_into(int(frame), out[i])
            except (ValueError, RuntimeError, OSError) as error:
                raise ShardReadError(f"{self.path}: damaged: {error}", frame) from error
        return out

    def _read_into(self, frame: int, out: npt.NDArray[Any]) -> None:
        offset, length = (int(value) for value in self._index[frame])
        data = os.pread(self._file, length, offset)
        if len(data) != length:
            raise ShardFormatError(f"expected {length} bytes at {offset}, the file holds {len(data)}")
        codec = self.array.frames
        if isinstance(codec, JpegFrames):
            codec.decode_into(data, out)
        else:
            decode_numbers(data, out)


def decode_numbers(data: bytes, out: npt.NDArray[Any]) -> None:
    """Zstandard into an array of exactly the right size, little-endian. Raises ShardFormatError on any damage."""
    raw = Zstd().decode(data)
    if len(raw) != out.nbytes:
        raise ShardFormatError(f"expected {out.nbytes} bytes of numbers, got {len(raw)}")
    out[...] = np.frombuffer(raw, out.dtype.newbyteorder("<")).reshape(out.shape)


class FileCache:
    """Open data files by shard and array. A child process starts its own: a lock may be held where it was forked."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[int, str], DataFile] = OrderedDict()

    def open(self, shard: int, name: str) -> DataFile:
        """The array ``name`` of a shard. Raises ShardFormatError when it is missing or its index is damaged."""
        if self._process != os.getpid():
            self._start()
        key = (shard, name)
        with self._lock:
            found = self._files.get(key)
            if found is not None:
                self._files.move_to_end(key)
                return found
        opened = DataFile(self._root / f"{shard:06d}", name)
        with self._lock:
            kept = self._files.setdefault(key, opened)
            while len(self._files) > MOST_OPEN_FILES:
                self._files.popitem(last=False)
        return kept

    def __getstate__(self) -> Path:
        return self._root

    def __setstate__(self, root: Path) -> None:
        self._root = root
        self._start()


def read_column(table: Path, name: str) -> npt.NDArray[Any]:
    """One column of numbers of a table, read without zarr-python, whose event loop does not survive a fork.

    Raises ShardFormatError when the column is not one chunk of Zstandard, as the format says.
    """
    path = table / name / "zarr.json"
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        (length,) = metadata["shape"]
        codecs = [codec["name"] for codec in metadata["codecs"]]
        dtype = np.dtype(metadata["data_type"])
        if codecs != ["bytes", "zstd"] or metadata["chunk_grid"]["configuration"]["chunk_shape"] != [max(length, 1)]:
            raise ShardFormatError(f"{path}: expected one chunk of Zstandard, got {codecs}")
        out = np.empty(length, dtype)
        chunk = table / name / "c" / "0"
        if chunk.exists():
            decode_numbers(chunk.read_bytes(), out)
        else:
            out[...] = metadata["fill_value"]  # Zarr leaves out a chunk that is all fill value
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ShardFormatError(f"{path}: cannot read this column: {error}") from error
    return out
