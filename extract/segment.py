"""A stretch of a video, in seconds since its first frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

# Time stamps are ratios, times in annotations are decimals: this much apart they are the same.
_SAME_SECONDS: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Segment:
    """The half-open range ``[start_seconds, stop_seconds)``. Raises ValueError where it is empty or begins before 0."""

    start_seconds: float = 0.0
    stop_seconds: float = inf

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < self.stop_seconds:
            raise ValueError(
                f"expected 0 <= start_seconds < stop_seconds, got {self.start_seconds} and {self.stop_seconds}"
            )

    def __str__(self) -> str:
        return f"from {self.start_seconds:g} s to {f'{self.stop_seconds:g} s' if self.has_stop else 'the end'}"

    @property
    def has_stop(self) -> bool:
        return self.stop_seconds < inf

    def is_before(self, seconds: float) -> bool:
        """Whether it has ended by then."""
        return seconds >= self.stop_seconds - _SAME_SECONDS

    def contains(self, seconds: float) -> bool:
        return seconds >= self.start_seconds - _SAME_SECONDS and not self.is_before(seconds)
