"""Display times: strictly increasing, true where the container is, derived from the frame rate where it is silent."""

from __future__ import annotations

import heapq
from fractions import Fraction
from typing import Final

_DEFAULT_FPS: Final = Fraction(25)


class DisplayClock:
    """Gives each displayed picture its time stamp and seconds.

    AVI stores no presentation times, and what libavformat makes up for pictures that were packed or reordered can run
    backwards by a few frames. The set of stamps is right, only their assignment is not, so stamps are handed out in
    sorted order: :meth:`announce` every picture in display order as soon as it is known, then call :meth:`next` once
    per picture, after at least one later picture was announced where there is one.

        announced   1  4  3  5  7  6
        handed out  1  3  4  5  6  7
    """

    def __init__(self, time_base: Fraction, fps: Fraction | None, origin_pts: int | None = None) -> None:
        self._tick_seconds = float(time_base)
        self._frame_seconds = float(1 / (fps or _DEFAULT_FPS))
        self._waiting: list[int] = []
        self._num_missing = 0
        self._origin = origin_pts  # the time stamp of second 0; None: that of the first picture
        self._last: float | None = None

    def announce(self, pts: int | None) -> None:
        """Note the time stamp of the next picture in display order, None where the container has none."""
        if pts is None:
            self._num_missing += 1
        else:
            heapq.heappush(self._waiting, pts)

    def next(self) -> tuple[int | None, float]:
        """Time stamp (None where missing) and seconds since the first picture, greater than any given before."""
        if self._num_missing:
            self._num_missing -= 1
            self._last = 0.0 if self._last is None else self._last + self._frame_seconds
            return None, self._last
        if not self._waiting:
            raise IndexError("no picture was announced")
        pts = heapq.heappop(self._waiting)
        if self._origin is None:
            # Pictures without a stamp may have gone before; time runs on from them.
            elapsed = 0.0 if self._last is None else self._last + self._frame_seconds
            self._origin = pts - round(elapsed / self._tick_seconds)
        seconds = (pts - self._origin) * self._tick_seconds
        if self._last is not None and seconds <= self._last:
            # Two pictures at one time: the later one follows at once, so that later true stamps stay true.
            seconds = self._last + min(self._tick_seconds, self._frame_seconds / 16)
        self._last = seconds
        return pts, seconds
