"""The MessagePack reader against the reference implementation."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from videotx.models.checkpoints.flax_msgpack import read_flax

msgpack = pytest.importorskip("msgpack")

numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.booleans() | st.none()
values = st.recursive(
    numbers | st.text() | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=30,
)


@settings(max_examples=60, deadline=None)
@example(["x" * 70_000, b"y" * 70_000, list(range(70_000)), {str(i): i for i in range(70_000)}])
@given(values)
def test_everything_msgpack_writes_is_read(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "value.msgpack"
    path.write_bytes(msgpack.packb(value))
    assert same(read_flax(path), value)


def same(read: object, written: object) -> bool:
    if isinstance(written, dict) and isinstance(read, dict):
        return list(read) == list(written) and all(same(read[key], written[key]) for key in written)
    if isinstance(written, list) and isinstance(read, list):
        return len(read) == len(written) and all(map(same, read, written))
    if isinstance(written, bytes):
        return bytes(read) == written  # type: ignore[call-overload]
    if isinstance(written, float) and isinstance(read, float):
        return math.copysign(1, read) == math.copysign(1, written) and read == written
    return type(read) is type(written) and read == written
