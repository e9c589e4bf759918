"""Baseline JPEG from planes (C++)."""

import numpy as np
import numpy.typing as npt

def encode(y: npt.NDArray[np.uint8], cb: npt.NDArray[np.uint8], cr: npt.NDArray[np.uint8], *, quality: int) -> bytes:
    """A JFIF picture, 4:4:4, of full-range BT.601 planes (row, column), with the example tables of ITU-T T.81.

    In time proportional to what is not grey (128). Its transform is the accurate integer one of the IJG library. Raises
    ValueError on planes that are not of one size.
    """
