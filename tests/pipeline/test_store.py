"""The declared format: what a writer appends, zarr-python reads back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import zarr
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from videotx.pipeline.jpeg import JpegCodec
from videotx.pipeline.shard_file import FrameArrayWriter, write_json
from videotx.pipeline.store import (
    DIMENSIONS,
    FrameArray,
    JpegFrames,
    ShardFormatError,
    ZstdFrames,
    group_metadata,
    parse_array,
    read_index,
)

MOTION = FrameArray("motion", "int16", (2, 3, 4, 2), ZstdFrames())
RGB = FrameArray("rgb", "uint8", (17, 23, 3), JpegFrames(90, "4:2:0"))


def write_frames(folder: Path, declaration: FrameArray, frames: np.ndarray) -> None:
    with FrameArrayWriter(folder, declaration) as writer:
        for frame in frames:
            writer.append(declaration.encode(frame))
        written = writer.close()
    assert written.num_frames == len(frames)


def smooth_picture(shape: tuple[int, int, int], phase: float = 0.0) -> np.ndarray:
    y, x, channel = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    return (127 + 100 * np.sin(x / 7 + y / 9 + channel + phase)).astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["motion", "ref", "qp", "residual"]),
    num_frames=st.integers(0, 5),
    sizes=st.lists(st.integers(1, 6), min_size=4, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_zarr_reads_back_exactly_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, name: str, num_frames: int, sizes: list[int], seed: int
) -> None:
    dtype = {"motion": "int16", "residual": "int16", "ref": "int8", "qp": "int8"}[name]
    declaration = FrameArray(name, dtype, tuple(sizes[: len(DIMENSIONS[name])]), ZstdFrames())
    limits = np.iinfo(dtype)
    frames = np.random.default_rng(seed).integers(
        limits.min, limits.max, (num_frames, *declaration.shape), dtype, endpoint=True
    )
    folder = tmp_path_factory.mktemp("shard")
    write_frames(folder, declaration, frames)
    read = zarr.open_array(folder / name, mode="r")
    assert read.dtype == frames.dtype
    assert read.metadata.dimension_names == declaration.dimensions
    np.testing.assert_array_equal(read[:], frames)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), num_before=st.integers(0, 4))
def test_what_is_stored_does_not_depend_on_what_was_stored_before(seed: int, num_before: int) -> None:
    """Compressors are kept from frame to frame; shards must come out the same whoever wrote what before."""
    rng = np.random.default_rng(seed)
    frame = rng.integers(-3, 3, (2, 20, 30, 2), np.int16)
    for _ in range(num_before):
        size = int(rng.integers(1, 50000))
        ZstdFrames().encode(rng.integers(0, 256, (size,), np.uint8) if rng.random() < 0.5 else np.zeros(size, np.uint8))
    alone = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(frame.tobytes())
    assert ZstdFrames().encode(frame) == alone


def test_metadata_is_what_zarr_python_itself_would_write(tmp_path: Path) -> None:
    write_frames(tmp_path, MOTION, np.zeros((3, *MOTION.shape), np.int16))
    theirs = zarr.create_array(
        tmp_path / "theirs",
        shape=(3, *MOTION.shape),
        chunks=(1, *MOTION.shape),
        shards=(3, *MOTION.shape),
        dtype="int16",
        compressors=zarr.codecs.ZstdCodec(level=3, checksum=True),
        dimension_names=list(MOTION.dimensions),
    )
    expected = json.loads((Path(str(theirs.store_path.store.root)) / "zarr.json").read_text())
    assert json.loads((tmp_path / "motion" / "zarr.json").read_text()) == expected


def test_a_shard_without_frames_is_an_empty_array(tmp_path: Path) -> None:
    write_frames(tmp_path, RGB, np.zeros((0, *RGB.shape), np.uint8))
    assert zarr.open_array(tmp_path / "rgb", mode="r")[:].shape == (0, *RGB.shape)
    assert [p.name for p in (tmp_path / "rgb").iterdir()] == ["zarr.json"]


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_zarr_reads_pictures_through_the_registered_codec(tmp_path: Path, subsampling: str) -> None:
    declaration = FrameArray("rgb", "uint8", (33, 47, 3), JpegFrames(95, subsampling))  # type: ignore[arg-type]
    frames = np.stack([smooth_picture(declaration.shape, phase) for phase in (0.0, 1.0, 2.0)])
    write_frames(tmp_path, declaration, frames)
    read = zarr.open_array(tmp_path / "rgb", mode="r")
    assert read.shape == frames.shape
    np.testing.assert_array_equal(read[1], declaration.decode(declaration.encode(frames[1])))
    assert np.abs(read[:].astype(int) - frames).mean() < 2.5


def test_zarr_writes_pictures_through_the_registered_codec(tmp_path: Path) -> None:
    write_json(tmp_path / "zarr.json", RGB.metadata(2))
    array = zarr.open_array(tmp_path, mode="r+")
    frames = np.stack([smooth_picture(RGB.shape, phase) for phase in (0.0, 1.0)])
    array[:] = frames
    np.testing.assert_array_equal(array[1], RGB.decode(RGB.encode(frames[1])))


def test_planes_are_encoded_as_they_are() -> None:
    luma = np.full((16, 16), 100, np.uint8)
    chroma = np.full((8, 8), 128, np.uint8)
    decoded = JpegFrames(95, "4:2:0").decode(
        JpegFrames(95, "4:2:0").encode_planes(luma, chroma, chroma), "uint8", (16, 16, 3)
    )
    assert np.abs(decoded.astype(int) - 100).max() <= 1


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 23), (17, 23)])
def test_nothing_beyond_a_plane_gets_into_its_picture(size: tuple[int, int]) -> None:
    height, width = size
    chroma = np.full((-(-height // 2), -(-width // 2)), 128, np.uint8)
    encoded = set()
    for outside in (0, 255):
        around = np.full((height + 8, width + 8), outside, np.uint8)
        around[:height, :width] = smooth_picture((height, width, 1))[..., 0]
        encoded.add(JpegFrames(90, "4:2:0").encode_planes(around[:height, :width], chroma, chroma))
    assert len(encoded) == 1


def test_planes_of_another_size_are_refused() -> None:
    luma = np.zeros((17, 15), np.uint8)
    with pytest.raises(ValueError, match=r"expected 4:2:0 chroma planes of \(9, 8\), got \(8, 8\)"):
        JpegFrames(90, "4:2:0").encode_planes(luma, luma[:8, :8], luma[:9, :8])


def test_the_codec_refuses_arrays_that_are_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"stores uint8 \(frame, y, x, 3\)"):
        zarr.create_array(
            tmp_path, shape=(2, 4, 4, 3), chunks=(1, 4, 4, 3), dtype="int16", serializer=JpegCodec(), compressors=None
        )


def test_rewinding_leaves_nothing_of_what_came_after(tmp_path: Path) -> None:
    kept, dropped = np.ones(MOTION.shape, np.int16), np.full(MOTION.shape, 7, np.int16)
    for folder, frames in (("whole", [kept, kept]), ("rewound", [kept, dropped, dropped, kept])):
        with FrameArrayWriter(tmp_path / folder, MOTION) as writer:
            for number, frame in enumerate(frames):
                position = writer.position if number == 1 else None
                if position:
                    start = position
                writer.append(MOTION.encode(frame))
                if number == 2:
                    writer.rewind(start)
            written = writer.close()
        assert written.num_frames == 2
        data = (tmp_path / folder / MOTION.file).read_bytes()
        assert written.crc32c == google_crc32c.value(data)
        assert written.num_bytes == len(data)
    assert (tmp_path / "whole" / MOTION.file).read_bytes() == (tmp_path / "rewound" / MOTION.file).read_bytes()


def test_index_says_where_each_frame_lies(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(-50, 50, (4, *MOTION.shape), np.int16)
    write_frames(tmp_path, MOTION, frames)
    with (tmp_path / MOTION.file).open("rb") as file:
        index = read_index(file.fileno(), MOTION.file, 4)
        for frame, (offset, length) in zip(frames, index, strict=True):
            np.testing.assert_array_equal(MOTION.decode(os.pread(file.fileno(), length, offset)), frame)


@pytest.mark.parametrize("damage", ["flip", "short", "outside"])
def test_a_damaged_index_is_refused(tmp_path: Path, damage: str) -> None:
    write_frames(tmp_path, MOTION, np.zeros((4, *MOTION.shape), np.int16))
    path = tmp_path / MOTION.file
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[-10] ^= 1
    elif damage == "short":
        data = data[-20:]
    else:
        data[-68:-60] = (1 << 40).to_bytes(8, "little")
        data[-4:] = google_crc32c.value(bytes(data[-68:-4])).to_bytes(4, "little")
    path.write_bytes(data)
    with path.open("rb") as file, pytest.raises(ShardFormatError, match=r"index|beyond the data"):
        read_index(file.fileno(), path, 4)


def test_a_damaged_frame_is_refused_by_its_checksum(tmp_path: Path) -> None:
    encoded = bytearray(MOTION.encode(np.arange(48, dtype=np.int16).reshape(MOTION.shape)))
    encoded[-6] ^= 255
    with pytest.raises(ShardFormatError, match=r"expected a frame of int16 \(2, 3, 4, 2\), got damaged bytes"):
        MOTION.decode(bytes(encoded))


def test_declaration_survives_its_metadata(tmp_path: Path) -> None:
    attributes = {"residual_kind": "coded", "scale_factor": 2, "add_offset": -256}
    for array in (MOTION, RGB, FrameArray("residual", "uint8", (4, 5, 3), JpegFrames(80, "4:4:4"), attributes)):
        metadata = json.loads(json.dumps(array.metadata(9)))
        assert parse_array(array.name, metadata) == (array, 9)


@pytest.mark.parametrize("key", ["shape", "codecs", "chunk_grid", "dimension_names"])
def test_metadata_of_another_format_is_refused(key: str) -> None:
    metadata = MOTION.metadata(3)
    metadata[key] = []
    with pytest.raises(ShardFormatError, match=r"motion/zarr\.json"):
        parse_array("motion", metadata)


def test_frames_of_another_shape_or_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected motion int16 \(2, 3, 4, 2\), got int16 \(2, 3, 5, 2\)"):
        MOTION.encode(np.zeros((2, 3, 5, 2), np.int16))
    with pytest.raises(ValueError, match="got int32"):
        MOTION.encode(np.zeros(MOTION.shape, np.int32))
    with pytest.raises(ValueError, match="expected an array named"):
        FrameArray("depth", "int16", (2, 3), ZstdFrames())


def test_a_group_of_ours_opens_without_a_warning(tmp_path: Path) -> None:
    write_json(tmp_path / "zarr.json", group_metadata({"format": "x"}))
    write_frames(tmp_path, MOTION, np.zeros((2, *MOTION.shape), np.int16))
    group = zarr.open_group(tmp_path, mode="r")
    assert [name for name, _ in group.members(max_depth=None)] == ["motion"]
