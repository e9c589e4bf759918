"""What a window shows of stored frames: pixels, residual, block motion, all in the window's own pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from videotx.datasets import _clips
from videotx.datasets.geometry import Window
from videotx.datasets.residual import ResidualPictures
from videotx.datasets.resize import resize


def show_pixels(frames: npt.NDArray[np.uint8] | npt.NDArray[np.int16], window: Window) -> torch.Tensor:
    """What a window shows of whole frames ``(t, y, x, channel)``: ``(t, h, w, c)``, same dtype.

    The window's sizes are those of ``frames`` and its borders whole pixels. Raises ValueError otherwise.
    """
    if frames.shape[1:3] != (window.frame_height, window.frame_width):
        raise ValueError(f"expected frames of {window.frame_height} x {window.frame_width}, got {frames.shape[1:3]}")
    return mirror(torch.from_numpy(resize(frames, window.region(), window.out_size)), window)


def mirror(pictures: torch.Tensor, window: Window) -> torch.Tensor:
    """Pictures ``(t, h, w, c)`` of what a window shows, mirrored left to right where it says so."""
    return pictures.flip(2) if window.flip else pictures


def show_residual(pictures: ResidualPictures, window: Window) -> torch.Tensor:
    """The residual of what a window shows, at its size, in RGB units: int16 ``(t, h, w, 3)``, mirrored as it says.

    Resized as stored, before it is brought to units: what a JPEG holds is rounded to two units anyway.
    """
    shown = mirror(torch.from_numpy(pictures.stored), window)
    if shown.dtype == torch.int16:
        return shown if (pictures.zero, pictures.scale) == (0, 1) else (shown - pictures.zero) * pictures.scale
    units = torch.empty(shown.shape, dtype=torch.int16)
    _clips.to_rgb_units(shown.numpy(), pictures.zero, pictures.scale, units.numpy())
    return units


def show_motion(
    motion: npt.NDArray[np.int16], ref: npt.NDArray[np.int8], window: Window, *, cell: int, block: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Block motion of frames, sampled at the centres of the window's cells of ``cell`` x ``cell`` pixels.

    ``motion`` int16 ``(t, list, row, column, xy)`` in quarter samples and ``ref`` int8 ``(t, list, row, column)`` are
    on the grid of ``block`` of the native picture, and so is ``window``. Returns float32 vectors in shown pixels, block
    to source, and int8 references, on the window's grid.
    """
    centres = window.patch_centres(cell)
    column = np.clip(centres[..., 0] // block, 0, ref.shape[3] - 1).astype(np.intp)
    row = np.clip(centres[..., 1] // block, 0, ref.shape[2] - 1).astype(np.intp)
    cells = row * ref.shape[3] + column
    frames, lists = ref.shape[:2]
    # (x, y) is taken as one number.
    pairs = np.ascontiguousarray(motion).view(np.int32).reshape(frames, lists, -1).take(cells, axis=2)
    vectors = window.vectors(pairs[..., None].view(np.int16).astype(np.float32) * np.float32(0.25))
    return torch.from_numpy(vectors), torch.from_numpy(ref.reshape(frames, lists, -1).take(cells, axis=2))
