"""Blocks in sequence, with or without keeping their activations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


class BlockStack(nn.ModuleList):
    """Call the blocks one after the other; with ``recompute``, training recomputes each block's inside in backward."""

    def __init__(self, blocks: Iterable[nn.Module], *, recompute: bool = False) -> None:
        super().__init__(blocks)
        self.recompute = recompute

    def forward(self, x: Any, *args: object) -> Any:
        """``x`` is what a block takes first and returns, mostly a tensor; ``args`` go to every block unchanged."""
        for block in self:
            x = (
                checkpoint(block, x, *args, use_reentrant=False)
                if self.recompute and self.training
                else block(x, *args)
            )
        return x
