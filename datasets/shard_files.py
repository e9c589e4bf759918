"""Open data files of shards: the index is read once, frames are read by position, from any thread or process."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from videotx.datasets import _clips
from videotx.datasets.geometry import Region, Window
from videotx.datasets.residual import ResidualGrid
from videotx.datasets.resize import resize
from videotx.pipeline.store import JpegFrames, ShardFormatError, decompress, parse_array, read_index

MOST_OPEN_FILES: Final = 256
"""Data files kept open per process; the longest unused is closed first."""

_DAMAGE: Final = (ValueError, RuntimeError, OSError)
"""What reading and decoding a frame raise."""

_MIDDLE: Final = 128  # a JPEG whose blocks say nothing has this value everywhere


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

    def read(self, frames: Sequence[int] | npt.NDArray[np.int64], window: Window | None = None) -> npt.NDArray[Any]:
        """The frames asked for, ``(frame, ...)``; of pictures, where a ``window`` is given, what it shows, unmirrored.

        Raises ShardReadError on any damage, naming the frame.
        """
        shape = self.array.shape if window is None else (*window.out_size, *self.array.shape[2:])
        out = np.empty((len(frames), *shape), self.array.dtype)
        region = None if window is None else self._region(window)
        for i, frame in enumerate(self._checked(frames)):
            try:
                self._read_into(frame, out[i], region)
            except _DAMAGE as error:
                raise self._damaged(frame, error) from error
        return out

    def _region(self, window: Window) -> Region:
        """What a window shows of these pictures."""
        if (window.frame_height, window.frame_width) != self.array.shape[:2]:
            raise ValueError(f"{self.path}: expected a window of pictures of {self.array.shape[:2]}, got {window}")
        return window.region()

    def _checked(self, frames: Sequence[int] | npt.NDArray[np.int64]) -> list[int]:
        """Positions that are in the shard. Raises ShardReadError for others."""
        positions: list[int] = np.asarray(frames, np.int64).tolist()
        for frame in positions:
            if not 0 <= frame < self.num_frames:
                raise ShardReadError(f"{self.path}: holds {self.num_frames} frames, not {frame}", frame)
        return positions

    def _damaged(self, frame: int, error: Exception) -> ShardReadError:
        return ShardReadError(f"{self.path}: damaged: {error}", frame)

    def _stored(self, frame: int) -> bytes:
        offset, length = self._index[frame]
        data = os.pread(self._file, length, offset)
        if len(data) != length:
            raise ShardFormatError(f"expected {length} bytes at {offset}, the file holds {len(data)}")
        return data

    def _read_into(self, frame: int, out: npt.NDArray[Any], region: Region | None) -> None:
        data, codec, shape = self._stored(frame), self.array.frames, self.array.shape
        if isinstance(codec, JpegFrames):
            height, width = shape[:2]
            part = region or Region(0, 0, height, width)
            _clips.decode_picture(codec.checked_picture(data), (height, width), part, out)
        elif region is None:
            decode_numbers(data, out)
        else:
            whole = np.empty((1, *shape), out.dtype)
            decode_numbers(data, whole)
            out[...] = resize(whole, region, out.shape[:2])[0]

    def reduce(
        self,
        frames: Sequence[int] | npt.NDArray[np.int64],
        grid: ResidualGrid,
        units: tuple[int, int],
        shown: Mapping[int, npt.NDArray[Any]],
        window: Window,
    ) -> npt.NDArray[np.float32]:
        """The residual of frames reduced to the cells of ``grid``, ``(frame, row, column, 6)``.

        ``units`` are (zero, scale) of the stored values. What ``window`` shows of frames goes into ``shown``. Raises
        ShardReadError on any damage, naming the frame.
        """
        region = self._region(window)
        values = grid.room(len(frames))
        for i, frame in enumerate(self._checked(frames)):
            try:
                self._reduce_into(frame, grid, units, values[i : i + 1], region=region, shown=shown.get(frame))
            except _DAMAGE as error:
                raise self._damaged(frame, error) from error
        return values

    def _reduce_into(
        self,
        frame: int,
        grid: ResidualGrid,
        units: tuple[int, int],
        values: npt.NDArray[np.float32],
        *,
        region: Region,
        shown: npt.NDArray[Any] | None,
    ) -> None:
        zero, scale = units
        codec, (height, width) = self.array.frames, self.array.shape[:2]
        if isinstance(codec, JpegFrames) and zero == _MIDDLE:
            data = codec.checked_picture(self._stored(frame))
            _clips.reduce_picture(data, (height, width), scale, grid.x, grid.y, values, region, shown)
            return
        whole = np.empty((1, *self.array.shape), self.array.dtype)
        self._read_into(frame, whole[0], None)
        _clips.reduce_pictures(whole, zero, scale, grid.x, grid.y, values)
        if shown is not None:
            shown[...] = resize(whole, region, shown.shape[:2])[0]


def decode_numbers(data: bytes, out: npt.NDArray[Any]) -> None:
    """Zstandard into a C-contiguous array of exactly the right size, little-endian. Raises ShardFormatError on any
    damage."""
    out.data.cast("B")[:] = decompress(data, out.nbytes)
    if sys.byteorder == "big":
        out.byteswap(inplace=True)


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
