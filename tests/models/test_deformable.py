"""Deformable sampling against torch's `grid_sample`, in float64 and plane by plane."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from videotx.models.deformable import Outside, Planes, _sample_by_table, sample
from videotx.models.deformable_cpu import sample_points_cpu

SIZES = [(5, 7), (3, 4), (1, 1)]
POINTS_PER_PLANE = 3
HEADS, CHANNELS, QUERIES, BATCH = 2, 4, 6, 3


def planes_of(sizes: list[tuple[int, int]], num_points: int) -> Planes:
    first = torch.tensor([sum(r * c for r, c in sizes[:i]) for i in range(len(sizes))]).repeat_interleave(num_points)
    rows, columns = torch.tensor(sizes).repeat_interleave(num_points, dim=0).unbind(1)
    return Planes(torch.stack([first, rows, columns], dim=-1).int())


def by_grid_sample(values: Tensor, xy: Tensor, weights: Tensor, outside: Outside) -> Tensor:
    """The plain way: every plane an image, every sampled value stored."""
    total: Tensor | float = 0.0
    start = 0
    for i, (rows, columns) in enumerate(SIZES):
        plane = values[:, start : start + rows * columns].unflatten(1, (rows, columns))  # b rows columns heads c
        image = plane.permute(0, 3, 4, 1, 2).flatten(0, 1)  # (b heads) c rows columns
        points = slice(i * POINTS_PER_PLANE, (i + 1) * POINTS_PER_PLANE)
        grid = (2 * xy[..., points, :] + 1) / torch.tensor([columns, rows]) - 1  # pixel edges at -1 and 1
        grid = grid.transpose(1, 2).flatten(0, 1)  # (b heads) queries points 2
        found = F.grid_sample(image, grid, padding_mode=outside, align_corners=False)  # (b heads) c queries points
        share = weights[..., points].transpose(1, 2).flatten(0, 1).unsqueeze(1)
        total = total + (found * share).sum(-1).unflatten(0, (BATCH, HEADS)).permute(0, 3, 1, 2)
        start += rows * columns
    assert isinstance(total, Tensor)
    return total.flatten(-2)


def random_problem() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    cells = sum(rows * columns for rows, columns in SIZES)
    num_points = len(SIZES) * POINTS_PER_PLANE
    values = torch.randn(BATCH, cells, HEADS, CHANNELS, dtype=torch.float64, generator=generator)
    xy = 10 * torch.rand(BATCH, QUERIES, HEADS, num_points, 2, dtype=torch.float64, generator=generator) - 2
    weights = torch.randn(BATCH, QUERIES, HEADS, num_points, dtype=torch.float64, generator=generator)
    return values.requires_grad_(), xy.requires_grad_(), weights.requires_grad_()


@pytest.mark.parametrize("by_table", [False, True])
@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_equals_grid_sample_in_values_and_gradients(outside: Outside, by_table: bool) -> None:
    problem = random_problem()
    planes = planes_of(SIZES, POINTS_PER_PLANE)
    method = _sample_by_table if by_table else sample  # the table is for devices without a kernel
    ours = method(*problem, planes, outside=outside)
    theirs = by_grid_sample(*problem, outside)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    upstream = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad(ours, problem, upstream), torch.autograd.grad(theirs, problem, upstream), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_gradients_are_those_of_finite_differences(outside: Outside) -> None:
    values, xy, weights = random_problem()
    # Interpolation has a kink at every cell centre; keep the steps of the check on one side of it.
    with torch.no_grad():
        fraction = xy - xy.floor()
        xy += (0.05 - fraction).clamp(min=0) - (fraction - 0.95).clamp(min=0)
    planes = planes_of(SIZES, POINTS_PER_PLANE)
    assert torch.autograd.gradcheck(lambda v, p, w: sample(v, p, w, planes, outside=outside), (values, xy, weights))


@pytest.mark.parametrize("outside", ["zeros", "border"])
@pytest.mark.parametrize("channels", [1, 16, 37])
def test_in_float32_it_equals_the_table_on_cells_and_far_outside(outside: Outside, channels: int) -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(2, 39, 2, channels, generator=generator, requires_grad=True)
    sizes = [(5, 7), (2, 2)]
    xy = 14 * torch.rand(2, 50, 2, 6, 2, generator=generator) - 4
    xy[:, ::2] = xy[:, ::2].round()  # on cells, on the border and outside
    xy.requires_grad_()
    weights = torch.randn(2, 50, 2, 6, generator=generator, requires_grad=True)
    planes = planes_of(sizes, POINTS_PER_PLANE)
    ours = sample(values, xy, weights, planes, outside=outside)
    theirs = _sample_by_table(values, xy, weights, planes, outside)
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(ours)
    of_ours, of_theirs = (torch.autograd.grad(out, (values, xy, weights), upstream) for out in (ours, theirs))
    for a, b in zip(of_ours, of_theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_threads_change_nothing() -> None:
    problem = random_problem()
    planes = planes_of(SIZES, POINTS_PER_PLANE)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            out = sample(*problem, planes)
            found.append((out, *torch.autograd.grad(out.square().sum(), problem)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("plane", [(0, 4, 4), (9, 2, 2), (-1, 1, 1), (0, 0, 3)])
def test_a_plane_beyond_the_cells_is_refused(plane: tuple[int, int, int]) -> None:
    planes = torch.tensor(plane, dtype=torch.int32).view(1, 1, 3)
    with pytest.raises(ValueError, match="within the cells"):
        sample_points_cpu(torch.ones(1, 12, 1, 1), torch.zeros(1, 1, 1, 1, 2), torch.ones(1, 1, 1, 1), planes, False)


def test_the_operator_is_registered_as_torch_wants_it() -> None:
    values, xy, weights = random_problem()
    table = planes_of(SIZES, POINTS_PER_PLANE).table.expand(QUERIES, -1, 3).contiguous()
    torch.library.opcheck(sample_points_cpu, (values, xy, weights, table, True))


def test_at_cell_centres_it_picks_cells() -> None:
    values = torch.arange(12.0).view(1, 12, 1, 1)
    xy = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0], [3.0, 2.0]]).view(1, 4, 1, 1, 2)
    found = sample(values, xy, torch.ones(1, 4, 1, 1), planes_of([(3, 4)], 1))
    assert found.flatten().tolist() == [0.0, 3.0, 8.0, 11.0]


@pytest.mark.parametrize("far", [-2.0, 1e4, -1e30, 1e30])
def test_far_outside_there_is_nothing_or_the_border(far: float) -> None:
    values = torch.arange(1.0, 13.0).view(1, 12, 1, 1)
    xy = torch.tensor([far, 1.0]).view(1, 1, 1, 1, 2)
    planes = planes_of([(3, 4)], 1)
    assert sample(values, xy, torch.ones(1, 1, 1, 1), planes).item() == 0.0
    border = sample(values, xy, torch.ones(1, 1, 1, 1), planes, outside="border").item()
    assert border == (5.0 if far < 0 else 8.0)


def test_a_position_that_is_no_number_gives_no_number() -> None:
    xy = torch.tensor([[float("nan"), 1.0], [1.0, 1.0]]).view(1, 2, 1, 1, 2)
    found = sample(torch.ones(1, 12, 1, 1), xy, torch.ones(1, 2, 1, 1), planes_of([(3, 4)], 1))
    assert found[0, 0].isnan().all()
    assert found[0, 1].item() == 1.0


def test_bfloat16_values_are_sampled_at_float32_positions() -> None:
    values = (torch.arange(200) % 2).to(torch.bfloat16).view(1, -1, 1, 1)
    xy = torch.tensor([100.3, 0.0]).view(1, 1, 1, 1, 2)  # 100.5 in bfloat16
    found = sample(values, xy, torch.ones(1, 1, 1, 1), planes_of([(1, 200)], 1))
    assert found.dtype == torch.bfloat16
    assert found.item() == pytest.approx(0.3, abs=2e-3)
