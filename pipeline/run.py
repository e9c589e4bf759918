"""Extraction from end to end: plan, write what is missing, finalise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from videotx.pipeline.class_names import label_numbers
from videotx.pipeline.executors import Executor
from videotx.pipeline.ffmpeg import find_ffmpeg
from videotx.pipeline.finalise import finalise, missing_shards
from videotx.pipeline.isolation import Limits
from videotx.pipeline.layout import Layout
from videotx.pipeline.plan import PlannedVideo, ShardPlan, extend_plan, plan_video, shard_plans, share_of
from videotx.pipeline.probing import probe_source
from videotx.pipeline.progress import Progress
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.shard import ShardJob, run_shard
from videotx.pipeline.sources import Source
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

    def lines(self, output: Path) -> list[str]:
        """For people."""
        if not self.complete:
            return [*self.errors, f"{output}: not every shard is written yet"]
        counts = f"{self.num_extracted} of {self.num_videos} videos, {self.num_frames} frames"
        done = [f"{output}: {counts}"] if self.num_frames or self.failures else []
        return done + [f"failed: {count} {code}" for code, count in sorted(self.failures.items())]


def make_plan(source: Source, output: Path, recipe: Recipe, *, limits: Limits, executor: Executor, say: Say) -> None:
    """Plan the files of ``source`` that are not in the output's plan yet; creates the output if there is none.

    Raises RecipeMismatchError when the output was made with another recipe.
    """
    layout = Layout(output)
    names = source.names
    if layout.exists():
        recipe.check_same(layout.recipe(), str(output))
        names = layout.class_names().joined(source.names, str(output))
    planned = layout.read_plan()
    known = {video.key: video for video in planned}
    fresh = [entry for entry in source.entries if (entry.path, entry.segment) not in known]
    _say_what_stays(source, known, say)
    if planned and not fresh:
        return
    labels, classes = label_numbers([entry.label for entry in fresh], names.classes)
    paths = list(dict.fromkeys(entry.path for entry in fresh))
    say(f"reading the headers of {len(paths)} files")
    probed = probe_source(source.root, paths, recipe, limits, executor)
    if any(file.preset for file in probed.values()):
        find_ffmpeg()  # now, and not in a worker hours later
    videos = [plan_video(entry, label, probed[entry.path]) for entry, label in zip(fresh, labels, strict=True)]
    plan = extend_plan(planned, videos, recipe.videos_per_shard)
    layout.create(recipe, replace(names, classes=tuple(classes)), str(source.root.absolute()))
    layout.make_partial()
    layout.write_table("plan", [asdict(video) for video in plan], PLAN_COLUMNS, replace=bool(planned))


def _say_what_stays(source: Source, known: Mapping[tuple[str, str], PlannedVideo], say: Say) -> None:
    """Videos that are planned keep their annotations; say so where the new ones differ."""
    planned = [(entry, known.get((entry.path, entry.segment))) for entry in source.entries]
    differ = [entry for entry, video in planned if video is not None and video.split != " ".join(entry.splits)]
    if differ:
        say(f"{len(differ)} videos keep the splits they were planned with, {differ[0].path} for one")


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
