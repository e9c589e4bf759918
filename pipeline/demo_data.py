"""Labelled sets of videos whose motion is known, made from a seed.

Two kinds. In ``camera`` a texture lies under a moving camera, one motion per class: motion in its plainest form. In
``objects`` textured discs move over a textured background while the camera pans at random, and a class is what the
discs do *relative to the background*. Textures, places, sizes and the camera are drawn in the same way for every class:
the picture halfway through a clip says nothing about its class. Of pictures far from there only the size of the discs
says a little, and only of ``approach`` and ``recede``. Motion carries the label.

Clips lie in one folder per class. ``motion.csv`` beside the folders holds what camera and discs do from frame to frame,
``discs.csv`` where the discs are halfway through the clip.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
import numpy.typing as npt

from videotx.pipeline.demo_scene import (
    BACKGROUND_SIDE,
    DISC_TEXTURE_SIDE,
    Disc,
    Scene,
    SteadyMotion,
    random_texture,
)
from videotx.pipeline.executors import Executor, InlineExecutor

_FPS: Final = 25
Encoder = Literal["libx264", "mpeg4"]
ENCODERS: Final[Mapping[Encoder, str]] = {"libx264": "mp4", "mpeg4": "avi"}
"""PyAV's encoder and the suffix of its files."""
CODECS: Final[Mapping[str, tuple[Encoder, ...]]] = {
    "both": ("libx264", "mpeg4"),
    "h264": ("libx264",),
    "mpeg4": ("mpeg4",),
}
"""Which encoders take turns."""


@dataclass(frozen=True, slots=True)
class DemoKind:
    """What clips of a kind have in common; ``classes`` are the motions at their middle speed.

    The classes' motion is the camera's where there are no discs. Otherwise it is the discs', and the camera pans in any
    direction by up to ``pan_px`` a frame.
    """

    classes: Mapping[str, SteadyMotion]
    width: int
    height: int
    num_frames: int
    speed: tuple[float, float]
    num_discs: int = 0
    radius_px: tuple[float, float] = (0.0, 0.0)
    pan_px: float = 0.0


KINDS: Final[Mapping[str, DemoKind]] = {
    "camera": DemoKind(
        classes={
            "down": SteadyMotion(dy_px=2.0),
            "left": SteadyMotion(dx_px=-2.0),
            "right": SteadyMotion(dx_px=2.0),
            "rotate_clockwise": SteadyMotion(rotation_degrees=1.0),
            "rotate_counterclockwise": SteadyMotion(rotation_degrees=-1.0),
            "up": SteadyMotion(dy_px=-2.0),
            "zoom_in": SteadyMotion(zoom_percent=1.5),
            "zoom_out": SteadyMotion(zoom_percent=-1.5),
        },
        width=176,
        height=144,
        num_frames=32,
        speed=(0.6, 1.4),
    ),
    "objects": DemoKind(
        classes={
            "approach": SteadyMotion(zoom_percent=3.0),
            "down": SteadyMotion(dy_px=1.2),
            "down_fast": SteadyMotion(dy_px=3.0),
            "left": SteadyMotion(dx_px=-1.2),
            "left_fast": SteadyMotion(dx_px=-3.0),
            "recede": SteadyMotion(zoom_percent=-3.0),
            "right": SteadyMotion(dx_px=1.2),
            "right_fast": SteadyMotion(dx_px=3.0),
            "rotate_clockwise": SteadyMotion(rotation_degrees=5.0),
            "rotate_counterclockwise": SteadyMotion(rotation_degrees=-5.0),
            "up": SteadyMotion(dy_px=-1.2),
            "up_fast": SteadyMotion(dy_px=-3.0),
        },
        width=128,
        height=128,
        num_frames=20,
        speed=(0.8, 1.2),
        num_discs=3,
        radius_px=(20.0, 30.0),
        pan_px=1.5,
    ),
}


@dataclass(frozen=True, slots=True)
class DemoClip:
    """One clip to make. ``camera`` moves the picture, ``motion`` the ``discs`` over it; discs are those of half time.

    ``texture_seed`` is what its textures are drawn from.
    """

    path: str
    label: str
    codec: Encoder
    camera: SteadyMotion
    motion: SteadyMotion
    discs: tuple[Disc, ...]
    texture_seed: tuple[int, ...]

    def scene(self, width: int, height: int) -> Scene:
        """Its pictures; time 0 is half time."""
        rng = np.random.default_rng(self.texture_seed)
        background = random_texture(rng, BACKGROUND_SIDE)
        textures = tuple(random_texture(rng, DISC_TEXTURE_SIDE) for _ in self.discs)
        return Scene(width, height, self.camera, self.motion, self.discs, background, textures)


