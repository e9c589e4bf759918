"""Changes of a clip's RGB values; its geometry, and so its motion, stays. One draw serves all frames of a clip.

Each is a frozen value called with a clip and the clip's own generator, so that what comes out depends on (seed, epoch,
index) alone. Geometric augmentation is the choice of a window: ``videotx.datasets.crops``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import kornia.enhance as ke
import numpy as np
import torch

from videotx.datasets.sample import Clip

Planes = torch.Tensor  # float (t, 3, h, w) in [0, 1]
Transform = Callable[[Clip, np.random.Generator], Clip]


@dataclass(frozen=True, slots=True)
class Chain:
    """Several transforms, one after another."""

    transforms: tuple[Transform, ...]

    def __call__(self, clip: Clip, random: np.random.Generator) -> Clip:
        for transform in self.transforms:
            clip = transform(clip, random)
        return clip


def _planes(clip: Clip) -> Planes:
    if clip.rgb is None or clip.rgb.dtype != torch.uint8:
        raise ValueError(f"{clip.video}: expected uint8 rgb, got {None if clip.rgb is None else clip.rgb.dtype}")
    return clip.rgb.permute(0, 3, 1, 2).float() / 255


def _with_planes(clip: Clip, planes: Planes) -> Clip:
    rgb = (planes.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return replace(clip, rgb=rgb.contiguous())


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """Brightness, contrast and saturation by a factor within 1 +- the number given, hue by up to ``hue`` turns, in
    random order."""

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.0

    def __call__(self, clip: Clip, random: np.random.Generator) -> Clip:
        planes = _planes(clip)
        for step in random.permutation(4):
            if step == 0 and self.brightness:
                planes = _brightness(planes, float(random.uniform(1 - self.brightness, 1 + self.brightness)))
            elif step == 1 and self.contrast:
                planes = _contrast(planes, float(random.uniform(1 - self.contrast, 1 + self.contrast)))
            elif step == 2 and self.saturation:
                planes = _saturation(planes, float(random.uniform(1 - self.saturation, 1 + self.saturation)))
            elif step == 3 and self.hue:
                planes = ke.adjust_hue(planes.contiguous(), 2 * np.pi * float(random.uniform(-self.hue, self.hue)))
        return _with_planes(clip, planes)


def _grey(planes: Planes) -> Planes:
    """Luma of BT.601, (t, 1, h, w)."""
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (planes * weights).sum(1, keepdim=True)


def _brightness(planes: Planes, factor: float) -> Planes:
    return (planes * factor).clamp(0, 1)


def _contrast(planes: Planes, factor: float) -> Planes:
    """Away from or towards the mean luma of the whole clip, so that contrast does not flicker from frame to frame."""
    return torch.lerp(_grey(planes).mean(), planes, factor).clamp(0, 1)


def _saturation(planes: Planes, factor: float) -> Planes:
    return torch.lerp(_grey(planes).expand_as(planes), planes, factor).clamp(0, 1)


def _autocontrast(planes: Planes, level: float) -> Planes:
    del level
    low, high = planes.amin((0, 2, 3), keepdim=True), planes.amax((0, 2, 3), keepdim=True)
    return torch.where(high > low, (planes - low) / (high - low).clamp(min=1 / 255), planes)


def _equalize(planes: Planes, level: float) -> Planes:
    """One curve for the clip: its frames side by side as one picture."""
    del level
    t, c, h, w = planes.shape
    wide = planes.permute(1, 2, 0, 3).reshape(1, c, h, t * w)
    return ke.equalize(wide).reshape(c, h, t, w).permute(2, 0, 1, 3)


def _sharpness(planes: Planes, level: float) -> Planes:
    return ke.sharpness(planes.contiguous(), level)


# What RandAugment chooses from, each with what magnitude 0 and magnitude 10 mean. Enhancements go either way.
_POLICY: tuple[tuple[Callable[[Planes, float], Planes], float, float, bool], ...] = (
    (_autocontrast, 0.0, 0.0, False),
    (_equalize, 0.0, 0.0, False),
    (_brightness, 0.0, 0.9, True),
    (_contrast, 0.0, 0.9, True),
    (_saturation, 0.0, 0.9, True),
    (_sharpness, 0.0, 0.9, False),
    (lambda planes, level: ke.solarize(planes.contiguous(), level), 1.0, 0.0, False),
    (lambda planes, level: ke.posterize(planes.contiguous(), torch.tensor(round(level))), 8.0, 4.0, False),
)


@dataclass(frozen=True, slots=True)
class RandAugment:
    """``num_steps`` random changes of ``magnitude`` 0 to 10 (Cubuk et al. 2020), of those that leave geometry alone.

    The paper's shears, shifts and turns would part the RGB from its motion; a random window takes their place.
    """

    num_steps: int = 2
    magnitude: float = 9.0
    deviation: float = 0.5

    def __call__(self, clip: Clip, random: np.random.Generator) -> Clip:
        planes = _planes(clip)
        for step in random.integers(len(_POLICY), size=self.num_steps):
            change, least, most, either_way = _POLICY[step]
            share = float(np.clip(random.normal(self.magnitude, self.deviation), 0, 10)) / 10
            level = least + (most - least) * share
            if either_way:
                level = 1 + level if random.random() < 0.5 else 1 - level
            planes = change(planes, level).clamp(0, 1)
        return _with_planes(clip, planes)


@dataclass(frozen=True, slots=True)
class RandomErasing:
    """A rectangle, the same in all frames, replaced by noise (Zhong et al. 2020; MViT and Swin train with it)."""

    probability: float = 0.25
    area: tuple[float, float] = (0.02, 1 / 3)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)

    def __call__(self, clip: Clip, random: np.random.Generator) -> Clip:
        if random.random() >= self.probability:
            return clip
        if clip.rgb is None:
            raise ValueError(f"{clip.video}: expected rgb, there is none")
        t, height, width, channels = clip.rgb.shape
        for _ in range(10):
            area = height * width * float(random.uniform(*self.area))
            aspect = float(np.exp(random.uniform(*np.log(self.aspect))))
            h, w = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
            if 0 < h < height and 0 < w < width:
                top, left = int(random.integers(height - h + 1)), int(random.integers(width - w + 1))
                rgb = clip.rgb.clone()
                noise = random.integers(0, 256, (t, h, w, channels), np.uint8)
                rgb[:, top : top + h, left : left + w] = torch.from_numpy(noise)
                return replace(clip, rgb=rgb)
        return clip
