"""Scenes whose motion is known: textures that a camera passes over and objects that move before them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch

from videotx.pipeline.shard_file import FrameArrayWriter, write_json
from videotx.pipeline.store import (
    FORMAT,
    FRAME_COLUMNS,
    VERSION,
    VIDEO_COLUMNS,
    FrameArray,
    JpegFrames,
    ZstdFrames,
    group_metadata,
)
from videotx.pipeline.tables import write_table

HEIGHT, WIDTH = 256, 336
Floats = npt.NDArray[np.float64]


def _texture(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float32]:
    """Noise with detail at every size, RGB in [0, 255], float32 (3, y, x)."""
    total = np.zeros((3, height, width), np.float32)
    for size, weight in ((4, 30.0), (8, 45.0), (16, 45.0), (64, 40.0)):
        coarse = torch.from_numpy(rng.standard_normal((1, 3, height // size + 2, width // size + 2)).astype(np.float32))
        smooth = torch.nn.functional.interpolate(coarse, scale_factor=size, mode="bicubic", align_corners=False)
        total += weight * smooth[0, :, :height, :width].numpy()
    return np.clip(total + 128, 0, 255)


def _sample(texture: npt.NDArray[np.float32], position: Floats) -> npt.NDArray[np.float32]:
    """Texture (3, y, x) at positions (row, column, xy), mirrored beyond its borders."""
    size = np.array([texture.shape[2], texture.shape[1]])
    grid = torch.from_numpy((position * 2 / size - 1).astype(np.float32))[None]
    out = torch.nn.functional.grid_sample(
        torch.from_numpy(texture)[None], grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return out[0].numpy()


@dataclass(frozen=True)
class Camera:
    """Pose at frame t: shift in pixels, turn in radians, zoom as a factor; frame position p shows world position
    centre + shift + turn(p - centre) / zoom."""

    shift: Callable[[int], tuple[float, float]] = lambda t: (0.0, 0.0)
    turn: Callable[[int], float] = lambda t: 0.0
    zoom: Callable[[int], float] = lambda t: 1.0

    def _matrix(self, t: int) -> Floats:
        c, s = np.cos(self.turn(t)), np.sin(self.turn(t))
        return np.array([[c, -s], [s, c]]) / self.zoom(t)

    def to_world(self, t: int, p: Floats) -> Floats:
        centre = np.array([WIDTH / 2, HEIGHT / 2])
        return centre + np.array(self.shift(t)) + (p - centre) @ self._matrix(t).T

    def to_frame(self, t: int, w: Floats) -> Floats:
        centre = np.array([WIDTH / 2, HEIGHT / 2])
        return centre + (w - centre - np.array(self.shift(t))) @ np.linalg.inv(self._matrix(t)).T


@dataclass(frozen=True)
class Thing:
    """A textured rectangle whose upper left corner is at ``path(t)``."""

    height: int
    width: int
    path: Callable[[int], tuple[float, float]]


@dataclass(frozen=True)
class Scene:
    camera: Camera = field(default_factory=Camera)
    things: tuple[Thing, ...] = ()
    seed: int = 0

    def frames(self, num_frames: int) -> list[npt.NDArray[np.uint8]]:
        rng = np.random.default_rng(self.seed)
        world = _texture(rng, 2 * HEIGHT, 2 * WIDTH)
        skins = [_texture(rng, thing.height, thing.width) for thing in self.things]
        x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
        here = np.stack([x, y], axis=-1)
        out = []
        for t in range(num_frames):
            picture = _sample(world, self.camera.to_world(t, here) + np.array([WIDTH / 2, HEIGHT / 2]))
            for thing, skin in zip(self.things, skins, strict=True):
                local = here - np.array(thing.path(t))
                inside = self._covers(thing, t, here)
                picture = np.where(inside, _sample(skin, local), picture)
            out.append(np.clip(picture + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))
        return out

    @staticmethod
    def _covers(thing: Thing, t: int, p: Floats) -> npt.NDArray[np.bool_]:
        local = p - np.array(thing.path(t))
        return np.asarray(((local >= 0) & (local < np.array([thing.width, thing.height]))).all(axis=-1))

    def owner(self, t: int, p: Floats) -> npt.NDArray[np.int64]:
        """Which thing shows at positions (..., xy) of frame t; -1 for the background."""
        out = np.full(p.shape[:-1], -1)
        for i, thing in enumerate(self.things):
            out[self._covers(thing, t, p)] = i
        return out

    def moved(self, t: int, other: int, p: Floats) -> Floats:
        """Where what shows at positions (..., xy) of frame t is in frame ``other``."""
        out = self.camera.to_frame(other, self.camera.to_world(t, p))
        owner = self.owner(t, p)
        for i, thing in enumerate(self.things):
            shift = np.array(thing.path(other)) - np.array(thing.path(t))
            out[owner == i] = p[owner == i] + shift
        return out


def _encode(frames: list[npt.NDArray[np.uint8]], codec: str, options: dict[str, str], gop: int, b_frames: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.time_base = Fraction(1, 30)
        if codec == "mpeg4":
            stream.codec_context.bit_rate = 4_000_000
        stream.options = options
        for array in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@dataclass(frozen=True)
class SyntheticScenes:
    """What the fixture hands to tests: the words above, and the encoder."""

    camera: type[Camera]
    thing: type[Thing]
    scene: type[Scene]
    encode: Callable[..., bytes]


@pytest.fixture(scope="session")
def synthetic() -> SyntheticScenes:
    return SyntheticScenes(Camera, Thing, Scene, _encode)


def _video_row(shard: int, number: int, first: int, count: int, error: str = "") -> dict[str, Any]:
    values = {"string": "", "int32": 0, "int64": 0, "float64": 1.0, "bool": True}
    row: dict[str, Any] = {name: values[dtype] for name, dtype in VIDEO_COLUMNS.items()}
    place = {"shard": shard, "first_frame": first, "num_frames": count, "width": 120, "height": 100}
    message = "cut short" if error else ""
    folder = "ab"[number % 2 if number < 3 else 1]
    return row | place | {
        "path": f"{folder}/{number}.mp4", "label": number % 3, "verb": -1, "noun": -1, "fps": 30.0, "error": error,
        "message": message,
    }  # fmt: skip


@pytest.fixture(scope="session")
def _shards_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Path]:
    """Writes each kind of output once; tests copy it."""

    @cache
    def write(residual: str, finalised: bool) -> Path:
        root = tmp_path_factory.mktemp("shards")
        attributes = {"format": FORMAT, "version": VERSION, "class_names": ["x", "y", "z"], "recipe": {"block": 8}}
        write_json(root / "zarr.json", group_metadata(attributes))
        random = np.random.default_rng(7)
        rows: list[dict[str, Any]] = []
        for shard, counts in enumerate([(20, 9, 70), (33, 25)]):
            starts = np.concatenate([[0], np.cumsum(counts)])
            mine = [_video_row(shard, 3 * shard + i, int(starts[i]), count) for i, count in enumerate(counts)]
            if shard == 0:
                mine.append(_video_row(shard, 9, 0, 0, error="truncated"))
            rows += mine
            _write_shard(root / f"{shard:06d}", mine, sum(counts), residual, random)
        if finalised:
            write_table(root / "videos", VIDEO_COLUMNS, rows)
        return root

    return write


@pytest.fixture
def make_shards(tmp_path: Path, _shards_once: Callable[[str, bool], Path]) -> Callable[..., Path]:
    """Two shards, five videos of 120 x 100 and one that failed, written by the store's own writer."""

    def make(residual: str = "jpeg", finalised: bool = True) -> Path:
        return Path(shutil.copytree(_shards_once(residual, finalised), tmp_path / "shards"))

    return make


