"""The GPU's kernels against what is computed where there are none: on a GPU, or interpreted in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from copy import deepcopy
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from videotx.models import create_model
from videotx.models.deformable import Outside, Planes, _sample_by_table, _sample_fused
from videotx.models.fusion import MixerFusion
from videotx.models.points import Normalised, PointPredictor
from videotx.models.pyramid import Pyramid

pytest.importorskip("triton", reason="Triton comes with torch for CUDA")

from videotx.models.deformable_triton import sample_points
from videotx.models.fusion_triton import mix_branches
from videotx.models.pyramid_triton import pyramid_cells

GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
needs_gpu = pytest.mark.skipif(not GPU, reason="needs a GPU")
needs_kernels = pytest.mark.skipif(not GPU and not INTERPRETED, reason="needs a GPU, or Triton's interpreter")
ROWS, COLUMNS, FRAMES = 3, 4, 2
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 1.5e-2, torch.float16: 2e-3}


@pytest.mark.slow
@pytest.mark.skipif(GPU or INTERPRETED, reason="the kernels themselves run here")
@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) >= "2.4.0", reason="Triton's interpreter needs an older NumPy")
def test_the_interpreted_kernels_pass_these_tests_too() -> None:
    # The interpreter computes with NumPy, which warns where a lane that is masked holds no number.
    command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", __file__]
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_close(ours: Tensor, theirs: Tensor, dtype: torch.dtype = torch.float32) -> None:
    theirs = theirs.to(ours.device, torch.float64)
    error = (ours.double() - theirs).norm() / theirs.norm()
    assert error < TOLERANCE[dtype], f"relative error {error:.2g}"


def assert_same_gradients(
    ours: Tensor, our_inputs: list[Tensor], theirs: Tensor, their_inputs: list[Tensor], dtype: torch.dtype
) -> None:
    upstream = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(1))
    found = torch.autograd.grad(ours, our_inputs, upstream.to(ours), retain_graph=True)
    expected = torch.autograd.grad(theirs, their_inputs, upstream.to(theirs), retain_graph=True)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert_close(a, b, dtype)


def on_device(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().to(DEVICE).requires_grad_() for tensor in tensors]


def problem(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Planes]:
    generator = torch.Generator().manual_seed(0)
    size = (2, FRAMES, ROWS, COLUMNS, 2)
    values = torch.randn(2, FRAMES * ROWS * COLUMNS, 2, 20, generator=generator)
    xy = 9 * torch.rand(*size, 4, 2, generator=generator) - 1.5
    xy[..., 0, :] = xy[..., 0, :].round()  # on cells, on the border and outside
    weights = torch.randn(*size, 4, generator=generator)
    first = (torch.arange(4) % FRAMES * ROWS * COLUMNS).expand(FRAMES, 1, 1, 1, 4)
    table = torch.stack([first, torch.full_like(first, ROWS), torch.full_like(first, COLUMNS)], dim=-1).int()
    values, xy, weights = on_device(values, xy, weights)
    return values.detach().to(dtype).requires_grad_(), xy, weights, Planes(table.to(DEVICE))


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_sampling_equals_the_sum_over_a_table(outside: Outside, dtype: torch.dtype) -> None:
    values, xy, weights, planes = problem(dtype)
    expected = _sample_by_table(values.float(), xy, weights, planes, outside)
    found = _sample_fused(values, xy, weights, planes, outside, kernel=sample_points)
    assert_close(found, expected, dtype)
    inputs = [values, xy, weights]
    assert_same_gradients(found, inputs, expected, inputs, dtype)


@needs_kernels
def test_what_is_no_number_stays_none() -> None:
    values, xy, weights, planes = problem()
    with torch.no_grad():
        xy[0, 0, 0, 0, 0, 0, 0] = float("nan")
    found = _sample_fused(values, xy, weights, planes, "zeros", kernel=sample_points)
    assert found[0, 0, 0, 0, :20].isnan().all()
    assert not found[0, 0, 0, 1].isnan().any()


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("max_offset", [None, 1.5])
@pytest.mark.parametrize("normalised", get_args(Normalised))
@pytest.mark.parametrize("shared", [False, True])
def test_points_are_those_placed_step_by_step(
    shared: bool, normalised: Normalised, max_offset: float | None, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    heads, planes, n, queries = 3, 3, 5, (2, 2, 4)
    predictor = PointPredictor(
        6, heads, 1 if shared else planes, n, spread=0.5, max_offset=max_offset, normalised=normalised
    ).double()
    torch.nn.init.normal_(predictor.logits)
    x = torch.randn(*queries, 6).to(dtype)
    anchor = 9 * torch.rand(*(queries if shared else queries[-1:]), planes, 2)
    extra = torch.randn(*queries, planes, heads * n * 3).to(dtype) if shared else None
    theirs = [part.double().requires_grad_() for part in (x, anchor, extra) if part is not None]
    expected = predictor(*theirs)
    ours = on_device(*(part for part in (x, anchor, extra) if part is not None))
    fused = deepcopy(predictor).to(DEVICE, torch.float32)
    predicted = fused.proj(ours[0].float()).to(dtype)
    found = fused._place_fused(predicted, ours[1], ours[2] if shared else None)
    their_inputs = [*theirs, predictor.spread, predictor.logits, predictor.proj.weight]
    our_inputs = [*ours, fused.spread, fused.logits, fused.proj.weight]
    for name in ("xy", "weights"):
        a, b = getattr(found, name), getattr(expected, name)
        assert a.shape == b.shape
        assert_close(a, b, dtype)
    both = [points.xy.sum(-1) * points.weights for points in (found, expected)]
    assert_same_gradients(both[0], our_inputs, both[1], their_inputs, dtype)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", [5, 70])
@pytest.mark.parametrize("strides", [(1, 2, 4), (3,)])
def test_the_pyramid_is_that_of_convolutions(strides: tuple[int, ...], channels: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 3, 5, 6, channels, generator=generator).to(dtype)
    pyramid = Pyramid(channels, strides)
    for weight in pyramid.parameters():
        torch.nn.init.normal_(weight, generator=generator)
        weight.data = weight.to(dtype).double()
    theirs = values.double().requires_grad_()
    expected = pyramid(theirs)
    kernels = on_device(*(weight.to(dtype) for weight in pyramid.parameters()))
    (ours,) = on_device(values)
    taps = torch.cat([kernel.flatten(1) for kernel in kernels], dim=1).t().contiguous()
    found = pyramid_cells(ours, taps, list(strides))
    assert found.shape == expected.shape
    assert_close(found, expected, dtype)
    assert_same_gradients(found, [ours, *kernels], expected, [theirs, *pyramid.parameters()], dtype)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("hidden", [3, 8])
def test_branches_mix_as_by_matrix_products(hidden: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    fusion = MixerFusion(11, 2, branch_dim=hidden, channel_dim=4, norm_eps=1e-6).double()
    mlp = fusion.mix_branches
    for parameter in mlp.parameters():
        torch.nn.init.normal_(parameter)
    z = torch.randn(2, 7, 60, 11)
    theirs = z.to(dtype).double().requires_grad_()
    expected = fusion._mix_branches(theirs)
    (ours,) = on_device(z.to(dtype))
    mixer = deepcopy(fusion).to(DEVICE, torch.float32)
    weights = [mixer.mix_branches.fc1.weight, mixer.mix_branches.fc1.bias]
    weights += [mixer.mix_branches.fc2.weight, mixer.mix_branches.fc2.bias]
    found = mix_branches(mixer.norm_branches(ours.float()).to(dtype), ours, *weights)
    assert_close(found, expected, dtype)
    their_weights = [mlp.fc1.weight, mlp.fc1.bias, mlp.fc2.weight, mlp.fc2.bias]
    assert_same_gradients(found, [ours, *weights], expected, [theirs, *their_weights], dtype)


@needs_gpu
@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:DeprecationWarning")  # the compiler's own
@pytest.mark.parametrize("attention", ["space_time_and_multi_scale", "space_time", "multi_scale"])
def test_a_compiled_dvt_is_the_same(attention: str) -> None:
    torch.manual_seed(0)
    model = create_model("dvt_tiny", num_frames=4, resolution=32, num_classes=3, attention=attention).to(DEVICE)
    rgb = torch.randn(2, 3, 4, 32, 32, device=DEVICE)
    found = []
    for run in (model, torch.compile(model, fullgraph=True)):
        out = run(rgb)
        out.square().sum().backward()
        found.append([out, *(part.grad for part in model.parameters() if part.grad is not None)])
        model.zero_grad(set_to_none=True)
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-4)


@needs_gpu
def test_dvt_trains_in_bfloat16() -> None:
    model = create_model("dvt_tiny", num_frames=4, resolution=32, num_classes=3).to(DEVICE)
    with torch.autocast("cuda", torch.bfloat16):
        model(torch.randn(2, 3, 4, 32, 32, device=DEVICE)).float().square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@needs_gpu
def test_dvt_on_a_gpu_is_dvt_on_a_cpu() -> None:
    torch.manual_seed(0)
    model = create_model("dvt_tiny", num_frames=8, resolution=48, num_classes=3)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1) if parameter.ndim > 1 else None
    rgb = torch.randn(2, 3, 8, 48, 48)
    twin = deepcopy(model).to(DEVICE)
    found, expected = twin(rgb.to(DEVICE)), model.double()(rgb.double())
    torch.testing.assert_close(found.double().cpu(), expected, rtol=1e-3, atol=1e-4)
    for out in (found, expected):
        out.square().sum().backward()
    for (name, ours), theirs in zip(twin.named_parameters(), model.parameters(), strict=True):
        if theirs.grad is not None and theirs.grad.norm() > 0:
            error = (ours.grad.double().cpu() - theirs.grad).norm() / theirs.grad.norm()
            assert error < 1e-2, f"{name}: {error:.2g}"
