"""Extraction from end to end: plan, write what is missing, finalise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from videotx.pipeline.executors import Executor
from videotx.pipeline.finalise import finalise, missing_shards
from videotx.pipeline.isolation import Limits
from videotx.pipeline.layout import Layout
from videotx.pipeline.plan import PlannedVideo, ShardPlan, extend_plan, shard_plans, share_of
from videotx.pipeline.probing import probe_files, probe_jobs
from videotx.pipeline.progress import Progress
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.shard import ShardJob, run_shard
from videotx.pipeline.sources import Source, label_numbers
from videotx.pipeline.store import PLAN_COLUMNS

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run left behind: ``failures`` by code, and ``errors`` of shards that were not written."""

    num_videos: int
    num_frames: int
    failures: Mapping[str, int]
    errors: Sequence[str] = field(default_factory=list)
    complete: bool = True

    @property
    def num_extracted(self) -> int:
        return self.num_videos - sum(self.failures.values())


def make_plan(source: Source, output: Path, recipe: Recipe, *, limits: Limits, executor: Executor, say: Say) -> None:
    """Plan the files of ``source`` that are not in the output's plan yet; creates the output if there is none.

    Raises RecipeMismatchError when the output was made with another recipe.
    """
    layout = Layout(output)
    known_names: Sequence[str] = ()
    if layout.exists():
        recipe.check_same(layout.recipe(), str(output))
        known_names = layout.attributes()["class_names"]
    planned = layout.read_plan()
    known = {video.path for video in planned}
    fresh = [file for file in source.files if file.path not in known]
    if planned and not fresh:
        return
    labels, names = label_numbers([file.label for file in fresh], known_names)
    files = [(file.path, label) for file, label in zip(fresh, labels, strict=True)]
    say(f"reading the headers of {len(files)} files")
    probed: list[PlannedVideo] = []
    for outcome in executor.run(probe_files, probe_jobs(source.root, files, recipe, limits)):
        if outcome.result is None:
            raise RuntimeError(f"headers could not be read: {outcome.error}")
        probed += outcome.result
    plan = extend_plan(planned, probed, recipe.videos_per_shard)
    layout.create(recipe, names, str(source.root.absolute()))
    layout.make_partial()
    layout.write_table("plan", [asdict(video) for video in plan], PLAN_COLUMNS, replace=bool(planned))


def write_missing(
    output: Path, source_root: Path, limits: Limits, executor: Executor, share: tuple[int, int] = (0, 1)
) -> list[str]:
    """Write every planned shard of this share that is not there yet; returns what went wrong, by shard."""
    layout = Layout(output)
    recipe = layout.recipe()
    layout.make_partial()
    planned = layout.read_plan()
    shards = share_of(shard_plans(planned), *share)
    todo = [shard for shard in shards if not layout.is_written(shard.number)]
    # The longest first, so that no worker is left alone with a long one at the end.
    todo.sort(key=lambda shard: (-shard.source_bytes, shard.number))
    root = str(source_root.absolute())
    jobs = [ShardJob(str(output.absolute()), root, recipe, limits, shard) for shard in todo]
    errors = []
    with Progress(*_progress_so_far(layout, shards)) as progress:
        for outcome in executor.run(run_shard, jobs):
            if outcome.result is not None:
                progress.add(outcome.result)
            else:
                errors.append(f"shard {outcome.job.plan.number:06d}: {outcome.error}")
                progress.say(errors[-1])
    return errors


def _progress_so_far(layout: Layout, shards: Sequence[ShardPlan]) -> tuple[int, int, int]:
    written = [shard.number for shard in shards if layout.is_written(shard.number)]
    rows = [row for number in written for row in layout.shard_attributes(number)["videos"]]
    return sum(len(shard.videos) for shard in shards), len(rows), sum(bool(row["error"]) for row in rows)


def finish(output: Path, errors: Sequence[str]) -> Summary:
    """Finalise if every shard is there, and say how things stand."""
    layout = Layout(output)
    missing = missing_shards(layout)
    if missing or errors:
        return Summary(len(layout.read_plan()), 0, {}, errors, complete=False)
    rows = finalise(layout)
    failures = Counter(row["error"] for row in rows if row["error"])
    return Summary(len(rows), sum(row["num_frames"] for row in rows), failures)


def finish_share(output: Path, errors: Sequence[str]) -> Summary:
    """Like :func:`finish`, for one of several jobs: the last to end finalises, and only one does."""
    layout = Layout(output)
    if missing_shards(layout) or errors:
        return finish(output, errors)
    claim = output / "partial" / "finalising"
    try:
        claim.mkdir()
    except (FileExistsError, FileNotFoundError):  # another job is at it, or has done it
        return Summary(len(layout.read_plan()), 0, {}, errors, complete=layout.videos.exists())
    return finish(output, errors)
