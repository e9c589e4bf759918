"""The GPU's kernels against the sum over a table of rows: on a GPU, or interpreted in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from videotx.models import create_model
from videotx.models.deformable import Outside, Planes, _sample_by_table, sample

pytest.importorskip("triton", reason="Triton comes with torch for CUDA")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, COLUMNS, FRAMES = 3, 4, 2


def problem(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Planes]:
    generator = torch.Generator().manual_seed(0)
    size = (2, FRAMES, ROWS, COLUMNS, 2)
    values = torch.randn(2, FRAMES * ROWS * COLUMNS, 2, 20, generator=generator)
    xy = 9 * torch.rand(*size, 4, 2, generator=generator) - 1.5
    xy[..., 0, :] = xy[..., 0, :].round()  # on cells, on the border and outside
    weights = torch.randn(*size, 4, generator=generator)
    first = (torch.arange(4, device=DEVICE) % FRAMES * ROWS * COLUMNS).expand(FRAMES, 1, 1, 1, 4)
    planes = Planes(first, torch.full_like(first, ROWS), torch.full_like(first, COLUMNS))
    values, xy, weights = (part.to(DEVICE).requires_grad_() for part in (values, xy, weights))
    return values.detach().to(dtype).requires_grad_(), xy, weights, planes


def check(outside: Outside, dtype: torch.dtype) -> None:
    values, xy, weights, planes = problem(dtype)
    expected = _sample_by_table(values.float(), xy, weights, planes, outside)
    found = sample(values, xy, weights, planes, outside=outside)
    upstream = torch.randn_like(expected)
    ours = (found, *torch.autograd.grad(found, (values, xy, weights), upstream.to(dtype)))
    theirs = (expected, *torch.autograd.grad(expected, (values, xy, weights), upstream))
    for a, b in zip(ours, theirs, strict=True):
        error = (a.float() - b.float()).norm() / b.float().norm()
        assert error < (1e-6 if dtype == torch.float32 else 1e-2), f"relative error {error:.2g}"


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_equals_the_sum_over_a_table(outside: Outside, dtype: torch.dtype) -> None:
    check(outside, dtype)


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
def test_what_is_no_number_stays_none() -> None:
    values, xy, weights, planes = problem()
    with torch.no_grad():
        xy[0, 0, 0, 0, 0, 0, 0] = float("nan")
    found = sample(values, xy, weights, planes)
    assert found[0, 0, 0, 0, :20].isnan().all()
    assert not found[0, 0, 0, 1].isnan().any()


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
@pytest.mark.parametrize("compiled", [False, True])
def test_dvt_trains_in_bfloat16(compiled: bool) -> None:
    model = create_model("dvt_tiny", num_frames=4, resolution=32, num_classes=3).to(DEVICE)
    run = torch.compile(model, fullgraph=True) if compiled else model
    with torch.autocast("cuda", torch.bfloat16):
        run(torch.randn(2, 3, 4, 32, 32, device=DEVICE)).float().square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@pytest.mark.skipif(DEVICE == "cuda", reason="the kernels themselves run here")
@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_the_interpreted_kernels_equal_it_too(outside: Outside) -> None:
    # `sample` takes the kernels on a GPU alone, hence the direct call.
    code = f"""
import videotx.models.deformable as deformable
import importlib.util, sys, torch
spec = importlib.util.spec_from_file_location("this_test", {__file__!r})
this = importlib.util.module_from_spec(spec)
spec.loader.exec_module(this)
this.sample = lambda *problem, outside: deformable._sample_fused(
    *problem, outside, kernel=deformable.sample_points
)
this.check({outside!r}, torch.float32)
"""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
