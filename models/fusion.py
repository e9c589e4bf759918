"""u(z^ST, z^MS): what attention along the motion and attention over resolutions found, made into one update.

Takes the place of the output projection, which the branches do not have of their own.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from videotx.models.layers.gpu_kernels import HAS_TRITON, runs_kernels
from videotx.models.layers.mlp import MLP

if HAS_TRITON:
    from videotx.models.fusion_triton import mix_branches

FusionKind = Literal["linear", "mixer"]


class LinearFusion(nn.Module):
    """One linear map of the concatenated branches; with one branch an ordinary output projection."""

    def __init__(self, dim: int, num_branches: int) -> None:
        super().__init__()
        self.proj = nn.Linear(num_branches * dim, dim)

    def forward(self, branches: list[Tensor]) -> Tensor:
        """Update (..., d) from branches (..., d)."""
        update: Tensor = self.proj(torch.cat(branches, dim=-1))
        return update


class MixerFusion(nn.Module):
    """One layer of an MLP-Mixer (Tolstikhin et al., NeurIPS 2021) over the branches as its tokens, then their mean.

    ``branch_dim`` is the hidden width of the mixing across branches, ``channel_dim`` of the mixing across channels.
    """

    def __init__(self, dim: int, num_branches: int, *, branch_dim: int, channel_dim: int, norm_eps: float) -> None:
        super().__init__()
        self.norm_branches = nn.LayerNorm(dim, norm_eps)
        self.mix_branches = MLP(num_branches, branch_dim, activation="gelu")
        self.norm_channels = nn.LayerNorm(dim, norm_eps)
        self.mix_channels = MLP(dim, channel_dim, activation="gelu")
        self.proj = nn.Linear(dim, dim)

    def forward(self, branches: list[Tensor]) -> Tensor:
        """Update (..., d) from branches (..., d)."""
        z = self._mix_branches(torch.stack(branches))  # branches ... d
        z = z + self.mix_channels(self.norm_channels(z))
        update: Tensor = self.proj(z.mean(0))
        return update

    def _mix_branches(self, z: Tensor) -> Tensor:
        mlp, normed = self.mix_branches, self.norm_branches(z)
        if runs_kernels(z) and len(z) == 2:
            weights = (mlp.fc1.weight, mlp.fc1.bias, mlp.fc2.weight, mlp.fc2.bias)
            return mix_branches(normed.contiguous(), z, *weights)
        # From the left, with branches in front: as a map of the last axis it would be a product of millions of rows by
        # as many columns as there are branches, several times slower.
        hidden = mlp.activation(mlp.fc1.weight @ normed.flatten(1) + mlp.fc1.bias.unsqueeze(-1))
        return z + (mlp.fc2.weight @ hidden + mlp.fc2.bias.unsqueeze(-1)).view_as(z)
