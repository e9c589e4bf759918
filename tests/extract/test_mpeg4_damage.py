"""Damaged MPEG-4 data: reading ends, does not crash, and says which pictures are damaged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from videotx.extract._native import CodedPicture, Mpeg4Reader

CLIPS = ["mpeg4/m4_sp_datapart_resync.mp4", "mpeg4/xvid_asp_gmc_qpel_bvop.avi", "mpeg4/m4_asp_interlaced_bvop.avi"]


def _packets(path: Path, count: int) -> tuple[bytes, list[bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        extradata = bytes(stream.codec_context.extradata or b"")
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    return extradata, packets[:count]


def _read(extradata: bytes, packets: list[bytes]) -> list[CodedPicture]:
    reader = Mpeg4Reader(extradata, 0, True)
    pictures = [picture for i, packet in enumerate(packets) for picture in reader.feed(packet, i)]
    return pictures + reader.finish()


def _check_consistent(pictures: list[CodedPicture]) -> None:
    for picture in pictures:
        missing = picture.macroblock_class == 0
        assert picture.damaged or not missing.any()
        # Nothing unknown is given as if it were known.
        cells = missing.repeat(4, axis=0).repeat(4, axis=1)
        assert (picture.ref[0][cells] == -128).all()
        assert not picture.mv[0][cells].any()
        unused = picture.ref == 0
        assert not picture.mv[unused].any()


@pytest.mark.parametrize("name", CLIPS)
def test_flipped_bits_mark_pictures_as_damaged(name: str, shared_videos: Path) -> None:
    extradata, packets = _packets(shared_videos / name, 8)
    rng = np.random.default_rng(11)
    num_damaged = 0
    for _ in range(40):
        broken = [bytearray(packet) for packet in packets]
        for packet in broken:
            for position in rng.integers(0, 8 * len(packet), 6):
                packet[position // 8] ^= 1 << (position % 8)
        try:
            pictures = _read(extradata, [bytes(packet) for packet in broken])
        except RuntimeError:
            continue  # the flips made it a stream with features that are not covered, which the error names
        _check_consistent(pictures)
        num_damaged += any(picture.damaged for picture in pictures)
    assert num_damaged > 25


@pytest.mark.parametrize("name", CLIPS)
def test_cut_packets_lose_macroblocks_and_nothing_else(name: str, shared_videos: Path) -> None:
    extradata, packets = _packets(shared_videos / name, 5)
    sound = _read(extradata, packets)
    cut = _read(extradata, [packet[: len(packet) // 2] for packet in packets])
    _check_consistent(cut)
    first = next(picture for picture in cut if picture.type == "I")
    assert first.damaged
    assert (first.macroblock_class == 0).any()
    whole = first.macroblock_class != 0
    expected = next(picture for picture in sound if picture.type == "I")
    assert whole.sum() > 0.2 * whole.size
    # The macroblock in which the data ends may be read from the zeros behind it; those before it are untouched.
    num_equal = (first.qp[whole] == expected.qp[whole]).sum()
    assert num_equal >= whole.sum() - 1


def _headers(width: int, height: int) -> bytes:
    """Sequence and layer headers of a stream of this size."""
    context = av.CodecContext.create("mpeg4", "w")
    context.width, context.height, context.pix_fmt, context.framerate = width, height, "yuv420p", 25
    context.time_base = Fraction(1, 25)
    data = b"".join(bytes(packet) for packet in context.encode(av.VideoFrame(width, height, "yuv420p")))
    data += b"".join(bytes(packet) for packet in context.encode(None))
    return data[: data.index(b"\0\0\1\xb6")]


SMALL = _headers(48, 32)


def test_the_headers_give_pictures_of_their_size() -> None:
    (picture,) = _read(SMALL, [b"\0\0\1\xb6\x10\x60\x7f" + bytes(range(60))])
    assert (picture.macroblock_columns, picture.macroblock_rows) == (3, 2)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=200), max_size=5), st.booleans())
def test_any_bytes_end(packets: list[bytes], with_layer: bool) -> None:
    try:
        pictures = _read(SMALL if with_layer else b"", [b"\0\0\1\xb6" + packet for packet in packets])
    except RuntimeError:
        return
    _check_consistent(pictures)


def test_a_resync_marker_ends_the_damage(shared_videos: Path) -> None:
    extradata, packets = _packets(shared_videos / "mpeg4/m4_asp_mpegquant_slices.mp4", 2)
    sound = _read(extradata, packets)[0]
    broken = bytearray(packets[0])
    start = packets[0].find(b"\0\0\1\xb6") + 40
    broken[start : start + 30] = bytes(30)  # no code of any table
    picture = _read(extradata, [bytes(broken), *packets[1:]])[0]
    assert picture.damaged
    missing = picture.macroblock_class == 0
    assert missing[0].any()
    assert not missing[-4:].any()
    np.testing.assert_array_equal(picture.qp[-4:], sound.qp[-4:])
