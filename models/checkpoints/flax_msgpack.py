"""Flax checkpoints: MessagePack with arrays as extension 1, and arrays above 1 GB cut in chunks.

Format: the MessagePack specification; ``flax.serialization`` for the extension, (shape, dtype name, bytes) in turn
packed as MessagePack. Only what such files hold is read; anything else is an error.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videotx.models.checkpoints.layout import CheckpointError

_ARRAY, _SCALAR = 1, 3  # extension types of flax.serialization; 2 is a Python complex number
_DTYPES = {
    name: getattr(torch, name)
    for name in (
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint32",
        "uint8",
        "bool",
    )
}

# First byte -> struct code of a number, or of the length in front of bytes, text, lists, dicts and extensions.
_NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
_NUMBERS |= {0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_BYTES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
_EXTENSIONS = {0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_TEXTS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_LISTS = {0xDC: ">H", 0xDD: ">I"}
_DICTS = {0xDE: ">H", 0xDF: ">I"}


def read_flax(path: Path) -> Any:
    """The nested dicts of a Flax checkpoint, arrays as tensors; raises CheckpointError where it is no such file."""
    try:
        return _joined(_Reader(memoryview(path.read_bytes())).whole())
    except (struct.error, IndexError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: expected safetensors, a PyTorch file or Flax MessagePack; as the last it fails with: {error}"
        ) from error


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def whole(self) -> Any:
        value = self.value()
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} bytes left over at byte {self.at}")
        return value

    def value(self) -> Any:
        code = self._take(1)[0]
        if code <= 0x7F:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code <= 0x8F:
            return self._dict(code & 0x0F)
        if code <= 0x9F:
            return self._list(code & 0x0F)
        if code <= 0xBF:
            return self._text(code & 0x1F)
        return self._sized(code)

    def _sized(self, code: int) -> Any:
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return self._number(_NUMBERS[code])
        if code in _FIXED_EXTENSIONS:
            return self._extension(_FIXED_EXTENSIONS[code])
        for table, read in (
            (_BYTES, self._take),
            (_TEXTS, self._text),
            (_LISTS, self._list),
            (_DICTS, self._dict),
            (_EXTENSIONS, self._extension),
        ):
            if code in table:
                return read(self._number(table[code]))
        raise ValueError(f"no MessagePack type 0x{code:02x}, at byte {self.at - 1}")

    def _take(self, length: int) -> memoryview:
        taken = self.data[self.at : self.at + length]
        if len(taken) != length:
            raise ValueError(f"expected {length} bytes at byte {self.at}, got {len(taken)}: the file is cut short")
        self.at += length
        return taken

    def _number(self, code: str) -> Any:
        return struct.unpack(code, self._take(struct.calcsize(code)))[0]

    def _text(self, length: int) -> str:
        return str(self._take(length), "utf-8")

    def _list(self, length: int) -> list[Any]:
        return [self.value() for _ in range(length)]

    def _dict(self, length: int) -> dict[Any, Any]:
        return {self.value(): self.value() for _ in range(length)}

    def _extension(self, length: int) -> Tensor:
        kind = self._take(1)[0]
        content = self._take(length)
        if kind not in (_ARRAY, _SCALAR):
            raise ValueError(f"no Flax extension {kind}, at byte {self.at - length}")
        shape, dtype, data = _Reader(content).whole()
        dtype = dtype if isinstance(dtype, str) else str(dtype, "ascii")
        if dtype not in _DTYPES:
            raise ValueError(f"no support for arrays of {dtype}, at byte {self.at - length}")
        if math.prod(shape) == 0:
            return torch.empty(shape, dtype=_DTYPES[dtype])
        return torch.frombuffer(bytearray(data), dtype=_DTYPES[dtype]).reshape(shape)


def _joined(nested: Any) -> Any:
    """Arrays that Flax stored in chunks, put together again; keys as text."""
    if not isinstance(nested, Mapping):
        return nested
    if "__msgpack_chunked_array__" in nested:
        shape = [nested["shape"][str(i)] for i in range(len(nested["shape"]))]
        return torch.cat([nested["chunks"][str(i)] for i in range(len(nested["chunks"]))]).reshape(shape)
    return {str(key): _joined(value) for key, value in nested.items()}
