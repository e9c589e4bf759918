"""What is predicted: one class per video, several, or a verb and a noun; in all cases as one row of numbers per clip.

    single      [0 0 1 0 0]            softmax
    multiple    [0 1 1 0 1]            sigmoid
    verb_noun   [0 1 0 | 0 0 0 1 0]    a softmax each

MixUp and CutMix blend such rows, and the loss takes them apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from settings import TargetKind
from videotx.models.layers.head import ONE_TARGET


@dataclass(frozen=True)
class Targets:
    """``sizes`` is the number of classes by target, in the order of the columns of a row."""

    kind: TargetKind
    sizes: Mapping[str, int]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def num_classes(self) -> int | dict[str, int]:
        """What a model is created with."""
        return dict(self.sizes) if self.kind == "verb_noun" else self.sizes[ONE_TARGET]

    @property
    def width(self) -> int:
        """The length of a row."""
        return sum(self.sizes.values())

    def name(self, target: str, number: int) -> str:
        """What class ``number`` of a target is called."""
        names = self.class_names.get(target, ())
        return names[number] if number < len(names) else str(number)

    def encode(self, label: Tensor) -> Tensor:
        """Labels of a batch, ``(b,)``, ``(b, class)`` or ``(b, 2)``, as float rows ``(b, width)``."""
        if self.kind == "multiple":
            return label.float()
        numbers = label.reshape(len(label), -1)
        hot = [F.one_hot(column, size) for column, size in zip(numbers.unbind(1), self.sizes.values(), strict=True)]
        return torch.cat(hot, dim=1).float()

    def split(self, rows: Tensor) -> dict[str, Tensor]:
        """Rows ``(b, width)`` by target."""
        return dict(zip(self.sizes, rows.split(list(self.sizes.values()), dim=1), strict=True))

    def logits(self, outputs: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
        """What a model returns, by target, in float32."""
        by_target = {ONE_TARGET: outputs} if isinstance(outputs, Tensor) else outputs
        return {target: logits.float() for target, logits in by_target.items()}

    def loss(self, outputs: Tensor | dict[str, Tensor], rows: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean over clips, and over the targets where there are two."""
        logits = self.logits(outputs)
        if self.kind == "multiple":
            return F.binary_cross_entropy_with_logits(logits[ONE_TARGET], rows)
        losses = [
            F.cross_entropy(logits[target], wanted, label_smoothing=smoothing)
            for target, wanted in self.split(rows).items()
        ]
        return torch.stack(losses).mean()

    def hits(self, outputs: Tensor | dict[str, Tensor], rows: Tensor) -> Tensor:
        """Share of the batch whose best class has the greatest part of the target; for verb and noun, both must."""
        logits = self.logits(outputs)
        parts = self.split(rows)
        if self.kind == "multiple":
            return parts[ONE_TARGET].gather(1, logits[ONE_TARGET].argmax(1, keepdim=True)).mean()
        right = [logits[target].argmax(1) == wanted.argmax(1) for target, wanted in parts.items()]
        return torch.stack(right).all(0).float().mean()

    def scores(self, outputs: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
        """Probabilities by target."""
        logits = self.logits(outputs)
        if self.kind == "multiple":
            return {target: values.sigmoid() for target, values in logits.items()}
        return {target: values.softmax(1) for target, values in logits.items()}
