"""Linear classifiers on top of one vector per clip."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

ONE_TARGET = "label"


class Head(nn.Module):
    """One linear layer per target.

    ``num_classes`` is a number (logits come out as one tensor) or a mapping from target names to numbers (logits come
    out as a dict with the same names, verb and noun say).
    """

    def __init__(self, dim: int, num_classes: int | Mapping[str, int], *, dropout: float = 0.0) -> None:
        super().__init__()
        targets = {ONE_TARGET: num_classes} if isinstance(num_classes, int) else dict(num_classes)
        if not targets or min(targets.values()) < 1:
            raise ValueError(f"expected at least one class for at least one target, got {num_classes}")
        self.one_target = isinstance(num_classes, int)
        self.dropout = nn.Dropout(dropout)
        self.targets = nn.ModuleDict({name: nn.Linear(dim, number) for name, number in targets.items()})

    def forward(self, pooled: Tensor) -> Tensor | dict[str, Tensor]:
        """Logits of vectors (b, d)."""
        pooled = self.dropout(pooled)
        logits: dict[str, Tensor] = {name: linear(pooled) for name, linear in self.targets.items()}
        return logits[ONE_TARGET] if self.one_target else logits
