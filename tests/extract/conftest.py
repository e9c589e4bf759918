"""What the tests of the native readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from videotx.extract._native import CodedPicture, Mpeg4Reader


def _codec_tag(path: Path) -> int:
    with av.open(str(path)) as container:
        return int.from_bytes(container.streams.video[0].codec_context.codec_tag.encode("latin1"), "little")


def _read_mpeg4(path: Path, *, residual: bool = False) -> Iterator[CodedPicture]:
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        reader = Mpeg4Reader(bytes(stream.codec_context.extradata or b""), _codec_tag(path), residual)
        for number, packet in enumerate(container.demux(stream)):
            if packet.size:
                yield from reader.feed(bytes(packet), number)
        yield from reader.finish()


@pytest.fixture(scope="session")
def read_mpeg4() -> Callable[..., Iterator[CodedPicture]]:
    """Pictures of an MPEG-4 Part 2 file by the native reader alone, in display order."""
    return _read_mpeg4
