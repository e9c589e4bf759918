"""Charades: CSV of videos with several actions each, at their times.

``id,subject,scene,...,actions,length`` with ``actions`` such as ``c092 11.90 21.20;c147 0.00 12.60``, or empty. Videos
are ``<id>.mp4``. ``Charades_v1_classes.txt`` beside it (``c000 Holding some clothes``) gives the classes names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from videotx.pipeline.annotations.entry import (
    AnnotationError,
    AnnotationFormat,
    AnnotationSet,
    Entry,
    Row,
    csv_header,
    read_rows,
    split_of_file,
)
from videotx.pipeline.class_names import ClassNames

_NUM_CLASSES: Final = 157
_ACTION: Final = re.compile(r"c(\d{3}) (\d+(?:\.\d*)?) (\d+(?:\.\d*)?)")


def _recognises(path: Path) -> bool:
    return csv_header(path) >= {"id", "actions", "length"}


def _read(paths: Sequence[Path]) -> AnnotationSet:
    return AnnotationSet(
        [entry for path in paths for entry in _entries(path)], ClassNames(_class_names(paths[0].parent))
    )


def _entries(path: Path) -> Iterator[Entry]:
    splits = split_of_file(path)
    for row in read_rows(path):
        video = row.text("id")
        yield Entry(f"{video}.mp4", splits=splits, stems=(video,), actions=tuple(_actions(row)))


def _actions(row: Row) -> Iterator[tuple[int, float, float]]:
    for text in filter(None, row.cells["actions"].split(";")):
        action = _ACTION.fullmatch(text.strip())
        if action is None or int(action.group(1)) >= _NUM_CLASSES:
            raise AnnotationError(f"{row.path}:{row.line}: expected actions like `c092 11.90 21.20`, got {text!r}")
        yield int(action.group(1)), float(action.group(2)), float(action.group(3))


def _class_names(folder: Path) -> tuple[str, ...]:
    path = folder / "Charades_v1_classes.txt"
    if not path.is_file():
        return tuple(f"c{number:03d}" for number in range(_NUM_CLASSES))
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    codes, names = [line[:4] for line in lines], [line[4:].strip() for line in lines]
    if codes != [f"c{number:03d}" for number in range(_NUM_CLASSES)]:
        raise AnnotationError(f"{path}: expected the classes c000 to c156, one a line, got {len(lines)} lines")
    return tuple(names)


CHARADES = AnnotationFormat("Charades (CSV; several actions a video)", _recognises, _read)
