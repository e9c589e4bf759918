"""What the bitstream adds to the prediction, as sample planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

ResidualKind = Literal["coded", "difference"]


@dataclass(frozen=True, slots=True)
class Residual:
    """Signed residual planes of one native picture, in units of its samples.

    ``y`` is int16 ``(height, width)``; ``cb`` and ``cr`` are int16 at the stream's chroma size. ``coded`` is the
    inverse transform of the stream's coefficients before clipping and deblocking; ``difference`` is the decoded picture
    minus its motion-compensated reference. Intra blocks and blocks whose motion is unknown are zero.
    """

    kind: ResidualKind
    y: npt.NDArray[np.int16]
    cb: npt.NDArray[np.int16]
    cr: npt.NDArray[np.int16]
    colour_matrix: str
    full_range: bool