def _write_shard(
    folder: Path, rows: list[dict[str, Any]], num_frames: int, residual: str, random: np.random.Generator
) -> None:
    folder.mkdir()
    jpeg = residual == "jpeg"
    affine = {"residual_kind": "coded", "scale_factor": 2 if jpeg else 1, "add_offset": -256 if jpeg else 0}
    arrays = {
        "rgb": FrameArray("rgb", "uint8", (100, 120, 3), JpegFrames(90, "4:2:0")),
        "motion": FrameArray("motion", "int16", (2, 13, 15, 2), ZstdFrames()),
        "ref": FrameArray("ref", "int8", (2, 13, 15), ZstdFrames()),
        "residual": FrameArray("residual", "uint8", (100, 120, 3), JpegFrames(90, "4:4:4"), affine)
        if jpeg
        else FrameArray("residual", "int16", (100, 120, 3), ZstdFrames(), affine),
        "qp": FrameArray("qp", "int8", (7, 8), ZstdFrames()),
    }
    for name, array in arrays.items():
        with FrameArrayWriter(folder, array) as writer:
            for _ in range(num_frames):
                low, high = (-3, 0) if name == "ref" else (0, 100)
                writer.append(array.encode(random.integers(low, high, array.shape).astype(array.dtype)))
            writer.close()
    frames = [
        {
            "picture_type": "P",
            "key_frame": i == 0,
            "pts_seconds": i / 30,
            "num_bytes": 100,
            "damaged": False,
            "video": v,
        }
        for v, row in enumerate(rows)
        for i in range(row["num_frames"])
    ]
    write_table(folder / "frames", FRAME_COLUMNS, frames)
    write_json(folder / "zarr.json", group_metadata({"format": FORMAT, "version": VERSION, "videos": rows}))
