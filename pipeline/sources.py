"""Which videos to extract, and what is known of them: a folder tree, or a folder and annotation files that name its
videos.

Without annotations, a folder's classes are the parent folders of its files; files directly in it have no label.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from videotx.pipeline.annotations.entry import AnnotationError, Entry
from videotx.pipeline.annotations.formats import read_annotations
from videotx.pipeline.class_names import NO_NAMES, ClassNames

# fmt: off
VIDEO_SUFFIXES: Final = frozenset({
    ".264", ".26l", ".3g2", ".3gp", ".asf", ".avc", ".avi", ".divx", ".flv", ".h264", ".jsv", ".m2ts", ".m2v",
    ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".xvid",
})
# fmt: on

_UNNAMED: Final = "not named by the annotations"
_UNWANTED: Final = "annotated, but left out by --include or --exclude"


@dataclass(frozen=True, slots=True)
class Source:
    """Videos below ``root``, sorted; of a long video there may be several segments.

    ``names`` are those of the classes where the annotations bring an order of their own.
    ``left_out`` counts files and annotations that are not extracted, by kind.
    """

    root: Path
    entries: tuple[Entry, ...]
    names: ClassNames = NO_NAMES
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file once."""
        return tuple(dict.fromkeys(entry.path for entry in self.entries))


def find_sources(
    src: Path,
    annotations: Sequence[Path] = (),
    dataset: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Source:
    """The videos of the folder ``src``, or those of them that ``annotations`` name.

    Annotated videos are found by their path, with any suffix of a video, or in any folder by a name that is theirs
    alone; those that are not there keep the path that the annotations give. ``include`` and ``exclude`` are globs on
    the relative path, in which ``*`` crosses "/"; without ``include``, a folder gives the files whose suffix is one of
    :data:`VIDEO_SUFFIXES`. Raises FileNotFoundError, NotADirectoryError and AnnotationError.
    """
    if not src.exists():
        raise FileNotFoundError(f"{src}: no such folder")
    if not src.is_dir():
        raise NotADirectoryError(f"{src}: expected a folder of videos; annotation files go to --annotations")
    found = list(_folder_files(src))
    wanted = [path for path in found if _wanted(path, include, exclude)]
    if not annotations:
        left_out = Counter(_suffix(path) for path in set(found).difference(wanted))
        entries = [Entry(path, label=PurePosixPath(path).parent.name) for path in sorted(wanted)]
        return Source(src, tuple(entries), left_out=left_out)
    read = read_annotations(annotations, dataset)
    files = [path for path in wanted if include or _suffix(path) in VIDEO_SUFFIXES]
    located = list(_located(read.entries, files, src))
    named = {entry.path for entry in located}
    kept = [entry for entry in located if _wanted(entry.path, include or ("*",), exclude)]
    left_out = Counter(f"{_suffix(path)} {_UNNAMED}" for path in files if path not in named)
    left_out.update({_UNWANTED: len(located) - len(kept)} if len(kept) < len(located) else {})
    entries = sorted(kept, key=lambda entry: (entry.path, entry.start_seconds or 0.0, entry.segment))
    return Source(src, tuple(entries), read.names, left_out)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower() or "no suffix"


def _wanted(path: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if any(fnmatchcase(path, pattern) for pattern in exclude):
        return False
    if include:
        return any(fnmatchcase(path, pattern) for pattern in include)
    return _suffix(path) in VIDEO_SUFFIXES


def _folder_files(root: Path) -> Iterator[str]:
    """Paths relative to ``root``, "/" between parts. Hidden files and folders do not count."""
    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        relative = PurePosixPath(Path(folder).relative_to(root).as_posix())
        yield from ((relative / name).as_posix() for name in names if not name.startswith("."))


def _located(entries: Iterable[Entry], files: Iterable[str], root: Path) -> Iterator[Entry]:
    """Each entry with the path of its file, as far as it is there."""
    by_path: defaultdict[str, list[str]] = defaultdict(list)
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(files):
        bare = _without_suffix(file)
        by_path[file].append(file)
        if bare != file:
            by_path[bare].append(file)
        by_stem[PurePosixPath(bare).name].append(file)
    exact = {entry: _by_path(entry, by_path, root) for entry in entries}
    taken = set(exact.values())
    users: dict[str, Entry] = {}
    for entry, found in exact.items():
        candidates = [[file for file in by_stem.get(stem, ()) if file not in taken] for stem in entry.stems]
        path = found or _only(entry, next(filter(None, candidates), []))
        if path is not None and users.setdefault(path, entry).path != entry.path:
            raise AnnotationError(f"{root / path} is the file of two annotations, {users[path].path} and {entry.path}")
        yield entry if path is None else replace(entry, path=path)


def _by_path(entry: Entry, by_path: Mapping[str, list[str]], root: Path) -> str | None:
    path = entry.path
    if PurePosixPath(path).is_absolute():
        if not Path(path).is_relative_to(root.absolute()):
            return path
        path = Path(path).relative_to(root.absolute()).as_posix()
    if path in by_path and path in by_path[path]:
        return path
    return _only(entry, by_path.get(_without_suffix(path), []))


def _only(entry: Entry, files: Sequence[str]) -> str | None:
    if len(files) > 1:
        raise AnnotationError(
            f"the annotated video {entry.path} may be {files[0]} or {files[1]}; --exclude the one that it is not"
        )
    return files[0] if files else None


def _without_suffix(path: str) -> str:
    return path[: -len(_suffix(path))] if _suffix(path) in VIDEO_SUFFIXES else path
