"""MixUp and CutMix: batches whose clips are blends of two, with targets to match."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from videotx.datasets.sample import ClipBatch


@dataclass(frozen=True, slots=True)
class Mix:
    """Blend every clip with its mirror image in the batch (clip i with clip b - 1 - i).

    MixUp (Zhang et al. 2018) blends RGB by a share drawn from Beta(``mixup``, ``mixup``); CutMix (Yun et al. 2019)
    pastes a box of the other clip, of a share drawn from Beta(``cutmix``, ``cutmix``), through all frames. ``switch``
    is the probability of CutMix when both are above 0. Labels become float ``(b, class)``: one-hot with ``smoothing``,
    mixed by the same share.

    Motion cannot be a mean of two. Motion, references, traces, validity and residuals are taken whole: in CutMix
    from the clip that shows at the cell's or patch's centre, in MixUp from the clip with the greater share.
    """

    num_classes: int
    mixup: float = 0.8
    cutmix: float = 1.0
    switch: float = 0.5
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        if self.mixup < 0 or self.cutmix < 0 or self.mixup + self.cutmix == 0:
            raise ValueError(f"expected mixup or cutmix above 0, got {self.mixup} and {self.cutmix}")

    def __call__(self, batch: ClipBatch, random: np.random.Generator) -> ClipBatch:
        """The mixed batch. Raises ValueError without RGB ``(b, t, h, w, 3)`` or with labels that are no classes."""
        if batch.rgb is None or batch.rgb.dtype != torch.uint8:
            raise ValueError("expected uint8 rgb (b, t, h, w, 3): mix before normalising")
        cut = self.cutmix > 0 and (self.mixup == 0 or random.random() < self.switch)
        alpha = self.cutmix if cut else self.mixup
        share = float(random.beta(alpha, alpha))
        height, width = batch.rgb.shape[2:4]
        if cut:
            box = _box(height, width, share, random)
            share = 1 - (box[1] - box[0]) * (box[3] - box[2]) / (height * width)
            other = torch.zeros(height, width, dtype=torch.bool)
            other[box[0] : box[1], box[2] : box[3]] = True
            rgb = torch.where(other[None, None, :, :, None].to(batch.rgb.device), batch.rgb.flip(0), batch.rgb)
        else:
            other = torch.full((height, width), share < 0.5)
            rgb = torch.lerp(batch.rgb.flip(0).float(), batch.rgb.float(), share).round().to(torch.uint8)
        target = self._targets(batch.label)
        return replace(
            batch,
            rgb=rgb,
            label=share * target + (1 - share) * target.flip(0),
            motion=_pick(batch.motion, other, 3),
            ref=_pick(batch.ref, other, 3),
            frame_residual=_pick(batch.frame_residual, other, 2),
            displacement=_pick(batch.displacement, other, 3),
            valid=_pick(batch.valid, other, 3),
            residual=_pick(batch.residual, other, 3),
        )

    def _targets(self, label: torch.Tensor) -> torch.Tensor:
        """(b,) class numbers or (b, class) of 0 and 1 to smoothed float (b, class)."""
        if label.ndim == 1:
            label = F.one_hot(label, self.num_classes)
        elif label.shape != (len(label), self.num_classes) or not label.is_floating_point():
            raise ValueError(f"expected labels (b,) or float (b, {self.num_classes}), got {tuple(label.shape)}")
        return label.float() * (1 - self.smoothing) + self.smoothing / self.num_classes


def _box(height: int, width: int, share: float, random: np.random.Generator) -> tuple[int, int, int, int]:
    """Half-open rows and columns of a box of about ``1 - share`` of the area, clipped at the border."""
    side = (1 - share) ** 0.5
    half_height, half_width = int(height * side) // 2, int(width * side) // 2
    y, x = int(random.integers(height)), int(random.integers(width))
    return (
        max(y - half_height, 0), min(y + half_height, height), max(x - half_width, 0), min(x + half_width, width)
    )  # fmt: skip


def _pick(values: torch.Tensor | None, other: torch.Tensor, row_axis: int) -> torch.Tensor | None:
    """Per place, the value of the batch or of its mirror image; ``row_axis`` and the next are rows and columns."""
    if values is None:
        return None
    rows, columns = values.shape[row_axis : row_axis + 2]
    height, width = other.shape
    y = ((torch.arange(rows) + 0.5) * height / rows).long()
    x = ((torch.arange(columns) + 0.5) * width / columns).long()
    where = other[y[:, None], x[None, :]].to(values.device)
    shape = [1] * row_axis + [rows, columns] + [1] * (values.ndim - row_axis - 2)
    return torch.where(where.view(shape), values.flip(0), values)
