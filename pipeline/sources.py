"""Which files to extract, and their labels: a folder tree, or an annotation file.

A folder's classes are the parent folders of its files; files directly in it have no label. Annotation files are a CSV
with a header ``path,label`` (or ``path`` alone), a Kinetics CSV with ``youtube_id,time_start,time_end`` and ``label``,
or a text file with ``path label`` lines as mmaction2 writes them.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

# fmt: off
VIDEO_SUFFIXES: Final = frozenset({
    ".264", ".26l", ".3g2", ".3gp", ".asf", ".avc", ".avi", ".divx", ".flv", ".h264", ".jsv", ".m2ts", ".m2v",
    ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".xvid",
})
# fmt: on


class AnnotationError(ValueError):
    """An annotation file is not of a known form. The message names the file and line."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One video to extract: path relative to the root with "/" between parts, and the label's text ("" for none)."""

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Source:
    """Files below ``root``, sorted by path; ``ignored`` counts those left out, by suffix."""

    root: Path
    files: tuple[SourceFile, ...]
    ignored: Mapping[str, int]


def find_sources(
    src: Path, root: Path | None = None, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Source:
    """Read a folder tree or an annotation file.

    ``root`` is where the paths of an annotation file begin (its own folder when None). ``include`` and ``exclude`` are
    globs on the relative path, in which ``*`` crosses "/"; without ``include``, a folder gives the files whose suffix
    is one of :data:`VIDEO_SUFFIXES`. Raises FileNotFoundError, AnnotationError, and ValueError when a path is twice.
    """
    if src.is_dir():
        files = _folder_files(src)
        chosen = [f for f in files if _wanted(f.path, include, exclude)]
        return _source(src, chosen, len(files), (f.path for f in files))
    if not src.exists():
        raise FileNotFoundError(f"{src}: no such folder or annotation file")
    root = src.parent if root is None else root
    rows = _read_kinetics_or_csv(src, root) if src.suffix.lower() == ".csv" else _read_list(src)
    listed = list(rows)
    chosen = [f for f in listed if _wanted(f.path, include or ("*",), exclude)]
    return _source(root, chosen, len(listed), (f.path for f in listed))


def _source(root: Path, chosen: Iterable[SourceFile], total: int, paths: Iterable[str]) -> Source:
    files = tuple(sorted(chosen, key=lambda f: f.path))
    twice = [path for path, count in Counter(f.path for f in files).items() if count > 1]
    if twice:
        raise ValueError(f"{root}: {len(twice)} paths are listed more than once, the first is {twice[0]}")
    kept = {f.path for f in files}
    ignored = Counter(PurePosixPath(p).suffix.lower() or "no suffix" for p in paths if p not in kept)
    return Source(root, files, ignored if total > len(files) else {})


def _wanted(path: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if any(fnmatchcase(path, pattern) for pattern in exclude):
        return False
    if include:
        return any(fnmatchcase(path, pattern) for pattern in include)
    return PurePosixPath(path).suffix.lower() in VIDEO_SUFFIXES


def _folder_files(root: Path) -> list[SourceFile]:
    found = []
    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        relative = Path(folder).relative_to(root)
        for name in names:
            if not name.startswith("."):
                found.append(SourceFile((relative / name).as_posix(), relative.name))
    return found


def _read_list(path: Path) -> Iterator[SourceFile]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        parts = line.rsplit(maxsplit=1)
        if len(parts) != 2:
            raise AnnotationError(f"{path}:{number}: expected `path label`, got {line!r}")
        yield SourceFile(_normal(parts[0]), parts[1])


def _read_kinetics_or_csv(path: Path, root: Path) -> Iterator[SourceFile]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        header = set(reader.fieldnames or ())
        if "path" in header:
            for row in reader:
                yield SourceFile(_normal(_cell(path, reader, row, "path")), (row.get("label") or "").strip())
        elif {"youtube_id", "time_start", "time_end"} <= header:
            stems = _stems(root)
            for row in reader:
                cells = {name: _cell(path, reader, row, name) for name in ("youtube_id", "time_start", "time_end")}
                yield SourceFile(_kinetics_file(path, reader.line_num, cells, stems), (row.get("label") or "").strip())
        else:
            raise AnnotationError(
                f"{path}: expected a header with `path` or with `youtube_id,time_start,time_end`, got {sorted(header)}"
            )


def _cell(path: Path, reader: csv.DictReader[str], row: Mapping[str, str | None], name: str) -> str:
    value = (row.get(name) or "").strip()
    if not value:
        raise AnnotationError(f"{path}:{reader.line_num}: the column `{name}` is empty")
    return value


def _stems(root: Path) -> dict[str, str]:
    return {PurePosixPath(f.path).stem: f.path for f in _folder_files(root) if _wanted(f.path, (), ())}


def _kinetics_file(path: Path, line: int, row: Mapping[str, str], stems: Mapping[str, str]) -> str:
    """Clips are kept as ``id_000012_000022.mp4`` or ``id.mp4``, anywhere below the root."""
    try:
        start, end = (round(float(row[name])) for name in ("time_start", "time_end"))
    except ValueError as error:
        raise AnnotationError(f"{path}:{line}: expected times in seconds, got {error}") from error
    clip = f"{row['youtube_id']}_{start:06d}_{end:06d}"
    return stems.get(clip) or stems.get(row["youtube_id"]) or f"{clip}.mp4"


def _normal(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).as_posix()


def label_numbers(labels: Sequence[str], known: Sequence[str] = ()) -> tuple[list[int], list[str]]:
    """Number each label by its class, -1 for none, and return the class names with it.

    Labels that are all whole numbers are their own index. Names in ``known`` keep their index; new ones follow, sorted.
    """
    wanted = {label for label in labels if label}
    if all(name.isdecimal() and str(int(name)) == name for name in wanted.union(known)):
        numbers = [int(name) for name in wanted.union(known)]
        names = [str(number) for number in range(max(numbers, default=-1) + 1)]
    else:
        names = [*known, *sorted(wanted.difference(known))]
    index = {name: number for number, name in enumerate(names)}
    return [index[label] if label else -1 for label in labels], names
