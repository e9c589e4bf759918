"""The plan is arithmetic: every file once, one size per shard, and it only grows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotx.pipeline.plan import NO_SHARD, PlannedVideo, even_parts, extend_plan, shard_plans, share_of


def probed_video(path: str, size: tuple[int, int] = (320, 240), kind: str = "coded", error: str = "") -> PlannedVideo:
    return PlannedVideo(path, 0, NO_SHARD, *size, kind, 10, 1000, error, error and "message")


PROBED = st.lists(
    st.tuples(
        st.integers(0, 60), st.sampled_from([(320, 240), (340, 256)]), st.sampled_from(["coded", "difference"]),
        st.sampled_from(["", "", "", "empty_file"]),
    ),
    unique_by=lambda item: item[0],
    max_size=60,
).map(lambda items: [probed_video(f"{n:03d}.mp4", *rest) for n, *rest in items])  # fmt: skip


@given(PROBED, st.integers(1, 9), st.integers(0, 2**31))
def test_every_good_video_is_in_one_shard_of_its_size_and_kind(
    probed: list[PlannedVideo], videos_per_shard: int, seed: int
) -> None:
    plan = extend_plan((), probed, videos_per_shard)
    shards = shard_plans(plan)
    assert sorted(v.path for s in shards for v in s.videos) == sorted(v.path for v in probed if not v.error)
    assert [s.number for s in shards] == list(range(len(shards)))
    for shard in shards:
        assert 1 <= len(shard.videos) <= videos_per_shard
        assert len({(v.width, v.height, v.residual_kind) for v in shard.videos}) == 1
    shuffled = random.Random(seed).sample(probed, len(probed))
    assert extend_plan((), shuffled, videos_per_shard) == plan


@given(PROBED, PROBED, st.integers(1, 9))
def test_a_plan_grows_without_touching_what_it_has(
    first: list[PlannedVideo], second: list[PlannedVideo], videos_per_shard: int
) -> None:
    plan = extend_plan((), first, videos_per_shard)
    grown = extend_plan(plan, second, videos_per_shard)
    assert grown[: len(plan)] == plan
    assert {v.path for v in grown} == {v.path for v in first} | {v.path for v in second}
    old = {v.shard for v in plan} - {NO_SHARD}
    assert not old & {v.shard for v in grown[len(plan) :]}


@given(st.integers(0, 200), st.integers(1, 20))
def test_parts_are_even_and_few(length: int, most: int) -> None:
    parts = list(even_parts(range(length), most))
    assert [x for part in parts for x in part] == list(range(length))
    assert len(parts) == -(-length // most)
    assert not parts or max(map(len, parts)) - min(map(len, parts)) <= 1


@given(PROBED, st.integers(1, 7))
def test_shares_are_every_shard_once(probed: list[PlannedVideo], count: int) -> None:
    shards = shard_plans(extend_plan((), probed, 2))
    shares = [share_of(shards, index, count) for index in range(count)]
    assert sorted(s.number for share in shares for s in share) == [s.number for s in shards]


def test_a_share_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="0 <= i < n, got 3/3"):
        share_of((), 3, 3)
