"""Decoded pixels, converted only when asked for."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture, as the decoder left it."""

    frame: av.VideoFrame

    def rgb(self) -> npt.NDArray[np.uint8]:
        """RGB uint8 ``(height, width, 3)`` at native size."""
        return np.asarray(self.frame.to_ndarray(format="rgb24"), dtype=np.uint8)
