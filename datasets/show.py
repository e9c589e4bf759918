"""What a window shows of stored frames: pixels, residual, block motion, all in the window's own pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from videotx.datasets.geometry import Window


def show_pixels(frames: npt.NDArray[np.uint8] | npt.NDArray[np.int16], window: Window) -> torch.Tensor:
    """Frames ``(t, y, x, channel)`` cropped, resized (bilinear, antialiased), mirrored; same dtype, ``(t, h, w, c)``.

    The window's sizes are those of ``frames`` and its borders whole pixels. Raises ValueError otherwise.
    """
    if frames.shape[1:3] != (window.frame_height, window.frame_width):
        raise ValueError(f"expected frames of {window.frame_height} x {window.frame_width}, got {frames.shape[1:3]}")
    borders = np.array([window.top, window.left, window.height, window.width])
    top, left, height, width = (int(value) for value in np.rint(borders))
    if not np.allclose(borders, [top, left, height, width], atol=1e-3):
        raise ValueError(f"expected a window of whole pixels, got {window}")
    cropped = torch.from_numpy(frames[:, top : top + height, left : left + width])
    if (height, width) != (window.out_height, window.out_width):
        planes = cropped.permute(0, 3, 1, 2)  # t c h w, channels last in memory
        if planes.dtype != torch.uint8:
            planes = planes.float()
        resized = F.interpolate(planes, (window.out_height, window.out_width), mode="bilinear", antialias=True)
        if resized.dtype != cropped.dtype:
            resized = resized.round()
        cropped = resized.to(cropped.dtype).permute(0, 2, 3, 1)
    if window.flip:
        cropped = cropped.flip(2)
    return cropped.contiguous()


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
