"""The shard format, declared once: which arrays a shard holds, by named dimensions, and how one frame is encoded.

Both sides rest on this file: the writer appends what :meth:`FrameArray.encode` returns, and a reader that does not want
to go through zarr-python finds frame ``i`` of an array with :func:`read_index` and :meth:`FrameArray.decode`. On disk
every array is plain Zarr v3: the ``sharding_indexed`` codec with one frame per inner chunk and one outer chunk, so that
one array is one file, ``<shard>/<array>/c/0/0...``, made of encoded frames followed by their index.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import google_crc32c
import numpy as np
import numpy.typing as npt
import simplejpeg
import zstandard

from videotx.pipeline import _jpeg

FORMAT: Final = "videotx-shards"
VERSION: Final = 2
JPEG_CODEC: Final = "videotx.jpeg"
"""Name of the Zarr v3 codec of pictures, registered by ``videotx.pipeline.jpeg``."""

Subsampling = Literal["4:2:0", "4:4:4"]

# The dimensions of each array after "frame". `mb_row` and `mb_column` count macroblocks (16x16 luma samples); `row` and
# `column` count cells of the motion grid; `y` and `x` are pixels at the stored size.
DIMENSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "rgb": ("y", "x", "channel"),
    "motion": ("list", "row", "column", "xy"),
    "ref": ("list", "row", "column"),
    "residual": ("y", "x", "channel"),
    "qp": ("mb_row", "mb_column"),
}

# What each stream that a user asks for is stored as.
STREAM_ARRAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "motion": ("motion", "ref"),
    "qp": ("qp",),
    "residual": ("residual",),
    "rgb": ("rgb",),
}

FRAME_COLUMNS: Final[Mapping[str, str]] = {
    "picture_type": "string",  # I, P, B or S
    "key_frame": "bool",
    "pts_seconds": "float64",  # since the start of the video, strictly increasing
    "num_bytes": "int32",  # of the coded picture
    "damaged": "bool",  # the reader met an error in this picture
    "video": "int32",  # position in the shard's list of videos
}
"""Columns of the table ``frames`` of a shard."""

VIDEO_COLUMNS: Final[Mapping[str, str]] = {
    "path": "string",  # relative to the source, "/" between parts
    "label": "int32",  # index into the class names; -1 where there is none
    "split": "string",  # words such as train, or train1 and test2 of sets with several rounds, with " " between
    "verb": "int32",  # class number; -1 where there is none
    "noun": "int32",
    "actions": "string",  # of a video of several classes: "class start stop", with ";" between
    "segment": "string",  # the annotation's id of a stretch of a long video, or nothing
    "start_seconds": "float64",  # of the segment, since the start of the file; nan for a whole video
    "stop_seconds": "float64",
    "shard": "int32",  # -1 where the file never got as far as a shard
    "first_frame": "int64",  # position of its first frame in the shard's arrays
    "num_frames": "int32",  # how many are stored; 0 for a failure
    "width": "int32",  # native, in luma samples
    "height": "int32",
    "fps": "float64",  # nan where unknown
    "codec": "string",  # of the stream whose motion is stored
    "profile": "string",
    "source_codec": "string",  # of the file that was transcoded to it; the same where none was
    "preset": "string",  # of that transcode, or nothing
    "reader": "string",  # native or libav
    "motion_exact": "bool",  # every known reference is what the encoder wrote
    "residual_kind": "string",  # coded, difference, or nothing
    "rotation_degrees": "int32",  # reported by the container, applied to nothing
    "sample_aspect_ratio": "float64",
    "num_damaged": "int32",  # stored frames marked as damaged
    "source_bytes": "int64",
    "warnings": "string",  # joined with "; "
    "error": "string",  # code of the failure, or nothing
    "message": "string",
}
"""Columns of the table ``videos``; a shard's attributes hold the same rows for its own videos."""

