"""How a clip's window is chosen: frozen values that map the size of a picture to a :class:`Window`.

``draw`` chooses at random, ``view`` the ``index``-th of ``num_views``. Windows begin and end at whole pixels of the
stored picture, so that no crop needs interpolation unless it is scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from videotx.datasets.geometry import Window


class Crop(Protocol):
    """A way to choose the window of a clip in pictures of height x width."""

    def draw(self, height: int, width: int, random: np.random.Generator) -> Window: ...

    def view(self, height: int, width: int, index: int, num_views: int) -> Window: ...


def _square(height: int, width: int, size: int, short_side: int, at: tuple[float, float]) -> Window:
    """The square that is ``size`` pixels once the short side is ``short_side``, at a fraction (y, x) of the slack."""
    if size > short_side:
        raise ValueError(f"a crop of {size} does not fit a short side of {short_side}")
    side = max(1, round(size * min(height, width) / short_side))
    top, left = round((height - side) * at[0]), round((width - side) * at[1])
    return Window(height, width, top, left, side, side, size, size)


@dataclass(frozen=True, slots=True)
class WholePicture:
    """Everything, resized to ``height`` x ``width``; as it is when these are None."""

    height: int | None = None
    width: int | None = None

    def draw(self, height: int, width: int, random: np.random.Generator) -> Window:
        del random
        return self.view(height, width, 0, 1)

    def view(self, height: int, width: int, index: int, num_views: int) -> Window:
        if num_views != 1 or index != 0:
            raise ValueError(f"the whole picture has one view, not {num_views}")
        return Window(height, width, 0, 0, height, width, self.height or height, self.width or width)


@dataclass(frozen=True, slots=True)
class EvenCrops:
    """Squares of ``size`` after scaling the short side to ``short_side``, spread evenly along the long side.

    One view is the centre crop, three are the usual left, centre, right (or top, centre, bottom). In training the
    centre crop.
    """

    size: int = 224
    short_side: int = 256

    def draw(self, height: int, width: int, random: np.random.Generator) -> Window:
        del random
        return self.view(height, width, 0, 1)

    def view(self, height: int, width: int, index: int, num_views: int) -> Window:
        if not 0 <= index < num_views:
            raise ValueError(f"expected a view in [0, {num_views}), got {index}")
        along = 0.5 if num_views == 1 else index / (num_views - 1)
        at = (0.5, along) if width >= height else (along, 0.5)
        return _square(height, width, self.size, self.short_side, at)


@dataclass(frozen=True, slots=True)
class ScaleJitter:
    """A random square of ``size`` after scaling the short side to a random length in ``short_side`` (VGG, SlowFast)."""

    size: int = 224
    short_side: tuple[int, int] = (256, 320)
    flip: float = 0.5

    def draw(self, height: int, width: int, random: np.random.Generator) -> Window:
        short_side = int(random.integers(self.short_side[0], self.short_side[1] + 1))
        at = (float(random.random()), float(random.random()))
        window = _square(height, width, self.size, short_side, at)
        return replace(window, flip=bool(random.random() < self.flip))

    def view(self, height: int, width: int, index: int, num_views: int) -> Window:
        return EvenCrops(self.size, self.short_side[0]).view(height, width, index, num_views)


@dataclass(frozen=True, slots=True)
class RandomResizedCrop:
    """A random part of the picture, between two shares of its area and two aspect ratios, resized to ``size`` x
    ``size`` (Inception; the range of the video papers). ``flip`` is the probability of mirroring."""

    size: int = 224
    area: tuple[float, float] = (0.08, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5

    def draw(self, height: int, width: int, random: np.random.Generator) -> Window:
        flip = bool(random.random() < self.flip)
        for _ in range(10):
            area = height * width * float(random.uniform(*self.area))
            aspect = math.exp(random.uniform(math.log(self.aspect[0]), math.log(self.aspect[1])))
            h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < h <= height and 0 < w <= width:
                top, left = int(random.integers(height - h + 1)), int(random.integers(width - w + 1))
                return Window(height, width, top, left, h, w, self.size, self.size, flip)
        # No draw fitted (a very long picture): the centre, whole on its short side.
        return replace(_square(height, width, self.size, self.size, (0.5, 0.5)), flip=flip)

    def view(self, height: int, width: int, index: int, num_views: int) -> Window:
        return EvenCrops(self.size, round(self.size * 256 / 224)).view(height, width, index, num_views)
