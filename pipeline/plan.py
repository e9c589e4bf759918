"""Which video goes into which shard: pure arithmetic on what was found and probed.

A plan only grows. Files that are in it keep their shard; new files make new shards, so that what is written stays
valid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

T = TypeVar("T")
NO_SHARD: Final = -1


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One source file. ``error`` is the code of what was wrong with its header, and then ``shard`` is -1; ``message``
    says what that was, or why the residual is not the coded one.

    ``residual_kind`` is the kind that its shard stores ("" without residual); ``expected_frames`` is the container's
    own count, 0 where it has none.
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


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """The videos of one shard, all of one native size and one kind of residual, in the order they are stored."""

    number: int
    videos: tuple[PlannedVideo, ...]

    @property
    def source_bytes(self) -> int:
        return sum(video.source_bytes for video in self.videos)


def extend_plan(
    planned: Sequence[PlannedVideo], probed: Iterable[PlannedVideo], videos_per_shard: int
) -> list[PlannedVideo]:
    """Append newly probed videos (their ``shard`` is ignored) to a plan, each in a new shard of its size and kind.

    Within one call, equal input gives an equal plan, whatever the order of ``probed``.
    """
    known = {video.path for video in planned}
    fresh = sorted((video for video in probed if video.path not in known), key=lambda video: video.path)
    groups: defaultdict[tuple[int, int, str], list[PlannedVideo]] = defaultdict(list)
    for video in fresh:
        if not video.error:
            groups[video.width, video.height, video.residual_kind].append(video)
    shard_of: dict[str, int] = {}
    number = 1 + max((video.shard for video in planned), default=NO_SHARD)
    for key in sorted(groups):
        for part in even_parts(groups[key], videos_per_shard):
            shard_of |= {video.path: number for video in part}
            number += 1
    return [*planned, *(_in_shard(video, shard_of.get(video.path, NO_SHARD)) for video in fresh)]


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