PLAN_COLUMNS: Final[Mapping[str, str]] = {
    "path": "string",
    "label": "int32",
    "split": "string",
    "verb": "int32",
    "noun": "int32",
    "actions": "string",
    "segment": "string",
    "start_seconds": "float64",
    "stop_seconds": "float64",
    "preset": "string",  # by which it is to be transcoded, or nothing
    "shard": "int32",  # -1 where the header could not be read
    "width": "int32",
    "height": "int32",
    "residual_kind": "string",  # the kind its shard stores
    "expected_frames": "int32",  # the container's count, or an estimate; 0 where unknown
    "source_bytes": "int64",
    "error": "string",
    "message": "string",
}
"""Columns of the table ``plan``: every source video or segment and the shard it belongs to."""

_DTYPES: Final = frozenset({"uint8", "int8", "int16"})
_INDEX_ENTRY: Final = 16  # u64 offset, u64 length
_CRC: Final = struct.Struct("<I")


class ShardFormatError(ValueError):
    """A file is not what the format says. The message names the file, what was expected and what was found."""


class _ZstdContexts(threading.local):
    """Contexts of this thread. Making one takes longer than coding a small frame with it."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()
        self._compressors: dict[int, zstandard.ZstdCompressor] = {}

    def compressor(self, level: int) -> zstandard.ZstdCompressor:
        if level not in self._compressors:
            self._compressors[level] = zstandard.ZstdCompressor(level=level, write_checksum=True)
        return self._compressors[level]


_ZSTD: Final = _ZstdContexts()


def decompress(data: bytes, num_bytes: int) -> bytes:
    """A Zstandard frame that says that it holds ``num_bytes``. Raises ShardFormatError for any other, and on damage."""
    try:
        found = zstandard.frame_content_size(data)
        if found != num_bytes:
            raise ShardFormatError(f"expected {num_bytes} bytes of numbers, got {found}")
        return _ZSTD.decompressor.decompress(data)
    except zstandard.ZstdError as error:
        raise ShardFormatError(f"expected a Zstandard frame of {num_bytes} bytes, got {len(data)}: {error}") from error


@dataclass(frozen=True, slots=True)
class ZstdFrames:
    """Frames of numbers: little-endian C order, Zstandard with its own checksum."""

    level: int = 3

    def encode(self, frame: npt.NDArray[Any]) -> bytes:
        contiguous = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))
        return _ZSTD.compressor(self.level).compress(contiguous.data)

    def decode(self, data: bytes | memoryview, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """The inverse of :meth:`encode`. Raises ShardFormatError on any damage."""
        try:
            raw = _ZSTD.decompressor.decompress(data)
        except zstandard.ZstdError as error:
            raise ShardFormatError(f"expected a frame of {dtype} {shape}, got damaged bytes ({error})") from error
        return np.frombuffer(raw, dtype=np.dtype(dtype).newbyteorder("<")).reshape(shape)

    def codecs(self, dtype: str) -> list[dict[str, Any]]:
        little = {"name": "bytes", "configuration": {"endian": "little"}}
        return [
            little if np.dtype(dtype).itemsize > 1 else {"name": "bytes"},
            {"name": "zstd", "configuration": {"level": self.level, "checksum": True}},
        ]


@dataclass(frozen=True, slots=True)
class JpegFrames:
    """Frames of pictures: JFIF, which is full-range BT.601 YCbCr, uint8 RGB ``(y, x, channel)`` when decoded.

    JPEG itself notices hardly any damage, so a stored frame is the picture followed by its CRC-32C, as Zarr's
    ``crc32c`` codec writes it.
    """

    quality: int
    subsampling: Subsampling

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"expected a JPEG quality of 1 to 100, got {self.quality}")

    def encode(self, frame: npt.NDArray[Any]) -> bytes:
        """Encode RGB uint8 ``(y, x, 3)``."""
        return _sealed(self.encode_picture(frame))

    def encode_picture(self, frame: npt.NDArray[Any]) -> bytes:
        """The JPEG alone, without its checksum."""
        rgb = np.ascontiguousarray(frame)
        short = "420" if self.subsampling == "4:2:0" else "444"
        return bytes(simplejpeg.encode_jpeg(rgb, quality=self.quality, colorspace="RGB", colorsubsampling=short))

    def encode_planes(self, y: npt.NDArray[np.uint8], cb: npt.NDArray[np.uint8], cr: npt.NDArray[np.uint8]) -> bytes:
        """Encode full-range BT.601 planes as they are; chroma is ``ceil`` of half the luma size for 4:2:0.

        4:4:4 is for residuals, of which little is not grey: that is all that its encoder spends time on.
        """
        half = 2 if self.subsampling == "4:2:0" else 1
        expected = (-(-y.shape[0] // half), -(-y.shape[1] // half))
        if cb.shape != expected or cr.shape != expected:
            raise ValueError(f"expected {self.subsampling} chroma planes of {expected}, got {cb.shape} and {cr.shape}")
        if self.subsampling == "4:4:4":
            return _sealed(_jpeg.encode(y, cb, cr, quality=self.quality))
        # libjpeg-turbo reads the luma plane of an odd size up to the next multiple of the subsampling, past its end.
        luma = np.ascontiguousarray(y)
        if y.shape[0] % half or y.shape[1] % half:
            rows, columns = (-size % half for size in y.shape)
            luma = np.pad(y, ((0, rows), (0, columns)), mode="edge")[: y.shape[0], : y.shape[1]]
        chroma = (np.ascontiguousarray(plane) for plane in (cb, cr))
        return _sealed(bytes(simplejpeg.encode_jpeg_yuv_planes(luma, *chroma, quality=self.quality)))

    def decode(self, data: bytes | memoryview, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        if dtype != "uint8":
            raise ShardFormatError(f"expected pictures of {dtype}, got JPEG, which is uint8")
        rgb = np.empty(shape, np.uint8)
        self.decode_picture_into(self.checked_picture(bytes(data)), rgb)
        return rgb

    @staticmethod
    def checked_picture(data: bytes) -> bytes:
        """The JPEG of a stored frame. Raises ShardFormatError when its checksum does not hold."""
        picture, seal = data[: -_CRC.size], data[-_CRC.size :]
        found = google_crc32c.value(picture)
        if len(seal) != _CRC.size or _CRC.unpack(seal)[0] != found:
            raise ShardFormatError(f"expected a JPEG with checksum {seal[::-1].hex()}, computed {found:08x}")
        return picture

    def decode_picture_into(self, picture: bytes | memoryview, rgb: npt.NDArray[np.uint8]) -> None:
        """Decode a JPEG without checksum into a C-contiguous array of exactly its shape."""
        height, width, _, _ = simplejpeg.decode_jpeg_header(picture)
        if rgb.shape != (height, width, 3):
            raise ShardFormatError(f"expected a JPEG of {rgb.shape}, got {(height, width, 3)}")
        simplejpeg.decode_jpeg(picture, colorspace="RGB", buffer=rgb)

    def codecs(self, dtype: str) -> list[dict[str, Any]]:
        del dtype
        configuration = {"quality": self.quality, "subsampling": self.subsampling}
        return [{"name": JPEG_CODEC, "configuration": configuration}, {"name": "crc32c"}]


@dataclass(frozen=True)
class FrameArray:
    """One array of a shard: ``frame`` first, then the dimensions named in :data:`DIMENSIONS`.

    ``shape`` is that of one frame. ``attributes`` go into the array's metadata; those of ``residual`` hold
    ``residual_kind`` and the affine map from what is stored to RGB units,
    ``value = stored * scale_factor + add_offset``.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    frames: ZstdFrames | JpegFrames
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dimensions = DIMENSIONS.get(self.name)
        if dimensions is None:
            raise ValueError(f"expected an array named {', '.join(DIMENSIONS)}, got {self.name!r}")
        if len(dimensions) != len(self.shape) or self.dtype not in _DTYPES or min(self.shape) < 1:
            raise ValueError(f"expected {self.name} of {dimensions}, got {self.dtype} {self.shape}")

    @property
    def dimensions(self) -> tuple[str, ...]:
        return ("frame", *DIMENSIONS[self.name])

    @cached_property
    def file(self) -> str:
        """Path of the one data file, relative to the shard."""
        return "/".join([self.name, "c", *("0" for _ in self.dimensions)])

    def encode(self, frame: npt.NDArray[Any]) -> bytes:
        """One frame as it is stored. Raises ValueError when its shape or dtype is another."""
        if frame.shape != self.shape or frame.dtype != self.dtype:
            raise ValueError(f"expected {self.name} {self.dtype} {self.shape}, got {frame.dtype} {frame.shape}")
        return self.frames.encode(frame)

    def decode(self, data: bytes | memoryview) -> npt.NDArray[Any]:
        """The inverse of :meth:`encode` (as near as the codec is lossless)."""
        return self.frames.decode(data, self.dtype, self.shape)

    def metadata(self, num_frames: int) -> dict[str, Any]:
        """The ``zarr.json`` of the array with this many frames."""
        # A chunk may not be empty, an array may: a shard all of whose videos failed has no data file.
        outer = [max(num_frames, 1), *self.shape]
        sharding = {
            "chunk_shape": [1, *self.shape],
            "codecs": self.frames.codecs(self.dtype),
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "index_location": "end",
        }
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [num_frames, *self.shape],
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": outer}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
            "dimension_names": list(self.dimensions),
            "attributes": dict(self.attributes),
            "storage_transformers": [],
        }