def demo_clips(
    kind: DemoKind, num_clips: int, seed: int, codecs: tuple[Encoder, ...] = CODECS["both"]
) -> list[DemoClip]:
    """The clips of a set, classes and codecs by turns; a longer set begins with the clips of a shorter one."""
    names = sorted(kind.classes)
    clips = []
    for number in range(num_clips):
        label = names[number % len(names)]
        codec = codecs[(number // len(names)) % len(codecs)]
        rng = np.random.default_rng([seed, number])
        motion, camera, discs = kind.classes[label].scaled(float(rng.uniform(*kind.speed))), SteadyMotion(), []
        if not kind.num_discs:
            motion, camera = camera, motion
        else:
            angle, pan = rng.uniform(0, 2 * np.pi), rng.uniform(0, kind.pan_px)
            camera = SteadyMotion(float(pan * np.cos(angle)), float(pan * np.sin(angle)))
        for _ in range(kind.num_discs):
            x, y = rng.uniform(-0.5, 0.5, 2) * (kind.width, kind.height)
            discs.append(Disc(float(x), float(y), float(rng.uniform(*kind.radius_px))))
        path = f"{label}/{number:05d}.{ENCODERS[codec]}"
        clips.append(DemoClip(path, label, codec, camera, motion, tuple(discs), (seed, number, 1)))
    return clips


@dataclass(frozen=True, slots=True)
class _WriteClip:
    """The task of writing one clip."""

    out: Path
    clip: DemoClip
    width: int
    height: int
    num_frames: int


def make_demo_set(
    out: Path,
    *,
    kind: DemoKind = KINDS["camera"],
    num_clips: int = 16,
    num_frames: int | None = None,
    width: int | None = None,
    height: int | None = None,
    seed: int = 0,
    codecs: tuple[Encoder, ...] = CODECS["both"],
    executor: Executor | None = None,
    after_clip: Callable[[], object] = lambda: None,
) -> list[DemoClip]:
    """Write a set below ``out`` and return its clips.

    Sizes and ``num_frames`` are the kind's unless given; ``after_clip`` is called for each clip written. Raises
    FileExistsError when ``out`` is there and not an empty folder, RuntimeError when a clip could not be written.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(f"{out}: expected a new or empty folder")
    kind = replace(
        kind,
        num_frames=num_frames or kind.num_frames,
        width=width or kind.width,
        height=height or kind.height,
    )
    clips = demo_clips(kind, num_clips, seed, codecs)
    for label in {clip.label for clip in clips}:
        (out / label).mkdir(parents=True, exist_ok=True)
    jobs = [_WriteClip(out, clip, kind.width, kind.height, kind.num_frames) for clip in clips]
    for outcome in (executor or InlineExecutor()).run(_write_clip, jobs):
        if outcome.error:
            raise RuntimeError(f"{outcome.job.clip.path}: {outcome.error}")
        after_clip()
    _write_table(out / "motion.csv", (_motion_row(clip) for clip in clips))
    rows = [{"path": clip.path, **_rounded(asdict(disc))} for clip in clips for disc in clip.discs]
    if rows:
        _write_table(out / "discs.csv", rows)
    return clips


def _write_clip(job: _WriteClip) -> None:
    scene = job.clip.scene(job.width, job.height)
    frames = scene.frames(job.num_frames, start=-(job.num_frames - 1) / 2)
    write_video(job.out / job.clip.path, job.clip.codec, frames)


def _motion_row(clip: DemoClip) -> dict[str, Any]:
    discs = {f"disc_{field.name}": getattr(clip.motion, field.name) for field in fields(SteadyMotion)}
    named = {"path": clip.path, "label": clip.label, "codec": clip.codec}
    return named | _rounded(asdict(clip.camera)) | (_rounded(discs) if clip.discs else {})


def _rounded(numbers: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.4f}" for name, value in numbers.items()}


def _write_table(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_video(path: Path, codec: Encoder, frames: Iterator[npt.NDArray[np.uint8]]) -> None:
    """Encode RGB frames with one of PyAV's encoders, B-frames included, the same bytes every time."""
    # libx264's own defaults: three references, up to three B-frames, subpixel motion of all partitions. Its fast
    # macroblock-tree code rounds otherwise from run to run and from CPU to CPU; `cpu-independent` takes the exact one.
    h264 = {"preset": "medium", "crf": "23", "x264-params": "cpu-independent=1"}
    options = h264 if codec == "libx264" else {"qscale": "3", "flags": "+qscale"}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=_FPS, options=options)
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 250
        stream.codec_context.thread_count = 1
        if codec == "mpeg4":
            stream.codec_context.max_b_frames = 2
        for number, rgb in enumerate(frames):
            if number == 0:
                stream.height, stream.width = rgb.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
