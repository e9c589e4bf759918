"""Every format of annotations by name, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from videotx.pipeline.annotations.charades import CHARADES
from videotx.pipeline.annotations.diving48 import DIVING48
from videotx.pipeline.annotations.entry import AnnotationError, AnnotationFormat, AnnotationSet, Entry
from videotx.pipeline.annotations.epic import EPIC_KITCHENS
from videotx.pipeline.annotations.hmdb51 import HMDB51
from videotx.pipeline.annotations.kinetics import KINETICS
from videotx.pipeline.annotations.lists import LIST, TABLE
from videotx.pipeline.annotations.something import SOMETHING_V2
from videotx.pipeline.annotations.ucf101 import UCF101

# In the order in which a file is tried: lists of lines are the least particular.
FORMATS: Final[Mapping[str, AnnotationFormat]] = {
    "kinetics": KINETICS,
    "something-v2": SOMETHING_V2,
    "epic-kitchens": EPIC_KITCHENS,
    "diving48": DIVING48,
    "ucf101": UCF101,
    "hmdb51": HMDB51,
    "charades": CHARADES,
    "csv": TABLE,
    "list": LIST,
}

_PLAIN: Final = ("csv", "list")


def read_annotations(paths: Sequence[Path], dataset: str | None = None) -> AnnotationSet:
    """Read annotation files, or all those of one format that lie directly in folders.

    ``dataset`` is a name of :data:`FORMATS`, told by the files themselves where None. What several files say of one
    video is joined: its splits add up. Raises FileNotFoundError, and AnnotationError for files of no known format, of
    several, or that contradict each other.
    """
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such annotation file or folder")
    name = dataset or _detect(paths)
    chosen = FORMATS[name]
    files = [file for path in paths for file in _files(path, chosen, name)]
    found = chosen.read(files)
    return replace(found, entries=list(_joined(found.entries)))


def _detect(paths: Sequence[Path]) -> str:
    names = [name for name, form in FORMATS.items() if all(_holds(path, form) for path in paths)]
    shown = ", ".join(map(str, paths))
    if not names:
        known = "; ".join(f"{name}: {form.title}" for name, form in FORMATS.items())
        raise AnnotationError(f"{shown}: expected annotations in one of the known formats ({known}), found none")
    # A file has the first format that fits it. A folder may hold other files beside the annotations: lists of lines and
    # tables count only where there is nothing more particular, and more than one that is has to be chosen from.
    names = [name for name in names if name not in _PLAIN] or names
    if len(names) > 1 and any(path.is_dir() for path in paths):
        raise AnnotationError(f"{shown}: holds annotations in several formats ({', '.join(names)}); say --dataset NAME")
    return names[0]


def _holds(path: Path, form: AnnotationFormat) -> bool:
    return any(map(form.recognises, _in_folder(path))) if path.is_dir() else form.recognises(path)


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _files(path: Path, form: AnnotationFormat, name: str) -> Iterable[Path]:
    if not path.is_dir():
        if not form.recognises(path):
            raise AnnotationError(f"{path}: expected annotations of {form.title}, which --dataset {name} asks for")
        return [path]
    files = [file for file in _in_folder(path) if form.recognises(file)]
    if not files:
        raise AnnotationError(f"{path}: expected annotation files of {form.title} in this folder, found none")
    return files


def _joined(entries: Iterable[Entry]) -> Iterator[Entry]:
    """One entry per video and segment."""
    known: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = entry.path, entry.segment
        before = known.get(key)
        if before is None:
            known[key] = entry
            continue
        splits = (*before.splits, *(split for split in entry.splits if split not in before.splits))
        if replace(before, splits=splits) != replace(entry, splits=splits):
            name = entry.segment or entry.path
            raise AnnotationError(f"{name} is annotated twice, differently: {_described(before)}, {_described(entry)}")
        known[key] = replace(before, splits=splits)
    yield from known.values()


def _described(entry: Entry) -> str:
    times = "" if entry.start_seconds is None else f" {entry.start_seconds} to {entry.stop_seconds} s"
    return f"{entry.label or 'no label'}{times}"
