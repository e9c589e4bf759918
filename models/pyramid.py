"""Frames of values in several resolutions, side by side in one table: what D-MS-A looks into.

A resolution is a 3-D convolution, ``stride`` times coarser in space: depthwise, as the linear map before it already
mixes channels (a full 3x3x3 convolution alone would cost two blocks of DVT).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videotx.models.layers.depthwise import depthwise_conv3d
from videotx.models.layers.gpu_kernels import HAS_TRITON, runs_kernels

if HAS_TRITON:
    from videotx.models.pyramid_triton import pyramid_cells


class Scale(nn.Conv3d):
    """One resolution, ``stride`` times coarser in space; its cells start as averages over stride x stride values.

    A kernel of stride + 2 with padding 1 puts the centre of cell i at (i + 1/2) * stride - 1/2, at every stride.
    """

    def __init__(self, dim: int, stride: int) -> None:
        kernel = (3, stride + 2, stride + 2)
        super().__init__(dim, dim, kernel, stride=(1, stride, stride), padding=1, groups=dim, bias=False)
        nn.init.zeros_(self.weight)
        nn.init.constant_(self.weight[:, :, 1, 1:-1, 1:-1], 1 / stride**2)


class Pyramid(nn.ModuleList):
    """A `Scale` for each of ``strides``."""

    def __init__(self, dim: int, strides: Sequence[int]) -> None:
        super().__init__(Scale(dim, stride) for stride in strides)
        self.strides = list(strides)

    def sizes(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """Rows and columns of each resolution: what the stride cuts is filled up, so every value is in some cell."""
        return [(-(-rows // stride), -(-columns // stride)) for stride in self.strides]

    def forward(self, values: Tensor) -> Tensor:
        """Cells (b, t, cells, d) of all resolutions, one after the other and row by row, of values (b, t, h, w, d)."""
        weights = [scale.weight.to(values.dtype) for scale in self if isinstance(scale, Scale)]
        if runs_kernels(values):
            taps = torch.cat([weight.flatten(1) for weight in weights], dim=1).t()
            return pyramid_cells(values.contiguous(), taps.contiguous(), self.strides)
        h, w = values.shape[2:4]
        channels_first = values.permute(0, 4, 1, 2, 3)  # b d t h w
        found = []
        for weight, stride in zip(weights, self.strides, strict=True):
            padded = F.pad(channels_first, (0, -w % stride, 0, -h % stride))
            coarse = depthwise_conv3d(padded, weight, (1, stride, stride), (1, 1, 1))
            found.append(coarse.permute(0, 2, 3, 4, 1).flatten(2, 3))  # b t cells d
        return torch.cat(found, dim=2)
