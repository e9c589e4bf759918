"""Canonical transcodes: one source file in, one file with usable motion vectors out.

A preset states what the re-encoded stream may contain. Audio, subtitles and data are dropped; the video keeps its time
stamps, its frame count and its rotation tag; interlaced frames are deinterlaced in place; pixels become 8-bit 4:2:0 of
limited range with their colour matrix kept. The file says itself what it was made of and how (:class:`Origin`).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, ClassVar, Final

import ffmpeg

from videotx.extract.errors import (
    EmptyFileError,
    ExtractionTimeoutError,
    MemoryLimitError,
    MissingFileError,
    VideoError,
)
from videotx.pipeline.ffmpeg import Ffmpeg
from videotx.pipeline.isolation import DecoderProcess, Limits, resident_bytes
from videotx.pipeline.presets import Origin, Preset
from videotx.pipeline.recipe import Recipe

MESSAGE_BYTES: Final = 600
"""How much of ffmpeg's own last words an error carries."""

_WATCH_SECONDS: Final = 0.25


class TranscodeError(VideoError, RuntimeError):
    """ffmpeg could not make the output; the message ends with its last words."""

    code: ClassVar[str] = "transcode_failed"


@dataclass(frozen=True, slots=True)
class Transcode:
    """One file to make out of another.

    ``source_codec`` is what the new file shall say of its source; ``num_frames`` ends it early. ``fps`` takes the place
    of the source's times: of a bare MPEG-4 stream, whose pictures ffmpeg's program puts a tick of its clock apart.
    """

    source: Path
    target: Path
    preset: Preset
    source_codec: str = "unknown"
    num_frames: int | None = None
    fps: float | None = None


def transcode_command(program: Ffmpeg, work: Transcode) -> list[str]:
    """The whole ffmpeg command line. One thread: parallelism is over files, and the output is then deterministic.

    On stdout comes ffmpeg's progress.
    """
    preset = work.preset
    width, height = preset.scale
    video = (
        ffmpeg.input(str(work.source), noautorotate=None, **({} if work.fps is None else {"r": work.fps}))["v:0"]
        .filter("bwdif", mode="send_frame", parity="auto", deint="interlaced")
        .filter("scale", width, height, flags="bicubic", out_range="tv")
        .filter("format", "yuv420p")
    )
    if preset.time_base is not None:
        video = video.filter("settb", preset.time_base)
    settings = {
        "threads": 1,
        "fps_mode": "passthrough",
        "enc_time_base": "filter",
        "metadata": f"comment={Origin(preset.name, work.source_codec).comment()}",
        "movflags": "+faststart",
        "f": "mp4",
    }
    if work.num_frames is not None:
        settings["frames:v"] = work.num_frames
    output = ffmpeg.output(video, str(work.target), **preset.encoder, **settings).global_args(
        "-hide_banner", "-nostdin", "-loglevel", "error", "-nostats", "-progress", "pipe:1", "-y"
    )
    return [str(word) for word in output.compile(cmd=program.path)]


def transcode_probed(decoder: DecoderProcess, program: Ffmpeg, work: Transcode) -> None:
    """Like :func:`transcode_file`, but read the header first, in a child process, and say the source's codec.

    So what is no video fails with the same code as in an extraction: raises VideoFailedError too.
    """
    probe = decoder.probe(str(work.source), Recipe(streams=("rgb",)))
    fps = probe.fps if probe.bare_mpeg4 and probe.fps else None
    transcode_file(program, replace(work, source_codec=probe.codec, fps=fps), decoder.limits)


def transcode_file(program: Ffmpeg, work: Transcode, limits: Limits | None = None) -> None:
    """Make ``work.target``, which exists only when it is whole.

    It is written under a temporary name in the same folder, synced and renamed.

    Raises:
        MissingFileError, EmptyFileError: there is nothing to read.
        ExtractionTimeoutError, MemoryLimitError: ``limits`` were passed.
        TranscodeError: ffmpeg failed, or made no frame.
    """
    source, target = work.source, work.target
    if not source.is_file():
        raise MissingFileError(source, "expected a file, found none")
    if source.stat().st_size == 0:
        raise EmptyFileError(source, "expected a video, got a file of 0 bytes")
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    partial = target.with_name(f".{target.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        _run(transcode_command(program, replace(work, target=partial)), source, limits or Limits())
        if not partial.is_file():
            raise TranscodeError(source, "ffmpeg ended well, but wrote no file")
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def _remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine that are no more left of a target."""
    start = f".{target.name}.{socket.gethostname()}."
    for path in target.parent.iterdir():
        if path.name.startswith(start) and not Path(f"/proc/{path.name.split('.')[-2]}").exists():
            path.unlink(missing_ok=True)


def _run(command: list[str], source: Path, limits: Limits) -> None:
    wrapped = [sys.executable, "-m", "videotx.pipeline.die_with", str(os.getpid()), *command]
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(wrapped, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        try:
            _watch(process, source, limits)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if process.returncode != 0:
            said = _last_words(stderr)
            raise TranscodeError(source, f"ffmpeg ended with status {process.returncode}: {said or 'it said nothing'}")


def _watch(process: subprocess.Popen[bytes], source: Path, limits: Limits) -> None:
    """Wait for the end of ffmpeg. Raises when it makes no frame for too long, or grows too large."""
    stdout = process.stdout
    if stdout is None:
        raise RuntimeError("ffmpeg was started without a pipe")
    last, deadline = b"", time.monotonic() + limits.timeout_seconds
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_WATCH_SECONDS):
                said = os.read(stdout.fileno(), 1 << 16)
                if not said:
                    break
                frame = said.rpartition(b"frame=")[2].split(b"\n", 1)[0]
                if frame != last:
                    last, deadline = frame, time.monotonic() + limits.timeout_seconds
            if resident_bytes(process.pid) > limits.memory_bytes:
                raise MemoryLimitError(
                    source, f"transcoding needed more than the {limits.memory_bytes >> 20} MiB allowed"
                )
            if time.monotonic() > deadline:
                raise ExtractionTimeoutError(source, f"transcoding made no frame for {limits.timeout_seconds:g} s")
    process.wait()


def _last_words(stderr: IO[bytes]) -> str:
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - MESSAGE_BYTES))
    return " | ".join(stderr.read().decode(errors="replace").split("\n")).strip(" |")
