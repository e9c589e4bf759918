"""How `videotx.models.fusion.MixerFusion` mixes branches on a GPU: one kernel forward, one backward (Triton).

As matrix products it is two by eight times millions of columns, whose hidden values are eight times as large as what
comes in; here they never leave the registers.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 256  # positions of a program at a time
_MAX_PROGRAMS = 1056  # that share the gradient of the weights: eight for each multiprocessor of a large GPU


@triton.jit
def _weights(fc1, bias1, fc2, hidden, num_hidden):
    """Columns (hidden, 1): of fc1 for both branches, its bias, and rows of fc2 for both branches."""
    there = hidden < num_hidden
    return (
        tl.load(fc1 + 2 * hidden, there, 0.0).to(tl.float32)[:, None],
        tl.load(fc1 + 2 * hidden + 1, there, 0.0).to(tl.float32)[:, None],
        tl.load(bias1 + hidden, there, 0.0).to(tl.float32)[:, None],
        tl.load(fc2 + hidden, there, 0.0).to(tl.float32)[:, None],
        tl.load(fc2 + num_hidden + hidden, there, 0.0).to(tl.float32)[:, None],
    )


@triton.jit
def _mix_kernel(
    normed, z, fc1, bias1, fc2, bias2, mixed, size, num_hidden, block_hidden: tl.constexpr, block: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    known = at < size
    in0, in1, bias, out0, out1 = _weights(fc1, bias1, fc2, tl.arange(0, block_hidden), num_hidden)
    first = tl.load(normed + at, known, 0.0).to(tl.float32)[None, :]
    second = tl.load(normed + size + at, known, 0.0).to(tl.float32)[None, :]
    h = in0 * first + in1 * second + bias
    h = 0.5 * h * (1 + tl.erf(h * 0.7071067811865476))
    for branch in tl.static_range(2):
        there = branch * size + at
        back = tl.sum(h * (out1 if branch else out0), 0) + tl.load(bias2 + branch).to(tl.float32)
        tl.store(mixed + there, back + tl.load(z + there, known, 0.0).to(tl.float32), known)


@triton.jit
def _mix_gradient_kernel(
    gradient, normed, fc1, bias1, fc2, of_normed, of_weights, size, num_hidden,
    block_hidden: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    hidden = tl.arange(0, block_hidden)
    in0, in1, bias, out0, out1 = _weights(fc1, bias1, fc2, hidden, num_hidden)
    of_in0 = tl.zeros([block_hidden, block], tl.float32)
    of_in1 = tl.zeros([block_hidden, block], tl.float32)
    of_bias1 = tl.zeros([block_hidden, block], tl.float32)
    of_out0 = tl.zeros([block_hidden, block], tl.float32)
    of_out1 = tl.zeros([block_hidden, block], tl.float32)
    of_bias20 = tl.zeros([block], tl.float32)
    of_bias21 = tl.zeros([block], tl.float32)
    for start in range(tl.program_id(0), tl.cdiv(size, block), tl.num_programs(0)):
        at = (start + tl.zeros([1], tl.int64)) * block + tl.arange(0, block)
        known = at < size
        first = tl.load(normed + at, known, 0.0).to(tl.float32)[None, :]
        second = tl.load(normed + size + at, known, 0.0).to(tl.float32)[None, :]
        above0 = tl.load(gradient + at, known, 0.0).to(tl.float32)
        above1 = tl.load(gradient + size + at, known, 0.0).to(tl.float32)
        of_bias20 += above0
        of_bias21 += above1
        h = in0 * first + in1 * second + bias
        share = 0.5 * (1 + tl.erf(h * 0.7071067811865476))
        of_out0 += h * share * above0[None, :]
        of_out1 += h * share * above1[None, :]
        slope = share + h * 0.3989422804014327 * tl.exp(-0.5 * h * h)
        of_h = slope * (out0 * above0[None, :] + out1 * above1[None, :])
        of_bias1 += of_h
        of_in0 += of_h * first
        of_in1 += of_h * second
        tl.store(of_normed + at, tl.sum(of_h * in0, 0), known)
        tl.store(of_normed + size + at, tl.sum(of_h * in1, 0), known)
    # One row of partial sums per program: fc1, its bias, fc2, its bias.
    row = of_weights + tl.program_id(0) * (5 * num_hidden + 2)
    there = hidden < num_hidden
    tl.store(row + 2 * hidden, tl.sum(of_in0, 1), there)
    tl.store(row + 2 * hidden + 1, tl.sum(of_in1, 1), there)
    tl.store(row + 2 * num_hidden + hidden, tl.sum(of_bias1, 1), there)
    tl.store(row + 3 * num_hidden + hidden, tl.sum(of_out0, 1), there)
    tl.store(row + 4 * num_hidden + hidden, tl.sum(of_out1, 1), there)
    tl.store(row + 5 * num_hidden, tl.sum(of_bias20, 0))
    tl.store(row + 5 * num_hidden + 1, tl.sum(of_bias21, 0))


class _MixBranches(torch.autograd.Function):
    @staticmethod
    def forward(ctx, normed: Tensor, z: Tensor, fc1: Tensor, bias1: Tensor, fc2: Tensor, bias2: Tensor) -> Tensor:
        mixed = torch.empty_like(z)
        size, hidden = z[0].numel(), len(fc1)
        _mix_kernel[(triton.cdiv(size, _BLOCK),)](
            normed, z, fc1, bias1, fc2, bias2, mixed, size, hidden, triton.next_power_of_2(hidden), _BLOCK
        )
        ctx.save_for_backward(normed, fc1, bias1, fc2, bias2)
        return mixed

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, ...]:
        normed, fc1, bias1, fc2, bias2 = ctx.saved_tensors
        gradient = gradient.contiguous()
        size, hidden = gradient[0].numel(), len(fc1)
        programs = min(triton.cdiv(size, _BLOCK), _MAX_PROGRAMS)
        of_normed = torch.empty_like(normed)
        partial = normed.new_empty(programs, 5 * hidden + 2, dtype=torch.float32)
        _mix_gradient_kernel[(programs,)](
            gradient, normed, fc1, bias1, fc2, of_normed, partial, size, hidden, triton.next_power_of_2(hidden), _BLOCK
        )
        of_fc1, of_bias1, of_fc2, of_bias2 = partial.sum(0).split([2 * hidden, hidden, 2 * hidden, 2])
        of_fc1, of_fc2 = of_fc1.view(hidden, 2).to(fc1.dtype), of_fc2.view(2, hidden).to(fc2.dtype)
        return of_normed, gradient, of_fc1, of_bias1.to(bias1.dtype), of_fc2, of_bias2.to(bias2.dtype)


def mix_branches(normed: Tensor, z: Tensor, fc1: Tensor, bias1: Tensor, fc2: Tensor, bias2: Tensor) -> Tensor:
    """``z`` + fc2 gelu(fc1 ``normed`` + bias1) + bias2 across the first axis, of two branches (2, ...); all contiguous.

    ``fc1`` (hidden, 2) and ``fc2`` (2, hidden) with their biases are of any type; sums are in float32.
    """
    found: Tensor = _MixBranches.apply(normed, z, fc1, bias1, fc2, bias2)
    return found
