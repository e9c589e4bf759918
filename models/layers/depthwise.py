"""Depthwise convolution over (t, h, w), in the memory layout that each device computes well."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def depthwise_conv3d(x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
    """Each channel of ``x`` (b, channels, t, h, w) with its own kernel of ``weight`` (channels, 1, t, h, w).

    Tokens come as channels last, and CPUs take them so. On a GPU that layout goes to cuDNN, whose gradient of the
    weight is a kernel per channel and picture, a hundred times slower than torch's own for channels first.
    """
    if x.is_cuda:
        x = x.contiguous()
    return F.conv3d(x, weight, None, stride, padding, groups=len(weight))
