"""Tubelet embedding: non-overlapping t x h x w boxes of pixels to tokens (a 3-D convolution with stride = kernel)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TubeletEmbedding(nn.Module):
    """A linear map of every tubelet (frames, rows, columns) of a clip to ``dim`` channels.

    ``weight`` is shaped as that of a Conv3d, (d, 3, t, h, w); as a matrix product it is faster than the convolution.
    With ``pad`` a clip that does not divide into tubelets is padded with zeros at the end of each axis, without it is
    an error.
    """

    def __init__(self, tubelet: tuple[int, int, int], dim: int, *, in_channels: int = 3, pad: bool = False) -> None:
        super().__init__()
        self.tubelet = tubelet
        self.pad = pad
        self.weight = nn.Parameter(torch.empty(dim, in_channels, *tubelet))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.trunc_normal_(self.weight, std=1.0 / math.sqrt(in_channels * math.prod(tubelet)))

    def grid(self, num_frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Time steps, rows and columns of the tokens of a clip of this size; an error where it does not divide."""
        t, h, w = self.tubelet
        if not self.pad and (num_frames % t or height % h or width % w):
            raise ValueError(
                f"expected a clip whose frames, height and width are multiples of {t}, {h} and {w}, "
                f"got {num_frames}, {height} and {width}"
            )
        return -(-num_frames // t), -(-height // h), -(-width // w)

    def forward(self, rgb: Tensor) -> Tensor:
        """Tokens (b, t, h, w, d) of clips (b, channels, frames, height, width)."""
        size = (rgb.shape[2], rgb.shape[3], rgb.shape[4])
        grid = self.grid(*size)
        if self.pad:
            missing = [n * p - have for n, p, have in zip(grid, self.tubelet, size, strict=True)]
            if any(missing):
                rgb = F.pad(rgb, (0, missing[2], 0, missing[1], 0, missing[0]))
        boxes = rgb.unflatten(4, (grid[2], -1)).unflatten(3, (grid[1], -1)).unflatten(2, (grid[0], -1))
        boxes = boxes.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)  # b t h w (c pt ph pw)
        return F.linear(boxes, self.weight.flatten(1), self.bias)
