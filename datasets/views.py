"""Which frames of a video make a clip: at random in training, in evenly spread views in evaluation.

Each way of sampling is a frozen value with two methods. ``draw`` takes a clip at random, ``view`` the ``index``-th of
``num_views``; both map the times of a video's frames to frame indices, int64 ``(num_frames,)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]


class WhenShort(Enum):
    """What a clip takes where it reaches past the last frame of its video."""

    LOOP = "loop"  # the video again from its start
    HOLD = "hold"  # the last frame, again and again


class Sampling(Protocol):
    """A way to choose the frames of a clip."""

    @property
    def num_frames(self) -> int: ...

    def draw(self, seconds: Seconds, random: np.random.Generator) -> Frames: ...

    def view(self, seconds: Seconds, index: int, num_views: int) -> Frames: ...


def _within(frames: Frames, count: int, when_short: WhenShort) -> Frames:
    return frames % count if when_short is WhenShort.LOOP else np.minimum(frames, count - 1)


def _check_view(index: int, num_views: int) -> None:
    if not 0 <= index < num_views:
        raise ValueError(f"expected a view in [0, {num_views}), got {index}")


def _spread(slack: float, index: int, num_views: int) -> float:
    """Start of view ``index`` when starts are spread evenly over [0, slack]; a single view is in the middle."""
    _check_view(index, num_views)
    return slack / 2 if num_views == 1 else slack * index / (num_views - 1)


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """``num_frames`` frames, every ``stride``-th, from a random start (dense sampling).

    Views are spread evenly from the first frame to the last; a single view is centred.
    """

    num_frames: int = 16
    stride: int = 4
    when_short: WhenShort = WhenShort.LOOP

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.stride < 1:
            raise ValueError(f"expected num_frames and stride of at least 1, got {self.num_frames} and {self.stride}")

    def _slack(self, seconds: Seconds) -> int:
        return max(len(seconds) - ((self.num_frames - 1) * self.stride + 1), 0)

    def _from(self, start: int, count: int) -> Frames:
        return _within(start + self.stride * np.arange(self.num_frames), count, self.when_short)

    def draw(self, seconds: Seconds, random: np.random.Generator) -> Frames:
        return self._from(int(random.integers(self._slack(seconds) + 1)), len(seconds))

    def view(self, seconds: Seconds, index: int, num_views: int) -> Frames:
        return self._from(int(_spread(self._slack(seconds), index, num_views)), len(seconds))


@dataclass(frozen=True, slots=True)
class FixedRate:
    """``num_frames`` frames at ``fps`` frames per second, whatever the rate of the video, constant or not.

    Each takes the frame on show at its time: the last one whose time stamp is not later.
    """

    num_frames: int = 16
    fps: float = 7.5
    when_short: WhenShort = WhenShort.LOOP

    def __post_init__(self) -> None:
        if self.num_frames < 1 or not self.fps > 0:
            raise ValueError(f"expected num_frames of at least 1 and fps above 0, got {self.num_frames}, {self.fps}")

    def _slack(self, seconds: Seconds) -> float:
        return max(self._duration(seconds) - self.num_frames / self.fps, 0.0)

    @staticmethod
    def _duration(seconds: Seconds) -> float:
        """From the first frame to the end of the last, which stays as long as a frame does on average."""
        shown = float(seconds[-1] - seconds[0])
        return shown * len(seconds) / (len(seconds) - 1) if len(seconds) > 1 else shown

    def _from(self, start: float, seconds: Seconds) -> Frames:
        times = start + np.arange(self.num_frames) / self.fps
        duration = self._duration(seconds)
        if self.when_short is WhenShort.LOOP and duration > 0:
            times = times % duration
        # Half a microsecond of slack: stamps are sums of rounded frame times.
        found = np.searchsorted(seconds - seconds[0], times + 5e-7, side="right") - 1
        return np.clip(found, 0, len(seconds) - 1).astype(np.int64)

    def draw(self, seconds: Seconds, random: np.random.Generator) -> Frames:
        return self._from(float(random.uniform(0.0, self._slack(seconds))), seconds)

    def view(self, seconds: Seconds, index: int, num_views: int) -> Frames:
        return self._from(_spread(self._slack(seconds), index, num_views), seconds)


@dataclass(frozen=True, slots=True)
class Segments:
    """One frame from each of ``num_frames`` equal parts of the video (TSN, Wang et al. 2016; usual for SSv2).

    In training a random frame of each part; view ``index`` of ``num_views`` takes the point (index + 1/2) / num_views
    of each part, the middle when there is one view. A video with fewer frames than parts repeats frames.
    """

    num_frames: int = 16

    def __post_init__(self) -> None:
        if self.num_frames < 1:
            raise ValueError(f"expected num_frames of at least 1, got {self.num_frames}")

    def _at(self, fractions: npt.NDArray[np.float64] | float, count: int) -> Frames:
        frames = np.floor((np.arange(self.num_frames) + fractions) * count / self.num_frames)
        return np.minimum(frames, count - 1).astype(np.int64)

    def draw(self, seconds: Seconds, random: np.random.Generator) -> Frames:
        return self._at(random.random(self.num_frames), len(seconds))

    def view(self, seconds: Seconds, index: int, num_views: int) -> Frames:
        _check_view(index, num_views)
        return self._at((index + 0.5) / num_views, len(seconds))


@dataclass(frozen=True, slots=True)
class Views:
    """``num_temporal`` x ``num_spatial`` views of every video in evaluation; logits are averaged over them by the user.

    View ``v`` is temporal view ``v // num_spatial`` and spatial view ``v % num_spatial``.
    """

    num_temporal: int = 1
    num_spatial: int = 1

    def __post_init__(self) -> None:
        if self.num_temporal < 1 or self.num_spatial < 1:
            raise ValueError(f"expected at least one view of each kind, got {self.num_temporal} x {self.num_spatial}")

    def __len__(self) -> int:
        return self.num_temporal * self.num_spatial

    def split(self, view: int) -> tuple[int, int]:
        """(temporal, spatial) of a view."""
        _check_view(view, len(self))
        return view // self.num_spatial, view % self.num_spatial
