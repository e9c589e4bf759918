"""Weights before training."""

from __future__ import annotations

from torch import nn

from videotx.models.layers.head import Head


def initialise(model: nn.Module, *, std: float = 0.02, zero_head: bool = False) -> None:
    """Draw every linear weight from a normal truncated at two ``std``, biases zero; norms and tables stay as built.

    With ``zero_head`` the classifiers start at zero, so that an untrained model predicts all classes alike.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if zero_head:
        for head in (module for module in model.modules() if isinstance(module, Head)):
            for parameter in head.parameters():
                nn.init.zeros_(parameter)
