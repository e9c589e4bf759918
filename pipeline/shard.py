"""Write one shard: a pure function of its job, run by exactly one task, re-runnable, invisible until whole."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from videotx.extract.errors import CoverageLostError, ReaderMismatchError, VideoError
from videotx.pipeline.encode import EncodedFrame, Probe, VideoFacts
from videotx.pipeline.ffmpeg import find_ffmpeg
from videotx.pipeline.isolation import DecoderProcess, Limits, VideoFailedError, worker_decoder
from videotx.pipeline.layout import Layout
from videotx.pipeline.plan import PlannedVideo, ShardPlan
from videotx.pipeline.presets import PRESETS
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.shard_file import FrameArrayWriter, WrittenArray, sync_folder, sync_folders, write_json
from videotx.pipeline.store import FORMAT, FRAME_COLUMNS, VERSION, group_metadata
from videotx.pipeline.tables import write_table
from videotx.pipeline.transcode import Transcode, transcode_probed

# What of a video shows that only libavcodec can read it, too late for the reader to change over.
_NATIVE_GAVE_UP: Final = frozenset({CoverageLostError.code, ReaderMismatchError.code})


@dataclass(frozen=True, slots=True)
class ShardJob:
    """All that writing a shard depends on; small enough to send to another machine."""

    output: str
    source_root: str
    recipe: Recipe
    limits: Limits
    plan: ShardPlan


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """What a task reports: counts, never arrays."""

    shard: int
    num_videos: int
    failures: tuple[str, ...]
    num_frames: int
    num_bytes: int
    seconds: float


def run_shard(job: ShardJob, decoder: DecoderProcess | None = None) -> ShardRecord:
    """Write the shard of ``job`` and report it. Videos that fail are rows of it; what else goes wrong is raised.

    ``decoder`` is this thread's own decoding process when None.
    """
    started = time.monotonic()
    layout = Layout(Path(job.output))
    # What is in the shard's folder becomes the shard, so that files made on the way lie in another.
    with _unfinished_shard(layout, job.plan.number) as folder, _unfinished_shard(layout, job.plan.number) as scratch:
        record = _ShardWriter(job, folder, scratch).write(decoder or worker_decoder(job.limits))
        sync_folders(folder)
        try:
            folder.rename(layout.shard(job.plan.number))
        except OSError:
            # Another task wrote the same shard first: a scheduler may run one twice when it loses sight of a worker.
            if not layout.is_written(job.plan.number):
                raise
        sync_folder(layout.output)
    rows, num_bytes = record
    return ShardRecord(
        shard=job.plan.number,
        num_videos=len(rows),
        failures=tuple(row["error"] for row in rows if row["error"]),
        num_frames=sum(row["num_frames"] for row in rows),
        num_bytes=num_bytes,
        seconds=time.monotonic() - started,
    )


@contextmanager
def _unfinished_shard(layout: Layout, number: int) -> Iterator[Path]:
    """A new folder on the output's file system, removed on the way out unless it was renamed."""
    _remove_leftovers(layout, number)
    folder = layout.partial / f"{number:06d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(layout: Layout, number: int) -> None:
    """Remove what processes of this machine that are no more left of a shard."""
    for folder in layout.partial.glob(f"{number:06d}.{socket.gethostname()}.*"):
        pid = folder.name.split(".")[-2]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


