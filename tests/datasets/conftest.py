"""Scenes whose motion is known: textures that a camera passes over and objects that move before them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch

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
