"""Read the headers of source files, each in a child process: a header can crash a demuxer as well as a frame can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videotx.pipeline.isolation import Limits, VideoFailedError, worker_decoder
from videotx.pipeline.plan import NO_SHARD, PlannedVideo
from videotx.pipeline.recipe import Recipe


@dataclass(frozen=True, slots=True)
class ProbeJob:
    """Some files of a source: paths relative to its root, and their labels' numbers."""

    source_root: str
    files: tuple[tuple[str, int], ...]
    recipe: Recipe
    limits: Limits


def probe_files(job: ProbeJob) -> list[PlannedVideo]:
    """One planned video per file, in order, not yet in a shard."""
    return [_probe(job, path, label) for path, label in job.files]


def _probe(job: ProbeJob, path: str, label: int) -> PlannedVideo:
    full = Path(job.source_root, path)
    size = full.stat().st_size if full.exists() else 0
    try:
        found = worker_decoder(job.limits).probe(str(full), job.recipe)
    except VideoFailedError as failure:
        return PlannedVideo(path, label, NO_SHARD, 0, 0, "", 0, size, failure.code, failure.message)
    return PlannedVideo(
        path=path,
        label=label,
        shard=NO_SHARD,
        width=found.width,
        height=found.height,
        residual_kind=found.residual_kind,
        expected_frames=found.expected_frames,
        source_bytes=size,
        error="",
        message=found.note,
    )


def probe_jobs(
    source_root: Path, files: Sequence[tuple[str, int]], recipe: Recipe, limits: Limits, files_per_job: int = 64
) -> list[ProbeJob]:
    """Cut the files into tasks."""
    root = str(source_root.absolute())
    return [
        ProbeJob(root, tuple(files[start : start + files_per_job]), recipe, limits)
        for start in range(0, len(files), files_per_job)
    ]
