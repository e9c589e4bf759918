"""What every reader of annotations gives, and the errors and small steps that they share."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from videotx.pipeline.class_names import NO_NAMES, ClassNames


class AnnotationError(ValueError):
    """An annotation file is not of the form it should have. The message names the file and, where it can, the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One annotated video, or one segment of a video.

    ``path`` is where the dataset keeps the file, with "/" between parts; ``stems`` are file names without suffix that
    tell it in any folder, best first. ``label`` is the name of the one class, "" for none.
    ``splits`` are the words that a user selects by. A segment has the annotation's own ``segment`` id and its half-open
    range of seconds. ``verb`` and ``noun`` are class numbers, -1 for none. ``actions`` are (class number, start, stop)
    of a video of several classes.
    """

    path: str
    label: str = ""
    splits: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()
    segment: str = ""
    start_seconds: float | None = None
    stop_seconds: float | None = None
    verb: int = -1
    noun: int = -1
    actions: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotationSet:
    """Entries, and the names of classes in the dataset's own order where its files give one."""

    entries: Sequence[Entry]
    names: ClassNames = NO_NAMES


@dataclass(frozen=True, slots=True)
class AnnotationFormat:
    """How one dataset writes its annotations.

    ``recognises`` says whether a file holds entries in this format (files that only name classes do not), looking at
    its name and its beginning; ``read`` reads such files together.
    """

    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Sequence[Path]], AnnotationSet]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a CSV file by column, and where it stands, for messages."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        if value := self.cells.get(column, ""):
            return value
        raise AnnotationError(f"{self.path}:{self.line}: the column `{column}` is empty")

    def number(self, column: str) -> int:
        """A cell that holds a class number."""
        value = self.text(column)
        if not re.fullmatch(r"-?\d+", value):
            raise AnnotationError(f"{self.path}:{self.line}: expected a whole number in `{column}`, got {value!r}")
        return int(value)

    def seconds(self, column: str) -> float:
        """A cell that holds a time, ``12.5`` or ``00:01:02.50``."""
        value = self.text(column)
        try:
            return parse_seconds(value)
        except ValueError:
            raise AnnotationError(f"{self.path}:{self.line}: expected a time in `{column}`, got {value!r}") from None


def read_rows(path: Path) -> Iterator[Row]:
    """The lines of a CSV file with a header."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for cells in reader:
                yield Row(path, reader.line_num, {k: (v or "").strip() for k, v in cells.items() if isinstance(k, str)})
        except csv.Error as error:
            raise AnnotationError(f"{path}:{reader.line_num}: expected a line of CSV, got one with {error}") from error


def csv_header(path: Path) -> frozenset[str]:
    """The columns of a CSV file, nothing for any other file."""
    if path.suffix.lower() != ".csv":
        return frozenset()
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        return frozenset(name.strip() for name in next(csv.reader(file), []))


def read_json(path: Path) -> Any:
    """A JSON document."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnnotationError(f"{path}: expected a JSON document, got one with {error}") from error


def starts_like_list_of(path: Path, key: str) -> bool:
    """Whether a JSON file begins with a list whose first object has ``key``, without reading all of it."""
    if path.suffix.lower() != ".json":
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(4096).lstrip()
    first_object = head[1:].split("}", 1)[0]
    return head.startswith("[") and f'"{key}"' in first_object


def parse_seconds(text: str) -> float:
    """``12.5``, ``01:02.5`` or ``00:01:02.5``. Raises ValueError."""
    seconds = 0.0
    for part in text.split(":"):
        if not re.fullmatch(r"\d+(\.\d*)?", part):
            raise ValueError(f"expected a time, got {text!r}")
        seconds = 60 * seconds + float(part)
    return seconds


# What files and columns call a split, and the one word for it.
_SPLIT_WORDS: Final = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def split_word(text: str) -> str:
    """``train``, ``validation`` or ``test`` for all common spellings; any other word as it is."""
    word = text.strip().lower()
    return _SPLIT_WORDS.get(word, word)


def split_of_file(path: Path) -> tuple[str, ...]:
    """The split that a file's name tells, such as ``validation`` for ``EPIC_100_validation.csv``."""
    words = re.split(r"[^a-z]+", path.stem.lower())
    return next(((_SPLIT_WORDS[word],) for word in words if word in _SPLIT_WORDS), ())


def posix_path(text: str) -> str:
    """A path with "/" between parts, whatever system it was written on."""
    return PurePosixPath(text.replace("\\", "/")).as_posix()
