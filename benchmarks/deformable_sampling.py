"""D-ST-A of `dvt_base` samples five ways: weighted sums of interpolated values, forward and backward.

- ours: what `videotx.models.deformable` does: a kernel of its own, on a CPU or with Triton on a GPU
- table: what it does where there is none; corners are rows of a table, summed by `embedding_bag` as they are read
- gather: the same rows gathered, then a batched matrix product
- grid_sample: torch's own, one call per other frame, then a weighted sum over the points
- grid_sample, channels last: the same on images whose channels are contiguous

Ratios are to the first, medians over runs by turns: of CPU seconds, or of seconds on a GPU. Memory is the size of
everything autograd keeps, plus the output.

    python benchmarks/deformable_sampling.py [--clips 1] [--repeats 5] [--threads 1] [--device cuda --dtype bfloat16]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from videotx.models.deformable import Planes, _sample_by_table, sample
from videotx.models.motion_embedding import other_frames

FRAMES, SIDE, HEADS, CHANNELS, POINTS = 4, 14, 12, 64, 8
OTHERS = torch.tensor(other_frames(FRAMES, FRAMES))  # t k

Sampler = Callable[[Tensor, Tensor, Tensor], Tensor]


def planes_and_cells(values: Tensor, xy: Tensor) -> tuple[Planes, Tensor]:
    first = (OTHERS * SIDE**2).repeat_interleave(POINTS, 1).view(FRAMES, 1, 1, 1, -1).to(xy.device)
    table = torch.stack([first, torch.full_like(first, SIDE), torch.full_like(first, SIDE)], dim=-1)
    return Planes(table.int()), values.flatten(1, 3)


def ours(values: Tensor, xy: Tensor, weights: Tensor) -> Tensor:
    planes, cells = planes_and_cells(values, xy)
    return sample(cells, xy.flatten(-3, -2), weights.flatten(-2), planes)


def table(values: Tensor, xy: Tensor, weights: Tensor) -> Tensor:
    planes, cells = planes_and_cells(values, xy)
    return _sample_by_table(cells, xy.flatten(-3, -2), weights.flatten(-2), planes, "zeros")


def gather(values: Tensor, xy: Tensor, weights: Tensor) -> Tensor:
    corner = xy.detach().floor()
    part = xy - corner
    corners = corner.long().unsqueeze(-2) + corner.new_tensor([[0, 0], [1, 0], [0, 1], [1, 1]]).long()  # ... 4 2
    share = torch.stack([1 - part, part], -1)  # ... 2 (x, y) 2 (first, second)
    shares = (share[..., 1, :, None] * share[..., 0, None, :]).flatten(-2)  # ... 4
    inside = ((corners >= 0) & (corners < SIDE)).all(-1)
    corners = corners.clamp(0, SIDE - 1)
    cell = OTHERS.to(xy.device).view(1, FRAMES, 1, 1, 1, -1, 1, 1) * SIDE**2 + corners[..., 1] * SIDE + corners[..., 0]
    element = torch.arange(len(values), device=xy.device).view(-1, *[1] * 7)
    index = (element * FRAMES * SIDE**2 + cell) * HEADS
    index = index + torch.arange(HEADS, device=xy.device).view(HEADS, 1, 1, 1)
    rows = values.reshape(-1, CHANNELS)[index.flatten(-3).flatten(0, -2)]  # bags 4 points c
    factors = (shares * inside * weights.unsqueeze(-1)).flatten(-3).flatten(0, -2).to(rows.dtype)
    return torch.bmm(factors.unsqueeze(1), rows).view(*xy.shape[:4], HEADS * CHANNELS)


def grid_sample(values: Tensor, xy: Tensor, weights: Tensor, *, channels_last: bool = False) -> Tensor:
    grid = (2 * xy + 1) / SIDE - 1
    values = values.to(grid.dtype)  # grid_sample takes one type, and bfloat16 is too coarse for positions
    total = torch.zeros((), device=xy.device)
    for k in range(FRAMES - 1):
        there = values[:, OTHERS[:, k]]  # b t h w heads c
        if channels_last:
            image = there.permute(0, 1, 4, 2, 3, 5).flatten(0, 2).permute(0, 3, 1, 2)
        else:
            image = there.permute(0, 1, 4, 5, 2, 3).flatten(0, 2)  # (b t heads) c h w
        places = grid[..., k, :, :].permute(0, 1, 4, 2, 3, 5, 6).flatten(0, 2).flatten(1, 2)
        found = F.grid_sample(image, places, align_corners=False)  # (b t heads) c s n
        share = weights[..., k, :].permute(0, 1, 4, 2, 3, 5).flatten(0, 2).flatten(1, 2).unsqueeze(1)
        total = total + (found * share).sum(-1)
    heads = total.unflatten(0, (-1, FRAMES, HEADS)).unflatten(-1, (SIDE, SIDE))
    return heads.permute(0, 1, 4, 5, 2, 3).flatten(-2)


def grid_sample_channels_last(values: Tensor, xy: Tensor, weights: Tensor) -> Tensor:
    return grid_sample(values, xy, weights, channels_last=True)


def now(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def kept_bytes(sampler: Sampler, problem: tuple[Tensor, Tensor, Tensor]) -> int:
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = sampler(*problem)
    return sum(storages.values()) + out.nbytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"], help="of the values")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    size = (options.clips * 16 // FRAMES, FRAMES, SIDE, SIDE, HEADS)
    like = {"device": options.device, "requires_grad": True}
    values = torch.randn(*size, CHANNELS, dtype=getattr(torch, options.dtype), **like)
    xy = torch.empty(*size, FRAMES - 1, POINTS, 2, **like)
    torch.nn.init.uniform_(xy, -1, SIDE)
    weights = torch.rand(*size, FRAMES - 1, POINTS, **like)
    problem = (values, xy, weights)
    samplers: list[Sampler] = [ours, table, gather, grid_sample, grid_sample_channels_last]
    seconds: dict[str, list[tuple[float, float]]] = {sampler.__name__: [] for sampler in samplers}
    expected = ours(*problem).detach().float()
    tolerance = 1e-5 if options.dtype == "float32" else 1e-2
    for repeat in range(1 + options.repeats):
        for sampler in samplers:
            start = now(options.device)
            out = sampler(*problem)
            middle = now(options.device)
            torch.autograd.grad(out.float().sum(), problem)
            if repeat:  # the first one warms up
                seconds[sampler.__name__].append((middle - start, now(options.device) - middle))
            if (error := float((out.detach().float() - expected).abs().mean())) > tolerance:
                raise ArithmeticError(f"{sampler.__name__} differs from ours by {error:.2g} on average")
            del out
    medians = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in seconds.items()
    }
    base = medians["ours"]
    base_bytes = kept_bytes(ours, problem)
    print(f"{'':28}{'forward':>9}{'backward':>10}{'memory':>9}   of ours: ", end="")
    print(f"{base[0] * 1e3:.2f} ms, {base[1] * 1e3:.2f} ms, {base_bytes / 2**20:.0f} MiB")
    for sampler in samplers:
        forward, backward = medians[sampler.__name__]
        memory = kept_bytes(sampler, problem) / base_bytes
        print(f"{sampler.__name__:28}{forward / base[0]:8.2f}x{backward / base[1]:9.2f}x{memory:8.2f}x")


if __name__ == "__main__":
    main()
