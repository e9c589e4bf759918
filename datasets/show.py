"""What a window shows of stored frames: pixels, residual, block motion, all in the window's own pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from videotx.datasets import _clips
from videotx.datasets.geometry import Window
from videotx.datasets.residual import ResidualPictures


def show_pixels(frames: npt.NDArray[np.uint8] | npt.NDArray[np.int16], window: Window) -> torch.Tensor:
    """What a window shows of whole frames ``(t, y, x, channel)``, as :func:`show_region` does.

    The window's sizes are those of ``frames`` and its borders whole pixels. Raises ValueError otherwise.
    """
    if frames.shape[1:3] != (window.frame_height, window.frame_width):
        raise ValueError(f"expected frames of {window.frame_height} x {window.frame_width}, got {frames.shape[1:3]}")
    return show_region(frames[:, *window.region().slices], window)


def show_region(cropped: npt.NDArray[np.uint8] | npt.NDArray[np.int16], window: Window) -> torch.Tensor:
    """The pixels of a window's region ``(t, y, x, channel)`` resized (bilinear, antialiased) and mirrored; same dtype,
    ``(t, h, w, c)``."""
    shown = torch.from_numpy(cropped)
    if cropped.shape[1:3] != (window.out_height, window.out_width):
        planes = shown.permute(0, 3, 1, 2)  # t c h w, channels last in memory
        if planes.dtype != torch.uint8:
            planes = planes.float()
        resized = F.interpolate(planes, (window.out_height, window.out_width), mode="bilinear", antialias=True)
        if resized.dtype != shown.dtype:
            resized = resized.round()
        shown = resized.to(shown.dtype).permute(0, 2, 3, 1)
    if window.flip:
        shown = shown.flip(2)
    return shown.contiguous()


def show_residual(cropped: ResidualPictures, window: Window) -> torch.Tensor:
    """The residual of a window's region as :func:`show_region` shows it, int16 RGB units.

    Resized as stored, before it is brought to units: what a JPEG holds is rounded to two units anyway.
    """
    shown = show_region(cropped.stored, window)
    if shown.dtype == torch.int16:
        return shown if (cropped.zero, cropped.scale) == (0, 1) else (shown - cropped.zero) * cropped.scale
    units = torch.empty(shown.shape, dtype=torch.int16)
    _clips.to_rgb_units(shown.numpy(), cropped.zero, cropped.scale, units.numpy())
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
    vectors = window.vectors(motion[:, :, row, column].astype(np.float32) * np.float32(0.25))
    return torch.from_numpy(vectors), torch.from_numpy(np.ascontiguousarray(ref[:, :, row, column]))