def _sealed(picture: bytes) -> bytes:
    return picture + _CRC.pack(google_crc32c.value(picture))


def parse_array(name: str, metadata: Mapping[str, Any]) -> tuple[FrameArray, int]:
    """The declaration and the number of frames that an array's ``zarr.json`` describes.

    Raises ShardFormatError when it is not an array of this format and version.
    """
    try:
        num_frames, *shape = (int(size) for size in metadata["shape"])
        inner = metadata["codecs"][0]["configuration"]["codecs"]
        frames: JpegFrames | ZstdFrames
        if inner[0]["name"] == JPEG_CODEC:
            settings = inner[0]["configuration"]
            frames = JpegFrames(settings["quality"], settings["subsampling"])
        else:
            frames = ZstdFrames(inner[-1]["configuration"]["level"])
        array = FrameArray(name, str(metadata["data_type"]), tuple(shape), frames, dict(metadata["attributes"]))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ShardFormatError(f"{name}/zarr.json is not an array of {FORMAT} {VERSION}: {error!r}") from error
    if array.metadata(num_frames) != dict(metadata):
        raise ShardFormatError(f"{name}/zarr.json differs from what {FORMAT} {VERSION} declares for {array.dtype}")
    return array, num_frames


def group_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The ``zarr.json`` of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def write_index(entries: npt.NDArray[np.uint64]) -> bytes:
    """The end of a data file for (offset, length) pairs ``(num_frames, 2)``: the pairs and their CRC-32C."""
    raw = np.ascontiguousarray(entries, dtype="<u8").tobytes()
    return raw + _CRC.pack(google_crc32c.value(raw))


