"""Pictures of another size, bilinear and antialiased, as ``torch.nn.functional.interpolate`` makes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from videotx.datasets import _clips
from videotx.datasets.geometry import Region


def resize(
    pictures: npt.NDArray[np.uint8] | npt.NDArray[np.int16], region: Region, size: tuple[int, int]
) -> npt.NDArray[np.uint8] | npt.NDArray[np.int16]:
    """The ``region`` of pictures ``(frame, y, x, 3)`` at ``size`` (height, width); same dtype, C-contiguous.

    Bytes are equal to torch's, bit for bit; other numbers are torch's, rounded. Raises ValueError where the region is
    not inside the pictures.
    """
    out = np.empty((len(pictures), *size, 3), pictures.dtype)
    if out.dtype == np.uint8:
        _clips.resize(np.ascontiguousarray(pictures), region, out)
        return out
    cropped = pictures[:, *region.slices]
    if min(region.top, region.left) < 0 or 0 in region[2:] or cropped.shape[1:3] != region[2:]:
        raise ValueError(f"expected a region inside {pictures.shape[1]} x {pictures.shape[2]}, got {region}")
    if region[2:] == size:
        out[...] = cropped
        return out
    planes = torch.from_numpy(np.ascontiguousarray(cropped)).permute(0, 3, 1, 2).float()  # t c h w
    resized = F.interpolate(planes, size, mode="bilinear", antialias=True).round()
    out[...] = resized.permute(0, 2, 3, 1).numpy()
    return out
