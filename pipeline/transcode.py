"""Canonical transcodes: one source file in, one file with usable motion vectors out.

A preset states what the re-encoded stream may contain. Audio, subtitles and data are dropped; the video keeps its time
stamps, its frame count and its rotation tag; interlaced frames are deinterlaced in place; pixels become 8-bit 4:2:0 of
limited range with their colour matrix kept.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

import ffmpeg

from videotx.extract.errors import EmptyFileError, ExtractionTimeoutError, MissingFileError, VideoError
from videotx.pipeline.ffmpeg import Ffmpeg

MESSAGE_BYTES: Final = 600
"""How much of ffmpeg's own last words an error carries."""


class TranscodeError(VideoError, RuntimeError):
    """ffmpeg could not make the output; the message ends with its last words."""

    code: ClassVar[str] = "transcode_failed"


@dataclass(frozen=True, slots=True)
class Preset:
    """What a transcode keeps and costs.

    ``size`` is the scale filter's (width, height) expression; ``encoder`` holds ffmpeg's output options. ``time_base``
    replaces the source's where the codec cannot hold that (stamps are then rounded to it). ``keeps`` and ``costs`` are
    for people who choose.
    """

    name: str
    size: tuple[str, str]
    encoder: Mapping[str, str | int] = field(hash=False)
    time_base: str | None
    keeps: str
    costs: str


_SHORT_SIDE_256: Final = ("if(gt(iw,ih),-2,256)", "if(gt(iw,ih),256,-2)")

PRESETS: Final[Mapping[str, Preset]] = {
    preset.name: preset
    for preset in (
        Preset(
            name="h264",
            size=_SHORT_SIDE_256,
            encoder={"c:v": "libx264", "preset": "medium", "crf": 18},
            time_base=None,
            keeps="short side 256; references, B-frames and weights as x264 chooses by default",
            costs="the smallest files; references need the native reader to be exact",
        ),
        Preset(
            name="simple",
            size=_SHORT_SIDE_256,
            encoder={
                "c:v": "libx264",
                "preset": "medium",
                "crf": 18,
                "bf": 0,
                "refs": 1,
                "x264-params": "weightp=0:no-deblock=1",
            },
            time_base=None,
            keeps="short side 256; one reference, no B-frames, no weights, no loop filter: every vector one frame back",
            costs="larger files than h264 at the same quality, and visible block edges at low rates",
        ),
        Preset(
            name="coviar",
            size=("340", "256"),
            encoder={"c:v": "mpeg4", "q:v": 1, "qmin": 1, "g": 12, "bf": 0, "sc_threshold": 1000000000},
            time_base="1/60000",  # vop_time_increment_resolution has 16 bits; this one holds 25, 29.97, 30, 60 exactly
            keeps="340x256 whatever the aspect, MPEG-4 Part 2, a key frame every 12 frames, I and P only",
            costs="several times the bytes; for comparison with the CoViAR literature",
        ),
    )
}


def transcode_command(program: Ffmpeg, source: Path, target: Path, preset: Preset) -> list[str]:
    """The whole ffmpeg command line. One thread: parallelism is over files, and the output is then deterministic."""
    width, height = preset.size
    video = (
        ffmpeg.input(str(source), noautorotate=None)["v:0"]
        .filter("bwdif", mode="send_frame", parity="auto", deint="interlaced")
        .filter("scale", width, height, flags="bicubic", out_range="tv")
        .filter("format", "yuv420p")
    )
    if preset.time_base is not None:
        video = video.filter("settb", preset.time_base)
    output = ffmpeg.output(
        video,
        str(target),
        **preset.encoder,
        **{"threads": 1, "fps_mode": "passthrough", "enc_time_base": "filter", "movflags": "+faststart", "f": "mp4"},
    ).global_args("-hide_banner", "-nostdin", "-loglevel", "error", "-y")
    return [str(word) for word in output.compile(cmd=program.path)]


def transcode_file(
    program: Ffmpeg, source: Path, target: Path, preset: Preset, timeout_seconds: float | None = None
) -> None:
    """Transcode ``source`` to ``target``, which exists only when it is whole.

    The work is written under a temporary name in the same folder, synced and renamed.

    Raises:
        MissingFileError, EmptyFileError: there is nothing to read.
        ExtractionTimeoutError: it took longer than ``timeout_seconds``.
        TranscodeError: ffmpeg failed, or made no frame.
    """
    if not source.is_file():
        raise MissingFileError(source, "expected a file, found none")
    if source.stat().st_size == 0:
        raise EmptyFileError(source, "expected a video, got a file of 0 bytes")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _run(transcode_command(program, source, partial, preset), source, timeout_seconds)
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def _run(command: list[str], source: Path, timeout_seconds: float | None) -> None:
    try:
        result = subprocess.run(command, capture_output=True, check=False, timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        raise ExtractionTimeoutError(source, f"transcoding took longer than {timeout_seconds:g} s") from error
    if result.returncode != 0:
        words = (
            " | ".join(result.stderr[-MESSAGE_BYTES:].decode(errors="replace").split("\n")).strip(" |")
            or "it said nothing"
        )
        raise TranscodeError(source, f"ffmpeg ended with status {result.returncode}: {words}")
