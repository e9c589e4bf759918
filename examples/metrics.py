"""How good scores of videos are. ``scores`` is float (video, class), ``label`` int (video,) unless said otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]


def in_top(scores: Scores, label: Labels, k: int) -> npt.NDArray[np.bool_]:
    """Whether fewer than ``k`` classes score higher than the right one, or as high and before it: bool (video,)."""
    right = np.take_along_axis(scores, label[:, None], axis=1)
    before = (scores > right) | ((scores == right) & (np.arange(scores.shape[1]) < label[:, None]))
    return np.asarray(before.sum(1) < k)


def confusion(scores: Scores, label: Labels) -> npt.NDArray[np.int64]:
    """How many videos of each class (rows) were taken for each class (columns)."""
    num_classes = scores.shape[1]
    flat = label * num_classes + scores.argmax(1)
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_accuracy(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Share of each class's videos that were taken for it; NaN for classes without videos."""
    count = matrix.sum(1)
    return np.where(count > 0, matrix.diagonal() / np.maximum(count, 1), np.nan)


def average_precision(scores: Scores, label: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of each class, the mean over its videos of the precision down to them; ``label`` is (video, class) of 0 and 1.

    Videos with equal scores count as one step of the ranking, as in scikit-learn. NaN for classes without videos.
    """
    out = np.full(scores.shape[1], np.nan)
    for c in range(scores.shape[1]):
        positive = label[:, c] > 0
        if positive.any():
            threshold = scores[positive, c]
            chosen = scores[:, c][None] >= threshold[:, None]  # positive video
            out[c] = ((chosen & positive).sum(1) / chosen.sum(1)).mean()
    return out


def mean_over_classes(values: npt.NDArray[np.float64]) -> float:
    """The mean of the classes that have videos; NaN where none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