def read_index(file: int, path: str | Path, num_frames: int) -> npt.NDArray[np.int64]:
    """Where each frame lies in an open data file: (offset, length) pairs, int64 ``(num_frames, 2)``.

    ``file`` is a descriptor and ``path`` its name for messages. Raises ShardFormatError when the file is too short, the
    checksum does not hold or a frame lies outside the file.
    """
    length = num_frames * _INDEX_ENTRY + _CRC.size
    size = os.fstat(file).st_size
    if size < length:
        raise ShardFormatError(f"{path}: expected an index of {length} bytes, the file has {size}")
    raw = os.pread(file, length, size - length)
    pairs, (expected,) = raw[: -_CRC.size], _CRC.unpack(raw[-_CRC.size :])
    found = google_crc32c.value(pairs)
    if found != expected:
        raise ShardFormatError(f"{path}: expected index checksum {expected:08x}, computed {found:08x}")
    entries = np.frombuffer(pairs, dtype="<u8").reshape(num_frames, 2)
    end = np.uint64(size - length)
    if ((entries[:, 0] > end) | (entries[:, 1] > end - np.minimum(entries[:, 0], end))).any():
        raise ShardFormatError(f"{path}: a frame lies beyond the data, which end at byte {end}")
    return entries.astype(np.int64)
