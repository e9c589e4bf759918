"""Pictures of a run, drawn with matplotlib straight to PNG (no display, no global state)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

Lines = Sequence[dict[str, float]]


def draw_run(path: Path, steps: Lines, evaluations: Lines) -> None:
    """Loss and learning rate against the step, and the accuracies of the evaluations beside them."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    x = np.array([line["step"] for line in steps])
    y = np.array([line["loss"] for line in steps])
    loss.plot(x, y, color="0.8", linewidth=0.8, label="each step")
    loss.plot(x, _smooth(y, max(len(y) // 50, 1)), color="C0", label="smoothed")
    loss.set(xlabel="step", ylabel="training loss")
    loss.legend()
    at = [line["step"] for line in evaluations]
    for name in evaluations[0] if evaluations else ():
        if name not in ("step", "loss", "seconds"):
            accuracy.plot(at, [line[name] for line in evaluations], marker=".", label=name.replace("_", " "))
    accuracy.set(xlabel="step", ylabel="per cent of the evaluation videos", ylim=(0, 100))
    if evaluations:
        accuracy.legend()
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _smooth(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Mean of the last ``width`` values, of fewer at the start."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    last = np.arange(1, len(sums))
    first = np.maximum(last - width, 0)
    return np.asarray((sums[last] - sums[first]) / (last - first))


def draw_confusion(path: Path, matrix: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    """Share of each class's videos (rows) taken for each class (columns); names and numbers where they fit."""
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    count = len(matrix)
    side = float(np.clip(2.5 + 0.35 * count, 5, 16))
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the class")
    axes.set(xlabel="predicted", ylabel="true")
    if count <= 60:
        axes.set_xticks(range(count), names, rotation=90)
        axes.set_yticks(range(count), names)
    if count <= 20:
        for i, j in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if shares[i, j] > 0.5 else "black"
            axes.text(j, i, str(matrix[i, j]), ha="center", va="center", color=colour)
    figure.savefig(path, dpi=120)
