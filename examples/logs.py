"""The log of a run: a CSV line per step and per evaluation, and TensorBoard events where they are wanted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Log:
    """Lines of ``steps.csv`` and ``evaluations.csv`` in ``folder``; those of steps after ``start`` are taken out.

    A run that goes on from a checkpoint does the steps after it again, and would have them twice otherwise.
    """

    def __init__(self, folder: Path, start: int, *, tensorboard: bool = False) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("steps", "evaluations"):
            kept = [line for line in read(folder, name) if int(line["step"]) <= start]
            self._rewrite(name, kept)
        self._events: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def add(self, name: str, line: Mapping[str, float]) -> None:
        """Append a line, whose first value is the step."""
        path = self.folder / f"{name}.csv"
        new = not path.exists() or path.stat().st_size == 0
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(line))
            if new:
                writer.writeheader()
            writer.writerow(line)
        if self._events is not None:
            for key, value in line.items():
                if key != "step":
                    self._events.add_scalar(f"{name}/{key}", value, int(line["step"]))

    def close(self) -> None:
        if self._events is not None:
            self._events.close()

    def _rewrite(self, name: str, lines: list[dict[str, float]]) -> None:
        path = self.folder / f"{name}.csv"
        if not path.exists():
            return
        partial = path.with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            if lines:
                writer = csv.DictWriter(file, list(lines[0]))
                writer.writeheader()
                writer.writerows(lines)
        partial.replace(path)


def read(folder: Path, name: str) -> list[dict[str, float]]:
    """The lines of ``steps`` or ``evaluations``, oldest first; a last one that a crash cut short is left out."""
    path = folder / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1].splitlines()
    return [{key: float(value) for key, value in line.items()} for line in csv.DictReader(whole)]
