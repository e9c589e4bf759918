"""Read the headers of source files, each in a child process: a header can crash a demuxer as well as a frame can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videotx.pipeline.executors import Executor
from videotx.pipeline.isolation import Limits, VideoFailedError, worker_decoder
from videotx.pipeline.plan import ProbedFile
from videotx.pipeline.recipe import Recipe


@dataclass(frozen=True, slots=True)
class ProbeJob:
    """Some files of a source, by paths relative to its root."""

    source_root: str
    paths: tuple[str, ...]
    recipe: Recipe
    limits: Limits


def probe_files(job: ProbeJob) -> list[ProbedFile]:
    """What each file's header says, in order."""
    return [_probe(job, path) for path in job.paths]


def _probe(job: ProbeJob, path: str) -> ProbedFile:
    full = Path(job.source_root, path)
    size = full.stat().st_size if full.exists() else 0
    try:
        found = worker_decoder(job.limits).probe(str(full), job.recipe)
    except VideoFailedError as failure:
        return ProbedFile(path, source_bytes=size, error=failure.code, message=failure.message)
    return ProbedFile(
        path=path,
        width=found.width,
        height=found.height,
        residual_kind=found.residual_kind,
        expected_frames=found.expected_frames,
        fps=found.fps,
        source_bytes=size,
        preset=found.preset,
        message=found.note,
    )


def probe_source(
    root: Path, paths: Sequence[str], recipe: Recipe, limits: Limits, executor: Executor
) -> dict[str, ProbedFile]:
    """The header of every file by path, read on ``executor``. Raises RuntimeError when a worker failed."""
    probed: list[ProbedFile] = []
    for outcome in executor.run(probe_files, probe_jobs(root, paths, recipe, limits)):
        if outcome.result is None:
            raise RuntimeError(f"headers could not be read: {outcome.error}")
        probed += outcome.result
    return {file.path: file for file in probed}


def probe_jobs(
    source_root: Path, paths: Sequence[str], recipe: Recipe, limits: Limits, files_per_job: int = 64
) -> list[ProbeJob]:
    """Cut the files into tasks."""
    root = str(source_root.absolute())
    return [
        ProbeJob(root, tuple(paths[start : start + files_per_job]), recipe, limits)
        for start in range(0, len(paths), files_per_job)
    ]
