"""`videotx.models.pyramid.Pyramid` on a GPU: one kernel per resolution forward, two backward (Triton).

Values are tokens, channels last, and stay so: neighbouring threads hold neighbouring channels, and every tap reads
whole rows of them. torch's depthwise convolutions want channels first, and their gradients for a stride above 1 visit
every tap of the kernel for every value, most of which met nothing: in a training step of DVT-B they took more time than
all matrix products.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_PLACES, _CHANNELS = 32, 64  # of a program
_CHUNKS = 16  # programs that share the sum over all cells for one tap


@triton.jit
def _split(index, frames, rows, columns):
    """Frame among all clips', frame in its clip, row and column of places that are counted through."""
    frame = index // (rows * columns)
    return frame, frame % frames, index // columns % rows, index % columns


@triton.jit
def _met(frame, t, y, x, tap, frames, rows, columns, stride: tl.constexpr):
    """Which value a cell's tap reads, and whether there is one."""
    kernel: tl.constexpr = stride + 2
    ahead = tap // (kernel * kernel) - 1
    row = y * stride + tap // kernel % kernel - 1
    column = x * stride + tap % kernel - 1
    inside = (t + ahead >= 0) & (t + ahead < frames) & (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return (((frame + ahead) * rows + row) * columns + column).to(tl.int64), inside


@triton.jit
def _cells_kernel(
    values, taps, cells, num_places, frames, rows, columns, cell_rows, cell_columns, frame_cells, first_cell, first_tap,
    channels, stride: tl.constexpr, block_places: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    kernel: tl.constexpr = stride + 2
    index = tl.program_id(0) * block_places + tl.arange(0, block_places)
    channel = tl.program_id(1) * block_channels + tl.arange(0, block_channels)
    known = index < num_places
    within = channel < channels
    frame, t, y, x = _split(index, frames, cell_rows, cell_columns)
    total = tl.zeros([block_places, block_channels], tl.float32)
    for tap in range(3 * kernel * kernel):
        met, inside = _met(frame, t, y, x, tap, frames, rows, columns, stride)
        mask = (known & inside)[:, None] & within[None, :]
        value = tl.load(values + met[:, None] * channels + channel[None, :], mask, 0.0).to(tl.float32)
        weight = tl.load(taps + (first_tap + tap) * channels + channel, within, 0.0).to(tl.float32)
        total += value * weight[None, :]
    at = (frame * frame_cells + first_cell + y * cell_columns + x).to(tl.int64)
    tl.store(cells + at[:, None] * channels + channel[None, :], total, known[:, None] & within[None, :])


@triton.jit
def _value_gradient_kernel(
    gradient, taps, of_values, num_places, frames, rows, columns, cell_rows, cell_columns, frame_cells, first_cell,
    first_tap, channels, stride: tl.constexpr, block_places: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    kernel: tl.constexpr = stride + 2
    reach: tl.constexpr = (kernel + stride - 1) // stride  # cells that one value may belong to, along an axis
    index = tl.program_id(0) * block_places + tl.arange(0, block_places)
    channel = tl.program_id(1) * block_channels + tl.arange(0, block_channels)
    known = index < num_places
    within = channel < channels
    frame, t, y, x = _split(index, frames, rows, columns)
    at = index.to(tl.int64)[:, None] * channels + channel[None, :]
    total = tl.load(of_values + at, known[:, None] & within[None, :], 0.0)
    for i in range(3 * reach * reach):
        ahead = i // (reach * reach) - 1
        row = (y + 1) // stride - i // reach % reach
        column = (x + 1) // stride - i % reach
        down = y + 1 - row * stride
        across = x + 1 - column * stride
        inside = known & (down < kernel) & (across < kernel) & (t >= ahead) & (t - ahead < frames)
        inside &= (row >= 0) & (row < cell_rows) & (column >= 0) & (column < cell_columns)
        mask = inside[:, None] & within[None, :]
        tap = first_tap + ((ahead + 1) * kernel + down) * kernel + across
        weight = tl.load(taps + tap[:, None] * channels + channel[None, :], mask, 0.0).to(tl.float32)
        cell = ((frame - ahead) * frame_cells + first_cell + row * cell_columns + column).to(tl.int64)
        total += weight * tl.load(gradient + cell[:, None] * channels + channel[None, :], mask, 0.0).to(tl.float32)
    tl.store(of_values + at, total, known[:, None] & within[None, :])


@triton.jit
def _tap_gradient_kernel(
    gradient, values, of_taps, num_places, frames, rows, columns, cell_rows, cell_columns, frame_cells, first_cell,
    first_tap, channels, stride: tl.constexpr, block_places: tl.constexpr, block_channels: tl.constexpr,
):  # fmt: skip
    tap = tl.program_id(0)
    channel = tl.program_id(1) * block_channels + tl.arange(0, block_channels)
    within = channel < channels
    total = tl.zeros([block_places, block_channels], tl.float32)
    for start in range(tl.program_id(2) * block_places, num_places, tl.num_programs(2) * block_places):
        index = start + tl.arange(0, block_places)
        frame, t, y, x = _split(index, frames, cell_rows, cell_columns)
        met, inside = _met(frame, t, y, x, tap, frames, rows, columns, stride)
        mask = ((index < num_places) & inside)[:, None] & within[None, :]
        cell = (frame * frame_cells + first_cell + y * cell_columns + x).to(tl.int64)
        value = tl.load(values + met[:, None] * channels + channel[None, :], mask, 0.0).to(tl.float32)
        total += value * tl.load(gradient + cell[:, None] * channels + channel[None, :], mask, 0.0).to(tl.float32)
    tl.atomic_add(of_taps + (first_tap + tap) * channels + channel, tl.sum(total, 0), within, sem="relaxed")


def _scales(values: Tensor, strides: list[int]) -> list[tuple[int, int, int, int, int]]:
    """Stride, rows, columns, first cell and first tap of each resolution; last its end."""
    rows, columns = values.shape[2:4]
    scales, first_cell, first_tap = [], 0, 0
    for stride in [*strides, 1]:
        size = (triton.cdiv(rows, stride), triton.cdiv(columns, stride))
        scales.append((stride, *size, first_cell, first_tap))
        first_cell += size[0] * size[1]
        first_tap += 3 * (stride + 2) ** 2
    return scales


class _PyramidCells(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor, taps: Tensor, strides: list[int]) -> Tensor:
        b, t, rows, columns, channels = values.shape
        *scales, (*_, num_cells, _) = _scales(values, strides)
        cells = values.new_empty(b, t, num_cells, channels)
        for stride, cell_rows, cell_columns, first_cell, first_tap in scales:
            places = b * t * cell_rows * cell_columns
            _cells_kernel[(triton.cdiv(places, _PLACES), triton.cdiv(channels, _CHANNELS))](
                values, taps, cells, places, t, rows, columns, cell_rows, cell_columns, num_cells, first_cell,
                first_tap, channels, stride, _PLACES, _CHANNELS,
            )  # fmt: skip
        ctx.save_for_backward(values, taps)
        ctx.strides = strides
        return cells

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, taps = ctx.saved_tensors
        gradient = gradient.contiguous()
        b, t, rows, columns, channels = values.shape
        *scales, (*_, num_cells, _) = _scales(values, ctx.strides)
        of_values = torch.zeros_like(values, dtype=torch.float32)
        of_taps = torch.zeros_like(taps, dtype=torch.float32)
        blocks = triton.cdiv(channels, _CHANNELS)
        for stride, cell_rows, cell_columns, first_cell, first_tap in scales:
            size = (t, rows, columns, cell_rows, cell_columns, num_cells, first_cell, first_tap, channels, stride)
            places = b * t * rows * columns
            _value_gradient_kernel[(triton.cdiv(places, _PLACES), blocks)](
                gradient, taps, of_values, places, *size, _PLACES, _CHANNELS
            )
            places = b * t * cell_rows * cell_columns
            _tap_gradient_kernel[(3 * (stride + 2) ** 2, blocks, _CHUNKS)](
                gradient, values, of_taps, places, *size, _PLACES, _CHANNELS
            )
        return of_values.to(values.dtype), of_taps.to(taps.dtype), None


def pyramid_cells(values: Tensor, taps: Tensor, strides: list[int]) -> Tensor:
    """Cells (b, t, cells, d) of values (b, t, h, w, d), in their type, in the resolutions of ``strides``.

    ``taps`` (taps, d) holds the kernels (3, stride + 2, stride + 2) of all resolutions one after the other. Both are
    contiguous. The gradient of the taps is summed in no fixed order, in float32.
    """
    found: Tensor = _PyramidCells.apply(values, taps, strides)
    return found
