"""The motion between any two sampled frames of a clip, composed from the block vectors of all frames between them.

A block's vector over its reference distance is a velocity. Between each two neighbouring frames the best known
velocities make a field: first those whose reference is nearest, then those of the other frame of the two, then those of
pictures whose reference spans the gap. Points are followed through these fields one frame at a time, so that a patch
that moves keeps being asked about where it is, not where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from videotx.datasets import _clips
from videotx.datasets.geometry import Window
from videotx.datasets.residual import ResidualCells, ResidualGrid, ResidualPictures

Scalar = TypeVar("Scalar", bound=np.generic)

MOST_FILLED: Final = 0.5
"""A trace more than this share of whose steps went over filled motion (intra, unknown) is not valid."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where the patches of each sampled frame lie in each other one.

    ``displacement`` float32 ``(t, t', row, column, xy)`` in shown pixels, from the patch's centre in frame t to its
    place in frame t'; ``valid`` bool ``(t, t', row, column)``; ``filled`` float32 of that shape: the share of the
    steps between t and t' at which the block had no motion of its own (intra, unknown) and took its neighbours'.
    ``residual`` float32 ``(t, t', row, column, 6)``: mean (3) and mean absolute (3) residual in RGB units, added up
    along the trace; the mean changes sign when t and t' are exchanged.

    A trace is not valid when it crosses a gap that no vector spans (a key frame, a cut), when it leaves the picture, or
    when more than :data:`MOST_FILLED` of it is filled. A gap adds no displacement.
    """

    displacement: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    filled: npt.NDArray[np.float32]
    residual: npt.NDArray[np.float32] | None


def _cells(residual: ResidualPictures | ResidualCells | None, window: Window, patch: int) -> ResidualCells | None:
    """Pictures reduced to the cells that patches are made of; cells as they are."""
    if not isinstance(residual, ResidualPictures):
        return residual
    height, width = residual.stored.shape[1:3]
    return ResidualGrid.under(window, height, width, patch).reduce(residual)


def trace(
    motion: npt.NDArray[np.int16],
    ref: npt.NDArray[np.int8],
    frames: Sequence[int] | npt.NDArray[np.integer],
    window: Window,
    *,
    patch: int,
    block: int = 8,
    residual: ResidualPictures | ResidualCells | None = None,
) -> Trace:
    """Follow the patches of a clip between all pairs of its sampled frames.

    ``motion`` int16 ``(frame, list, row, column, xy)`` and ``ref`` int8 ``(frame, list, row, column)`` are those of a
    run of consecutive frames, as in :class:`videotx.extract.frame.MotionField`, on a grid of ``block`` luma samples.
    ``frames`` are positions in that run, in any order, repeats allowed. ``window`` says what the clip shows of the
    native picture, ``patch`` the size of a patch in its shown pixels. Where half a patch is several blocks wide, as in
    large pictures, the median of those is followed, not the one block in the middle. ``residual`` covers at least the
    frames from the first sampled one to the last, at any size. Raises ValueError when the shapes do not belong together
    or the grid does not cover the picture.
    """
    rows, columns = -(-window.frame_height // block), -(-window.frame_width // block)
    if motion.ndim != 5 or motion.shape[2:] != (rows, columns, 2):
        raise ValueError(
            f"expected motion on a grid of {rows} x {columns} blocks of {block} for a picture of "
            f"{window.frame_height} x {window.frame_width}, got an array of {motion.shape}"
        )
    centres = window.patch_centres(patch)
    sampled = np.asarray(frames, np.int32)
    ascending = bool((sampled[1:] > sampled[:-1]).all())
    if not ascending:
        sampled, position = np.unique(sampled, return_inverse=True)
    cells = _cells(residual, window, patch)
    grid = None if cells is None else cells.grid
    displacement, valid, filled, added = _clips.trace(
        np.ascontiguousarray(motion),
        np.ascontiguousarray(ref),
        sampled,
        centres.reshape(-1, 2),
        block=float(block),
        pool=max(1, int(0.5 * patch / max(abs(scale) for scale in window.scale) // block)),
        height=float(window.frame_height),
        width=float(window.frame_width),
        scale=window.scale,
        most_filled=MOST_FILLED,
        residual=None if cells is None else cells.values,
        first=0 if cells is None else cells.first,
        cells=(0.0, 0.0, 1.0, 1.0) if grid is None else (grid.left, grid.top, grid.cell_width, grid.cell_height),
    )

    def by_pair(values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """(t, t', point, ...) of the distinct frames to (t, t', row, column, ...) of the frames asked for."""
        shaped = values.reshape(*values.shape[:2], *centres.shape[:2], *values.shape[3:])
        return shaped if ascending else shaped[position[:, None], position[None, :]]

    return Trace(
        displacement=by_pair(displacement),
        valid=by_pair(valid),
        filled=by_pair(filled),
        residual=None if added is None else by_pair(added),
    )


@dataclass(frozen=True, slots=True)
class Accumulated:
    """One frame as its I-frame plus motion plus residual (Wu et al., CoViAR, 2018, section 3.2).

    ``displacement`` float32 ``(y, x, xy)`` leads from each pixel to its source, ``source`` int32 ``(y, x)`` the frame
    of the run where that lies: the last I-frame, or later where an intra block begins the chain. ``residual`` int32
    ``(y, x, 3)`` is what was added on the way, so that with one whole-sample vector per block
    ``frame[p] == frames[source[p]][p + displacement[p]] + residual[p]``.
    """

    displacement: npt.NDArray[np.float32]
    source: npt.NDArray[np.int32]
    residual: npt.NDArray[np.int32] | None


def accumulate_to_keyframe(
    motion: npt.NDArray[np.int16],
    ref: npt.NDArray[np.int8],
    frame: int,
    *,
    native_size: tuple[int, int],
    block: int = 8,
    residual: ResidualPictures | None = None,
) -> Accumulated:
    """Motion and residual of ``frame`` accumulated back to the last I-frame, pixel by pixel along true references.

    Arrays as for :func:`trace`; ``native_size`` is (height, width). Where the residual is stored at another size, the
    result has that size and its displacements are in its pixels. Of a block with two references the nearer past one is
    followed; a block without a past reference ends the chain.
    """
    height, width = native_size if residual is None else residual.stored.shape[1:3]
    displacement, added, source = _clips.accumulate(
        np.ascontiguousarray(motion),
        np.ascontiguousarray(ref),
        frame,
        height=height,
        width=width,
        block=float(block),
        native_height=float(native_size[0]),
        native_width=float(native_size[1]),
        residual=None if residual is None else residual.stored,
        zero=0 if residual is None else residual.zero,
        scale=1 if residual is None else residual.scale,
    )
    return Accumulated(displacement, source, added)
