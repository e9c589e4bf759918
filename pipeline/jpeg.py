"""The Zarr v3 codec of pictures. Installing videotx registers it, so plain zarr-python reads the shards.

It is an array-to-bytes codec named ``videotx.jpeg`` with the configuration ``quality`` and ``subsampling``; a chunk is
one picture, uint8 ``(1, y, x, 3)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.buffer import Buffer, NDBuffer

from videotx.pipeline.store import JPEG_CODEC, JpegFrames, Subsampling

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec


@dataclass(frozen=True)
class JpegCodec(ArrayBytesCodec):
    """One JPEG picture per chunk."""

    quality: int = 90
    subsampling: Subsampling = "4:2:0"
    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        if data.get("name") != JPEG_CODEC:
            raise ValueError(f"expected the codec {JPEG_CODEC}, got {data.get('name')!r}")
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        return {"name": JPEG_CODEC, "configuration": {"quality": self.quality, "subsampling": self.subsampling}}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays that are not pictures when they are opened, not when they are read."""
        del chunk_grid
        if dtype.to_native_dtype() != np.uint8 or len(shape) != 4 or shape[-1] != 3:
            raise ValueError(f"{JPEG_CODEC} stores uint8 (frame, y, x, 3), got {dtype} {shape}")

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        rgb = np.empty(chunk_spec.shape[1:], np.uint8)
        JpegFrames(self.quality, self.subsampling).decode_picture_into(chunk_bytes.to_bytes(), rgb)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(rgb[None])

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        picture = np.asarray(chunk_array.as_ndarray_like())
        data = JpegFrames(self.quality, self.subsampling).encode_picture(picture.reshape(chunk_spec.shape[1:]))
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return self._decode_sync(chunk_bytes, chunk_spec)

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return self._encode_sync(chunk_array, chunk_spec)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise ValueError(f"the size of a JPEG is known only after encoding ({input_byte_length} bytes in)")
