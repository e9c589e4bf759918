"""How far a run is: a bar on a terminal, plain lines elsewhere. Counts finished shards, so a resume keeps it right."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from videotx.pipeline.shard import ShardRecord

_LINE_SECONDS = 10.0


class Progress:
    """Shows videos, frames per second, failures and the time that is left."""

    def __init__(self, num_videos: int, num_done: int, num_failed: int) -> None:
        self._num_videos = num_videos
        self._num_before = num_done
        self._num_done = num_done
        self._num_failed = num_failed
        self._num_frames = 0
        self._started = time.monotonic()
        self._next_line = 0.0
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty():
            self._bar = bar = tqdm(total=num_videos, initial=num_done, unit="video", smoothing=0.05, dynamic_ncols=True)
            bar.set_postfix_str(self._rates())

    def add(self, record: ShardRecord) -> None:
        """A shard is finished."""
        self._num_done += record.num_videos
        self._num_failed += len(record.failures)
        self._num_frames += record.num_frames
        if self._bar is not None:
            self._bar.set_postfix_str(self._rates(), refresh=False)
            self._bar.update(record.num_videos)
        elif time.monotonic() >= self._next_line or self._num_done == self._num_videos:
            self._next_line = time.monotonic() + _LINE_SECONDS
            self.say(f"{self._num_done}/{self._num_videos} videos, {self._rates()}, {self._left()}")

    def say(self, line: str) -> None:
        """Print a line beside the bar."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)

    def _rates(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self._num_frames / seconds:.0f} frames/s, {self._num_failed} failed"

    def _left(self) -> str:
        fresh = self._num_done - self._num_before
        seconds = (time.monotonic() - self._started) * (self._num_videos - self._num_done) / max(fresh, 1)
        return f"about {seconds / 3600:.1f} h left" if seconds >= 3600 else f"about {seconds:.0f} s left"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
