"""Which video goes into which shard: pure arithmetic on what was found and probed.

A plan only grows. Files that are in it keep their shard; new files make new shards, so that what is written stays
valid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from videotx.extract.segment import Segment
from videotx.pipeline.annotations.entry import Entry

T = TypeVar("T")
NO_SHARD: Final = -1


@dataclass(frozen=True, slots=True)
class ProbedFile:
    """What a source file's header says: ``fps`` is 0 where it does not, the rest as in :class:`PlannedVideo`."""

    path: str
    width: int = 0
    height: int = 0
    residual_kind: str = ""
    expected_frames: int = 0
    fps: float = 0.0
    source_bytes: int = 0
    preset: str = ""
    error: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One source file, or a segment of one.

    ``error`` is the code of what was wrong with its header, and then ``shard`` is -1; ``message`` says what that was,
    or why the residual is not the coded one. ``residual_kind`` is the kind that its shard stores ("" without residual);
    ``expected_frames`` is the container's own count, 0 where it has none. ``split`` to ``stop_seconds`` are what the
    annotations say, as in the table of videos; ``preset`` is the transcode that comes first, or "".
    """

    path: str
    label: int
    shard: int
    width: int
    height: int
    residual_kind: str
    expected_frames: int
    source_bytes: int
    error: str
    message: str
    split: str = ""
    verb: int = -1
    noun: int = -1
    actions: str = ""
    segment: str = ""
    start_seconds: float | None = None
    stop_seconds: float | None = None
    preset: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other video of a plan."""
        return self.path, self.segment

    @property
    def range(self) -> Segment | None:
        """The stretch of the file to extract, None for all of it."""
        if self.start_seconds is None or self.stop_seconds is None:
            return None
        return Segment(self.start_seconds, self.stop_seconds)


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """The videos of one shard, all of one native size and one kind of residual, in the order they are stored."""

    number: int
    videos: tuple[PlannedVideo, ...]

    @property
    def source_bytes(self) -> int:
        return sum(video.source_bytes for video in self.videos)


def plan_video(entry: Entry, label: int, file: ProbedFile) -> PlannedVideo:
    """A video that is not yet in a shard, from its annotation, the number of its class and its file's header."""
    expected = file.expected_frames
    if entry.start_seconds is not None and entry.stop_seconds is not None and file.fps:
        expected = max(1, round((entry.stop_seconds - entry.start_seconds) * file.fps))
    return PlannedVideo(
        path=entry.path,
        label=label,
        shard=NO_SHARD,
        width=file.width,
        height=file.height,
        residual_kind=file.residual_kind,
        expected_frames=expected,
        source_bytes=file.source_bytes,
        error=file.error,
        message=file.message,
        split=" ".join(entry.splits),
        verb=entry.verb,
        noun=entry.noun,
        actions=";".join(f"{number} {start:g} {stop:g}" for number, start, stop in entry.actions),
        segment=entry.segment,
        start_seconds=entry.start_seconds,
        stop_seconds=entry.stop_seconds,
        preset=file.preset,
    )


def extend_plan(
    planned: Sequence[PlannedVideo], probed: Iterable[PlannedVideo], videos_per_shard: int
) -> list[PlannedVideo]:
    """Append newly probed videos (their ``shard`` is ignored) to a plan, each in a new shard of its size and kind.

    Within one call, equal input gives an equal plan, whatever the order of ``probed``.
    """
    known = {video.key for video in planned}
    # Segments of one file are neighbours, in the order in which they are read.
    fresh = sorted(
        (video for video in probed if video.key not in known),
        key=lambda video: (video.path, video.start_seconds or 0.0, video.segment),
    )
    groups: defaultdict[tuple[int, int, str], list[PlannedVideo]] = defaultdict(list)
    for video in fresh:
        if not video.error:
            groups[video.width, video.height, video.residual_kind].append(video)
    shard_of: dict[tuple[str, str], int] = {}
    number = 1 + max((video.shard for video in planned), default=NO_SHARD)
    for key in sorted(groups):
        for part in even_parts(groups[key], videos_per_shard):
            shard_of |= {video.key: number for video in part}
            number += 1
    return [*planned, *(_in_shard(video, shard_of.get(video.key, NO_SHARD)) for video in fresh)]


def even_parts(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Cut ``items`` into as few parts of at most ``most`` as will do, whose lengths differ by one at most."""
    num_parts = -(-len(items) // most)
    for part in range(num_parts):
        yield items[part * len(items) // num_parts : (part + 1) * len(items) // num_parts]


def _in_shard(video: PlannedVideo, shard: int) -> PlannedVideo:
    return replace(video, shard=shard)


def shard_plans(planned: Iterable[PlannedVideo]) -> list[ShardPlan]:
    """The shards of a plan by number."""
    shards: defaultdict[int, list[PlannedVideo]] = defaultdict(list)
    for video in planned:
        if video.shard != NO_SHARD:
            shards[video.shard].append(video)
    return [ShardPlan(number, tuple(shards[number])) for number in sorted(shards)]


def share_of(shards: Sequence[ShardPlan], index: int, count: int) -> list[ShardPlan]:
    """The part of the shards that job ``index`` of ``count`` writes; the parts of all jobs are every shard once."""
    if not 0 <= index < count:
        raise ValueError(f"expected a share i/n with 0 <= i < n, got {index}/{count}")
    return [shard for shard in shards if shard.number % count == index]
