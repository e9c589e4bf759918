"""The step between stored units and a model's input: RGB in [0, 255] to zero mean and unit deviation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from videotx.datasets.sample import ClipBatch


@dataclass(frozen=True, slots=True)
class Normalise:
    """uint8 RGB ``(b, t, h, w, 3)`` to float ``(b, 3, t, h, w)``: ``(rgb / 255 - mean) / deviation``.

    Runs on whatever device the batch is on; calling it there, after ``batch.to(device)``, moves a quarter of the bytes.
    The default is that of the Kinetics models (0.45, 0.225); ImageNet's values are :data:`IMAGENET`.
    """

    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    deviation: tuple[float, float, float] = (0.225, 0.225, 0.225)
    dtype: torch.dtype = torch.float32

    def __call__(self, batch: ClipBatch) -> ClipBatch:
        """The batch with float RGB. Raises ValueError when its RGB is absent or not uint8."""
        if batch.rgb is None or batch.rgb.dtype != torch.uint8:
            raise ValueError(f"expected uint8 rgb, got {None if batch.rgb is None else batch.rgb.dtype}")
        scale = [1 / (255 * deviation) for deviation in self.deviation]
        shift = [-mean / deviation for mean, deviation in zip(self.mean, self.deviation, strict=True)]
        view = (1, 3, 1, 1, 1)
        planes = batch.rgb.permute(0, 4, 1, 2, 3).to(self.dtype)  # b 3 t h w
        multiplier = torch.tensor(scale, dtype=self.dtype, device=planes.device).view(view)
        offset = torch.tensor(shift, dtype=self.dtype, device=planes.device).view(view)
        return replace(batch, rgb=torch.addcmul(offset, planes, multiplier).contiguous())


IMAGENET = Normalise(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""The statistics of ImageNet, which models initialised from it expect."""
