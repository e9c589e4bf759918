"""Display times: increasing, true where stamps are, derived where they are not."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotx.extract.clock import DisplayClock


def hand_out(
    stamps: list[int | None], fps: Fraction | None = Fraction(25), lookahead: int = 1
) -> list[tuple[int | None, float]]:
    clock = DisplayClock(Fraction(1, 100), fps)
    waiting = list(stamps)
    given_out = []
    announced = 0
    for index in range(len(waiting)):
        while announced < min(len(waiting), index + 1 + lookahead):
            clock.announce(waiting[announced])
            announced += 1
        given_out.append(clock.next())
    return given_out


def test_true_stamps_of_a_variable_frame_rate_are_kept() -> None:
    assert hand_out([100, 104, 150, 151]) == [(100, 0.0), (104, 0.04), (150, 0.5), (151, 0.51)]


def test_missing_stamps_follow_the_frame_rate() -> None:
    assert [s for _, s in hand_out([None, None, None])] == pytest.approx([0.0, 0.04, 0.08])
    assert [s for _, s in hand_out([None, None], fps=None)] == pytest.approx([0.0, 0.04])


def test_stamps_that_run_back_are_sorted() -> None:
    assert [p for p, _ in hand_out([1, 4, 3, 5, 7, 6])] == [1, 3, 4, 5, 6, 7]


def test_equal_stamps_still_increase_and_later_ones_stay_true() -> None:
    seconds = [s for _, s in hand_out([0, 4, 4, 8])]
    assert seconds[:2] == [0.0, 0.04]
    assert seconds[1] < seconds[2] < seconds[3] == 0.08


def test_asking_before_announcing_is_an_error() -> None:
    with pytest.raises(IndexError, match="announced"):
        DisplayClock(Fraction(1, 25), None).next()


@given(st.lists(st.none() | st.integers(-1000, 1000), min_size=1, max_size=60))
def test_seconds_always_increase(stamps: list[int | None]) -> None:
    seconds = [s for _, s in hand_out(stamps)]
    assert seconds[0] >= 0
    assert all(a < b for a, b in pairwise(seconds))
