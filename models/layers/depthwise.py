"""Depthwise convolution over (t, h, w), in the form that each device computes well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def depthwise_conv3d(x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
    """Each channel of ``x`` (b, channels, t, h, w) with its own kernel of ``weight`` (channels, 1, t, h, w).

    Raises ValueError for a stride over frames that is not 1. Tokens come as channels last, and CPUs take them so. On a
    GPU that layout goes to cuDNN, whose gradient of the weight is a kernel per channel and picture, a hundred times
    slower than torch's own for channels first.
    """
    if stride[0] != 1:
        raise ValueError(f"expected a stride of 1 over frames, got {stride[0]}")
    if x.is_cpu:
        out: Tensor = _on_cpu(x, weight.to(x.dtype), stride, padding)
        return out
    return F.conv3d(x.contiguous() if x.is_cuda else x, weight, None, stride, padding, groups=len(weight))


@torch.library.custom_op("videotx::depthwise_conv3d_cpu", mutates_args=(), device_types="cpu")
def _on_cpu(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> Tensor:
    """Forward torch's own; backward the sum over the kernel's frames of 2-D convolutions' gradients, at least float32.

    The gradients of depthwise 3-D convolutions take up to five times as long there (torch 2.13), and in
    bfloat16 oneDNN computes wrong ones, not a number among them.
    """
    return F.conv3d(x, weight, None, stride, padding, groups=len(weight))


@torch.library.custom_op("videotx::depthwise_conv3d_cpu_backward", mutates_args=(), device_types="cpu")
def _on_cpu_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]
) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(x.dtype, torch.float32)
    of_x, of_weight = torch.zeros_like(x, dtype=dtype), torch.zeros_like(weight, dtype=dtype)
    for i, kernel in enumerate(weight.to(dtype).unbind(2)):
        # Frame `out` of the result has met frame `out + ahead` with this kernel.
        ahead = i - padding[0]
        out = slice(max(0, -ahead), min(gradient.shape[2], x.shape[2] - ahead))
        if out.start >= out.stop:
            continue  # this kernel met padding alone
        met = slice(out.start + ahead, out.stop + ahead)
        of_met, of_weight[:, :, i], _ = torch.ops.aten.convolution_backward(
            _pictures(gradient[:, :, out].to(dtype)), _pictures(x[:, :, met].to(dtype)), kernel, None,
            stride[1:], padding[1:], [1, 1], False, [0, 0], len(weight), [True, True, False],
        )  # fmt: skip
        of_x[:, :, met] += of_met.unflatten(0, (len(x), -1)).transpose(1, 2)
    return of_x.to(x.dtype), of_weight.to(weight.dtype)


@_on_cpu.register_fake
def _like_result(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> Tensor:
    return F.conv3d(x, weight, None, stride, padding, groups=len(weight))


@_on_cpu_backward.register_fake
def _like_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(weight)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, ctx.stride, ctx.padding = inputs
    ctx.save_for_backward(x, weight)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    of_x, of_weight = _on_cpu_backward(gradient, *ctx.saved_tensors, ctx.stride, ctx.padding)
    return of_x, of_weight, None, None


_on_cpu.register_autograd(_backward, setup_context=_keep)


def _pictures(clips: Tensor) -> Tensor:
    """Pictures (b t, channels, h, w), channels last in memory, of clips (b, channels, t, h, w)."""
    return clips.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
