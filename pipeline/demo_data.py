"""A labelled set of videos whose motion is known: a random texture under a moving camera, one motion per class.

Everything follows from the seed. Clips are encoded with H.264 and MPEG-4 Part 2 by turns and lie in one folder per
class; ``motion.csv`` beside the folders holds what each clip really does.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
import numpy.typing as npt

_TEXTURE_SIDE: Final = 256
_FPS: Final = 25
Encoder = Literal["libx264", "mpeg4"]
_ENCODERS: Final[tuple[tuple[Encoder, str], ...]] = (("libx264", "mp4"), ("mpeg4", "avi"))


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """What the content does from one frame to the next: x to the right, y down, angles clockwise as seen."""

    dx_px: float = 0.0
    dy_px: float = 0.0
    zoom_percent: float = 0.0
    rotation_degrees: float = 0.0

    def scaled(self, factor: float) -> CameraMotion:
        return CameraMotion(*(factor * value for value in astuple(self)))


CLASSES: Final[Mapping[str, CameraMotion]] = {
    "down": CameraMotion(dy_px=2.0),
    "left": CameraMotion(dx_px=-2.0),
    "right": CameraMotion(dx_px=2.0),
    "rotate_clockwise": CameraMotion(rotation_degrees=1.0),
    "rotate_counterclockwise": CameraMotion(rotation_degrees=-1.0),
    "up": CameraMotion(dy_px=-2.0),
    "zoom_in": CameraMotion(zoom_percent=1.5),
    "zoom_out": CameraMotion(zoom_percent=-1.5),
}
"""The motion of each class at its middle speed."""


@dataclass(frozen=True, slots=True)
class DemoClip:
    """One clip to make; ``seed`` is its texture's."""

    path: str
    label: str
    codec: Encoder
    motion: CameraMotion
    seed: int


def demo_clips(num_clips: int, seed: int) -> list[DemoClip]:
    """The clips of a set, classes and codecs by turns; a longer set begins with the clips of a shorter one."""
    names = sorted(CLASSES)
    clips = []
    for number in range(num_clips):
        label = names[number % len(names)]
        codec, suffix = _ENCODERS[(number // len(names)) % 2]
        speed = float(np.random.default_rng([seed, number]).uniform(0.6, 1.4))
        path = f"{label}/{number:05d}.{suffix}"
        clips.append(DemoClip(path, label, codec, CLASSES[label].scaled(speed), seed))
    return clips


def make_demo_set(
    out: Path, *, num_clips: int = 16, num_frames: int = 32, width: int = 176, height: int = 144, seed: int = 0
) -> list[DemoClip]:
    """Write a set below ``out`` and return its clips. Raises FileExistsError when ``out`` is there and not empty."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out}: expected a new or empty folder")
    clips = demo_clips(num_clips, seed)
    out.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate(clips):
        path = out / clip.path
        path.parent.mkdir(exist_ok=True)
        texture = random_texture(np.random.default_rng([seed, number, 1]))
        write_video(path, clip.codec, camera_frames(texture, clip.motion, num_frames, width, height))
    with (out / "motion.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "codec", *(f.name for f in fields(CameraMotion))])
        writer.writeheader()
        writer.writerows(_csv_row(clip) for clip in clips)
    return clips


def _csv_row(clip: DemoClip) -> dict[str, Any]:
    numbers = {name: f"{value:.4f}" for name, value in asdict(clip.motion).items()}
    return {"path": clip.path, "label": clip.label, "codec": clip.codec, **numbers}


def random_texture(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A coloured cloud pattern that repeats without a seam, float32 ``(side, side, 3)`` of 16 to 240."""
    side = _TEXTURE_SIDE
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)) * side
    # Fine enough for blocks to be told apart, smooth enough to be moved by parts of a pixel.
    amplitude = np.where((frequency > 2) & (frequency < 40), 1 / np.maximum(frequency, 1), 0)
    planes = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * amplitude) for _ in range(3)]
    grey, *tints = (plane / plane.std() for plane in planes)
    rgb = np.stack([grey + 0.3 * tints[0], grey, grey + 0.3 * tints[1]], axis=-1)
    return np.asarray(np.clip(128 + 45 * rgb, 16, 240), np.float32)


def camera_frames(
    texture: npt.NDArray[np.float32], motion: CameraMotion, num_frames: int, width: int, height: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames uint8 ``(height, width, 3)`` of a texture under ``motion``, about the centre of the picture."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x -= (width - 1) / 2
    y -= (height - 1) / 2
    for t in range(num_frames):
        scale = (1 + motion.zoom_percent / 100) ** -t
        angle = -np.deg2rad(motion.rotation_degrees) * t
        source_x = scale * (np.cos(angle) * x - np.sin(angle) * y) - motion.dx_px * t
        source_y = scale * (np.sin(angle) * x + np.cos(angle) * y) - motion.dy_px * t
        yield _sample(texture, source_x, source_y)


def _sample(
    texture: npt.NDArray[np.float32], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Bilinear, and repeating beyond the edges."""
    side = texture.shape[0]
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    along, down = (x - left)[..., None], (y - top)[..., None]
    rows, columns = (top % side, (top + 1) % side), (left % side, (left + 1) % side)
    upper = texture[rows[0], columns[0]] * (1 - along) + texture[rows[0], columns[1]] * along
    lower = texture[rows[1], columns[0]] * (1 - along) + texture[rows[1], columns[1]] * along
    return np.asarray(np.rint(upper * (1 - down) + lower * down), np.uint8)


def write_video(path: Path, codec: Encoder, frames: Iterator[npt.NDArray[np.uint8]]) -> None:
    """Encode RGB frames with one of PyAV's encoders, the same bytes every time."""
    options = {"preset": "veryfast", "crf": "20"} if codec == "libx264" else {"qscale": "3", "flags": "+qscale"}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=_FPS, options=options)
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 16
        stream.codec_context.thread_count = 1
        for number, rgb in enumerate(frames):
            if number == 0:
                stream.height, stream.width = rgb.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
