"""Stochastic depth (Huang et al., ECCV 2016): whole residual branches are left out while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Zero the branch of a random share ``rate`` of the samples (first axis) and scale the others to keep the mean."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"expected a rate in [0, 1), got {rate}")
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if self.rate == 0.0 or not self.training:
            return branch
        keep = 1.0 - self.rate
        kept = torch.empty(branch.shape[:1], dtype=branch.dtype, device=branch.device).bernoulli_(keep).div_(keep)
        return branch * kept.view(-1, *[1] * (branch.ndim - 1))

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3f}"


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Rates that grow linearly from 0 at the first of ``depth`` blocks to ``last`` at the last."""
    return [last * i / max(depth - 1, 1) for i in range(depth)]
