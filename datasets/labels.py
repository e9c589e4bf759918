"""Labels that come with the shards, or from an annotation file joined to them when a dataset is opened.

A new label set, split or filter is a new file beside the shards; nothing is extracted again.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

Target = npt.NDArray[np.int64] | npt.NDArray[np.float32]


def stored_targets(
    videos: Mapping[str, npt.NDArray[Any]], rows: npt.NDArray[np.int64], num_classes: int
) -> dict[int, Target]:
    """Targets that the table of videos holds, by row: what :class:`videotx.datasets.sample.Clip` calls its label.

    Verb and noun where the annotations of the extraction had them, all classes of a video where they gave several, else
    the one class, -1 for none.
    """
    if (videos["verb"] >= 0).any():
        return {int(row): np.array([videos["verb"][row], videos["noun"][row]], np.int64) for row in rows}
    if (videos["actions"] != "").any():
        return {int(row): _classes_of(videos["actions"][row], num_classes) for row in rows}
    return {int(row): np.array(videos["label"][row], np.int64) for row in rows}


def _classes_of(actions: str, num_classes: int) -> npt.NDArray[np.float32]:
    target: npt.NDArray[np.float32] = np.zeros(num_classes, np.float32)
    target[[int(action.split(" ")[0]) for action in actions.split(";") if action]] = 1.0
    return target


@dataclass(frozen=True, slots=True)
class Annotations:
    """Targets of videos by name.

    ``targets`` maps a name to what :class:`videotx.datasets.sample.Clip` calls its label: an int64 scalar, float32
    ``(class,)`` of 0 and 1, or int64 ``(2,)`` verb and noun. A name is a segment's id, or a video's path in the table
    of videos, with or without its suffix, or its file name alone, with or without suffix.
    """

    targets: Mapping[str, Target]
    class_names: tuple[str, ...] = ()

    def join(self, paths: Sequence[str]) -> dict[int, Target]:
        """Targets by position in ``paths``; videos without an annotation are left out.

        Raises ValueError when a name means two videos, or when no video is annotated.
        """
        out: dict[int, Target] = {}
        taken: dict[str, str] = {}
        for position, path in enumerate(paths):
            pure = PurePosixPath(path)
            for name in (path, str(pure.with_suffix("")), pure.name, pure.stem):
                if name in self.targets:
                    if name in taken:
                        raise ValueError(f"annotation {name!r} means two videos: {taken[name]} and {path}")
                    taken[name] = path
                    out[position] = self.targets[name]
                    break
        if not out:
            examples = f"{list(paths[:2])} and {list(self.targets)[:2]}"
            raise ValueError(f"no video has an annotation; paths and names look like {examples}")
        return out


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """A CSV or TSV file with a header line, read by the columns named here.

    ``video`` holds the names; where ``split_column`` is given, only the lines whose value there is ``split`` count.
    """

    path: str | Path
    video: str = "video"
    split_column: str | None = None
    split: str | None = None

    def single(self, label: str = "label", class_names: Sequence[str] | None = None) -> Annotations:
        """One class per video: a number, or a name out of ``class_names`` (the sorted names of the whole file, all
        splits, when None)."""
        everything = self._lines(all_splits=True)
        values = [line[label] for line in everything]
        if class_names is None and all(value.lstrip("-").isdigit() for value in values):
            return Annotations({line[self.video]: np.array(int(line[label]), np.int64) for line in self._lines()})
        names = tuple(class_names if class_names is not None else sorted(set(values)))
        number = {name: i for i, name in enumerate(names)}
        return Annotations(
            {line[self.video]: np.array(self._class(number, line[label]), np.int64) for line in self._lines()}, names
        )

    def multiple(
        self, labels: str, class_names: Sequence[str], *, separator: str = ";", name_ends_at: str = " "
    ) -> Annotations:
        """Several classes per video, as in Charades: ``c092 11.90 21.20;c147 0.00 12.60`` in column ``labels``.

        What follows ``name_ends_at`` inside an entry (times) is not part of the class name. Lines of the same video add
        up; an empty entry is a video of no class.
        """
        number = {name: i for i, name in enumerate(class_names)}
        targets: dict[str, npt.NDArray[np.float32]] = {}
        for line in self._lines():
            target = targets.setdefault(line[self.video], np.zeros(len(class_names), np.float32))
            for entry in filter(None, (entry.strip() for entry in line[labels].split(separator))):
                target[self._class(number, entry.split(name_ends_at)[0])] = 1.0
        return Annotations(targets, tuple(class_names))

    def verb_and_noun(self, verb: str = "verb_class", noun: str = "noun_class") -> Annotations:
        """Two class numbers per video, as in EPIC-KITCHENS."""
        return Annotations(
            {line[self.video]: np.array([int(line[verb]), int(line[noun])], np.int64) for line in self._lines()}
        )

    def _class(self, number: Mapping[str, int], name: str) -> int:
        if name not in number:
            raise ValueError(f"{self.path}: expected one of {len(number)} class names, got {name!r}")
        return number[name]

    def _lines(self, *, all_splits: bool = False) -> list[dict[str, str]]:
        with Path(self.path).open(encoding="utf-8", newline="") as file:
            header = file.readline()
            file.seek(0)
            lines = list(csv.DictReader(file, delimiter="\t" if "\t" in header else ","))
        columns = [self.video] + ([self.split_column] if self.split_column else [])
        for column in columns:
            if lines and column not in lines[0]:
                raise ValueError(f"{self.path}: expected a column {column!r}, got {', '.join(lines[0])}")
        if self.split_column is None or all_splits:
            return lines
        return [line for line in lines if line[self.split_column] == self.split]