class _ShardWriter:
    def __init__(self, job: ShardJob, folder: Path, scratch: Path) -> None:
        self._job = job
        self._folder = folder
        self._scratch = scratch
        self._made_from: Path | None = None
        first = job.plan.videos[0]
        self._size = (first.width, first.height)
        self._residual_kind = first.residual_kind
        self._arrays = job.recipe.arrays(*self._size, self._residual_kind)
        self._frames: list[dict[str, Any]] = []
        self._rows: list[dict[str, Any]] = []

    def write(self, decoder: DecoderProcess) -> tuple[list[dict[str, Any]], int]:
        with ExitStack() as stack:
            writers = [stack.enter_context(FrameArrayWriter(self._folder, array)) for array in self._arrays]
            for video in self._job.plan.videos:
                self._rows.append(self._add_video(video, writers, decoder))
            written = {writer.declaration.name: writer.close() for writer in writers}
        write_table(self._folder / "frames", FRAME_COLUMNS, self._frames)
        write_json(self._folder / "zarr.json", group_metadata(self._attributes(written)))
        return self._rows, sum(array.num_bytes for array in written.values())

    def _add_video(
        self, video: PlannedVideo, writers: list[FrameArrayWriter], decoder: DecoderProcess
    ) -> dict[str, Any]:
        """Append a whole video, by libav where the native reader gave up in its middle, or nothing of it."""
        first_frame = len(self._frames)
        note = ""
        try:
            try:
                facts = self._append_video(video, writers, decoder, self._job.recipe)
            except VideoFailedError as failure:
                note = self._why_libav(video, failure)
                facts = self._append_video(video, writers, decoder, replace(self._job.recipe, reader="libav"))
        except VideoFailedError as failure:
            return failed_row(video, failure.code, failure.message)
        frames = self._frames[first_frame:]
        return _common_row(video) | {
            "first_frame": first_frame,
            "num_frames": len(frames),
            "num_damaged": sum(frame["damaged"] for frame in frames),
            **asdict(facts),
            "warnings": "; ".join(filter(None, (video.message, note, facts.warnings))),
        }

    def _why_libav(self, video: PlannedVideo, failure: VideoFailedError) -> str:
        """The warning under which libav may read the video anew. Raises ``failure`` where it may not, or cannot."""
        recipe = self._job.recipe
        if failure.code not in _NATIVE_GAVE_UP or recipe.reader != "auto":
            raise failure
        if "residual" in recipe.streams and video.residual_kind == "coded":
            # An array of residuals holds one kind.
            message = f"{failure.message}; libav can read it, but without the coded residual"
            raise VideoFailedError(failure.code, message) from failure
        return f"read by libav, since the native reader gave up: {failure.message}"

    def _append_video(
        self, video: PlannedVideo, writers: list[FrameArrayWriter], decoder: DecoderProcess, recipe: Recipe
    ) -> VideoFacts:
        first_frame = len(self._frames)
        positions = [writer.position for writer in writers]
        try:
            facts = self._append_frames(video, writers, decoder, recipe)
            if len(self._frames) == first_frame:
                raise VideoFailedError("no_frames", "expected at least one frame, not one came out")
        except VideoFailedError:
            for writer, position in zip(writers, positions, strict=True):
                writer.rewind(position)
            del self._frames[first_frame:]
            raise
        return facts

    def _append_frames(
        self, video: PlannedVideo, writers: list[FrameArrayWriter], decoder: DecoderProcess, recipe: Recipe
    ) -> VideoFacts:
        path = str(self._transcoded(video, decoder) if video.preset else Path(self._job.source_root, video.path))
        expected = Probe(video.width, video.height, video.residual_kind, video.expected_frames)
        for item in decoder.encode(path, recipe, expected, video.range):
            if isinstance(item, VideoFacts):
                return item
            for writer, data in zip(writers, item.arrays, strict=True):
                writer.append(data)
            self._frames.append(_frame_row(item, len(self._rows)))
        raise RuntimeError(f"{path}: the decoding process ended its answer without a result")

    def _transcoded(self, video: PlannedVideo, decoder: DecoderProcess) -> Path:
        """The video made anew by its preset; its neighbours of the same file find it there."""
        source = Path(self._job.source_root, video.path)
        target = self._scratch / "video.mp4"
        if self._made_from != source:
            self._made_from = None
            try:
                transcode_probed(decoder, find_ffmpeg(), Transcode(source, target, PRESETS[video.preset]))
            except VideoError as error:
                raise VideoFailedError(error.code, error.message) from error
            self._made_from = source
        return target

    def _attributes(self, written: dict[str, WrittenArray]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "shard": self._job.plan.number,
            "num_frames": len(self._frames),
            "num_videos": len(self._rows),
            "width": self._size[0],
            "height": self._size[1],
            "residual_kind": self._residual_kind,
            "checksums": {
                name: {"num_bytes": array.num_bytes, "crc32c": f"{array.crc32c:08x}"} for name, array in written.items()
            },
            "videos": self._rows,
        }


def _frame_row(frame: EncodedFrame, video: int) -> dict[str, Any]:
    return {
        "picture_type": frame.picture_type,
        "key_frame": frame.key_frame,
        "pts_seconds": frame.pts_seconds,
        "num_bytes": frame.num_bytes,
        "damaged": frame.damaged,
        "video": video,
    }


def _common_row(video: PlannedVideo) -> dict[str, Any]:
    return {
        "path": video.path,
        "label": video.label,
        "split": video.split,
        "verb": video.verb,
        "noun": video.noun,
        "actions": video.actions,
        "segment": video.segment,
        "start_seconds": video.start_seconds,
        "stop_seconds": video.stop_seconds,
        "shard": video.shard,
        "first_frame": 0,
        "num_frames": 0,
        "width": video.width,
        "height": video.height,
        "fps": None,
        "codec": "",
        "profile": "",
        "source_codec": "",
        "preset": video.preset,
        "reader": "",
        "motion_exact": False,
        "residual_kind": "",
        "rotation_degrees": 0,
        "sample_aspect_ratio": None,
        "num_damaged": 0,
        "source_bytes": video.source_bytes,
        "warnings": "",
        "error": "",
        "message": "",
    }


def row_key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What :attr:`PlannedVideo.key` is for a row of the table of videos."""
    return row["path"], row["segment"]


def failed_row(video: PlannedVideo, code: str, message: str) -> dict[str, Any]:
    """The row of a video of which nothing is stored."""
    return _common_row(video) | {"error": code, "message": message}
