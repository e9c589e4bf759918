"""Residuals to JPEG's planes, against the filter and the matrices written out in floating point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotx.extract.colour import jpeg_from_rgb, rgb_from_samples
from videotx.extract.residual import Residual


def sparse_plane(height: int, width: int, rng: np.random.Generator, share: float) -> npt.NDArray[np.int16]:
    """Zero but for ``share`` of its 4x4 blocks, as part of a larger plane that is nowhere zero."""
    around = np.full((height + 4, width + 6), 77, np.int16)
    plane = around[2:-2, 3:-3]
    plane[:] = 0
    for top in range(0, height, 4):
        for left in range(0, width, 4):
            if rng.random() < share:
                patch = plane[top : top + 4, left : left + 4]
                patch[:] = rng.integers(-300, 301, patch.shape)
    return plane


def doubled(plane: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """At twice the size: a quarter of the neighbour, three quarters of the sample itself, edges repeated."""
    for axis in (0, 1):
        padded = np.pad(plane.astype(np.float64), [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        before, here, after = (np.take(padded, np.arange(plane.shape[axis]) + shift, axis) for shift in (0, 1, 2))
        pair = np.stack([(before + 3 * here) / 4, (3 * here + after) / 4], axis + 1)
        plane = pair.reshape(*(size * (1 + (a == axis)) for a, size in enumerate(plane.shape)))
    return plane


@settings(max_examples=200, deadline=None)
@given(
    half=st.tuples(st.integers(1, 21), st.integers(1, 29)),
    seed=st.integers(0, 2**32 - 1),
    shares=st.tuples(*[st.sampled_from([0.0, 0.03, 0.3, 1.0])] * 3),
    matrix=st.sampled_from(["bt601", "bt709", "bt2020"]),
    full=st.booleans(),
)
def test_residuals_of_420_pictures(
    half: tuple[int, int], seed: int, shares: tuple[float, float, float], matrix: str, full: bool
) -> None:
    rng = np.random.default_rng(seed)
    height, width = 2 * half[0], 2 * half[1]
    y = sparse_plane(height, width, rng, shares[0])
    cb, cr = (sparse_plane(*half, rng, share) for share in shares[1:])
    samples = np.stack([y, doubled(cb), doubled(cr)], -1)
    expected = samples @ (jpeg_from_rgb() @ rgb_from_samples(matrix, full)).T / 2 + 128
    stored = np.stack(Residual("coded", y, cb, cr, matrix, full).jpeg_planes(), -1)
    assert np.abs(stored - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("chroma", [(0, 0), (9, 12)])
def test_grey_residuals_and_those_of_444_pictures(chroma: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    y = sparse_plane(9, 12, rng, 0.6)
    cb, cr = (sparse_plane(*chroma, rng, 0.6) if chroma[0] else np.zeros((0, 0), np.int16) for _ in range(2))
    colour = [cb, cr] if chroma[0] else [np.zeros((9, 12))] * 2
    expected = np.stack([y, *colour], -1) @ (jpeg_from_rgb() @ rgb_from_samples("bt709", False)).T / 2 + 128
    stored = np.stack(Residual("coded", y, cb, cr, "bt709", False).jpeg_planes(), -1)
    assert np.abs(stored - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-4
