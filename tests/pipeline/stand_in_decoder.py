"""A decoding process for tests: the real one, except that "videos" are text files which say what shall happen.

``frames=12 size=64x48 seed=3`` gives that many synthetic frames; ``then=crash`` (or ``abort``, ``hang``,
``eat``, ``raise``, ``fail``) makes it happen after them. ``native_stops=5`` is a video of which the native reader gives
up after five frames, and the libav reader does not. Run like the real one: ``python this_file DESCRIPTOR PARENT``.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from videotx.extract.errors import NotAVideoError, ReaderMismatchError, UnreadableContainerError
from videotx.extract.frame import CodedFrame, MotionField
from videotx.extract.info import VideoInfo
from videotx.extract.picture import Picture
from videotx.pipeline import decoder, encode


def misbehave(how: str, path: str) -> None:
    if how == "crash":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "hang":
        time.sleep(3600)
    elif how == "raise":
        raise ZeroDivisionError("a bug in a reader")
    elif how == "fail":
        raise UnreadableContainerError(path, "the index is damaged")
    elif how == "eat":
        held = []
        while True:
            held.append(np.ones(4 << 20))


class StandInReader:
    """Synthetic frames of a small moving texture, made from the seed alone."""

    motion_exact = True
    residual_kind = None

    def __init__(self, path: str, block: int, reader: str) -> None:
        text = Path(path).read_text(encoding="utf-8")
        if "=" not in text:
            raise NotAVideoError(path, f"expected a video, got {text!r}")
        self._path, self._block = path, block
        self._said = dict(word.split("=") for word in text.split())
        self.reader = "native" if reader != "libav" and "native_stops" in self._said else "libav"
        if self._said.get("open"):
            misbehave(self._said["open"], path)
        width, height = (int(side) for side in self._said["size"].split("x"))
        self.warnings = ["made up"] if self._said.get("warn") else []
        self.info = VideoInfo(
            path, "mp4", "h264", "High", width, height, width, height, 0, 0, "yuv420p", Fraction(25), Fraction(1, 25),
            int(self._said["frames"]), None, 0, 1, False, "bt601", False, Fraction(1), {},
        )  # fmt: skip

    def __iter__(self) -> Iterator[CodedFrame]:
        for index in range(int(self._said["frames"])):
            if self.reader == "native" and index == int(self._said["native_stops"]):
                raise ReaderMismatchError(self._path, f"frame {index}: another picture")
            yield self._frame(index)
        misbehave(self._said.get("then", ""), self._path)

    def _frame(self, index: int) -> CodedFrame:
        rng = np.random.default_rng([int(self._said.get("seed", 0)), index])
        width, height = self.info.width, self.info.height
        grid = (2, -(-height // self._block), -(-width // self._block))
        motion = MotionField(
            rng.integers(-99, 99, (*grid, 2), np.int16), rng.integers(-3, 3, grid, np.int8), self._block, True
        )
        qp = rng.integers(10, 40, (-(-height // 16), -(-width // 16)), np.int8)
        y, x = np.mgrid[:height, :width]
        rgb = (127 + 100 * np.sin((x + y + 5 * index)[..., None] / 9 + np.arange(3))).astype(np.uint8)
        picture = Picture(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p"))
        time.sleep(float(self._said.get("slow", 0)))
        return CodedFrame(
            index, index, index / 25, "P" if index else "I", index == 0, 100, False, motion, qp, None, picture
        )

    def __enter__(self) -> StandInReader:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def open_stand_in(path: str, *, block: int = 8, reader: str = "auto", **settings: Any) -> StandInReader:
    return StandInReader(path, block, reader)


if __name__ == "__main__":
    encode.open_video = open_stand_in  # type: ignore[assignment]
    decoder.serve(int(sys.argv[1]), int(sys.argv[2]))
