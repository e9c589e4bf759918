"""Plain lists: CSV with a header ``path`` or ``path,label`` (and perhaps ``split``), or lines of a path and a label.

Lines are ``some/video.mp4 12`` as mmaction2 and others write them, or ``some/video.mp4,12``, in a text or CSV file
without a header.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from videotx.pipeline.annotations.entry import (
    AnnotationError,
    AnnotationFormat,
    AnnotationSet,
    Entry,
    csv_header,
    posix_path,
    read_rows,
    split_of_file,
    split_word,
)


def _has_path_column(path: Path) -> bool:
    return "path" in csv_header(path)


def _read_csv(paths: Sequence[Path]) -> AnnotationSet:
    return AnnotationSet([entry for path in paths for entry in _csv_entries(path)])


def _csv_entries(path: Path) -> Iterator[Entry]:
    named = split_of_file(path)
    for row in read_rows(path):
        split = row.cells.get("split", "")
        yield Entry(posix_path(row.text("path")), row.cells.get("label", ""), (split_word(split),) if split else named)


def _begins_with_path_and_label(path: Path) -> bool:
    if path.suffix.lower() not in (".txt", ".csv", ".lst", ".list"):
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    parts = _parts(first)
    # A header or another format's line has no file name in its first place.
    return len(parts) == 2 and PurePosixPath(parts[0]).suffix != ""


def _parts(line: str) -> list[str]:
    line = line.strip()
    return [part.strip() for part in (line.rsplit(",", 1) if "," in line else line.rsplit(maxsplit=1))]


def _read_lines(paths: Sequence[Path]) -> AnnotationSet:
    return AnnotationSet([entry for path in paths for entry in _line_entries(path)])


def _line_entries(path: Path) -> Iterator[Entry]:
    named = split_of_file(path)
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        parts = _parts(line)
        if len(parts) != 2 or not all(parts):
            raise AnnotationError(f"{path}:{number}: expected `path label`, got {line!r}")
        yield Entry(posix_path(parts[0]), parts[1], named)


TABLE = AnnotationFormat("any videos (CSV with a header path,label)", _has_path_column, _read_csv)
LIST = AnnotationFormat(
    "any videos (lines `path label`, as mmaction2 writes them)", _begins_with_path_and_label, _read_lines
)
