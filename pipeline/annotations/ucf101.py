"""UCF101: three splits, each a list of training videos and one of test videos.

``trainlist01.txt`` has lines ``ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1``, ``testlist01.txt`` the same without a
number, and ``classInd.txt`` beside them lines ``1 ApplyEyeMakeup``. A video's splits are words such as ``train1`` and
``test2``, one for each list that names it. (The detection lists are read alike.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from videotx.pipeline.annotations.entry import AnnotationError, AnnotationFormat, AnnotationSet, Entry, posix_path
from videotx.pipeline.class_names import ClassNames

_LIST: Final = re.compile(r"(train|test)list0?(\d)\.txt")


def _recognises(path: Path) -> bool:
    return _LIST.fullmatch(path.name) is not None


def _read(paths: Sequence[Path]) -> AnnotationSet:
    names = _class_names(paths[0].parent / "classInd.txt")
    return AnnotationSet([entry for path in paths for entry in _entries(path, names)], ClassNames(names))


def _entries(path: Path, names: Sequence[str]) -> Iterator[Entry]:
    named = _LIST.fullmatch(path.name)
    splits = ("".join(named.groups()),) if named is not None else ()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        video, *rest = line.split()
        label, _, _ = video.partition("/")
        if label not in names or (rest and rest != [str(1 + names.index(label))]):
            raise AnnotationError(
                f"{path}:{number}: expected `class/video.avi`, a class of classInd.txt and its number, got {line!r}"
            )
        yield Entry(posix_path(video), label, splits, stems=(PurePosixPath(video).stem,))


def _class_names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise AnnotationError(f"{path}: expected the file that numbers the classes beside the lists, found none")
    names = []
    for number, line in enumerate(filter(str.strip, path.read_text(encoding="utf-8").splitlines()), start=1):
        parts = line.split()
        if len(parts) != 2 or parts[0] != str(number):
            raise AnnotationError(f"{path}:{number}: expected `{number} class`, got {line!r}")
        names.append(parts[1])
    return tuple(names)


UCF101 = AnnotationFormat("UCF101 (trainlist01.txt, ..., with classInd.txt beside)", _recognises, _read)
