"""HMDB51: three splits, each a file per class.

``brush_hair_test_split1.txt`` has lines ``April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1``, with 1 for training, 2 for
test and 0 for neither. Videos are ``brush_hair/<name>``. A video's splits are words such as ``train1`` and ``test2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from videotx.pipeline.annotations.entry import AnnotationError, AnnotationFormat, AnnotationSet, Entry
from videotx.pipeline.class_names import ClassNames

_LIST: Final = re.compile(r"(.+)_test_split(\d)\.txt")
_SPLITS: Final = {"0": "", "1": "train", "2": "test"}


def _recognises(path: Path) -> bool:
    return _LIST.fullmatch(path.name) is not None


def _read(paths: Sequence[Path]) -> AnnotationSet:
    entries = [entry for path in paths for entry in _entries(path)]
    return AnnotationSet(entries, ClassNames(tuple(sorted({entry.label for entry in entries}))))


def _entries(path: Path) -> Iterator[Entry]:
    named = _LIST.fullmatch(path.name)
    label, round_number = named.groups() if named is not None else (path.stem, "")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        video, _, part = line.strip().rpartition(" ")
        if not video or part not in _SPLITS:
            raise AnnotationError(f"{path}:{number}: expected `video.avi` and 0, 1 or 2, got {line!r}")
        split = _SPLITS[part]
        name = video.strip()
        yield Entry(
            f"{label}/{name}", label, (split + round_number,) if split else (), stems=(name.removesuffix(".avi"),)
        )


HMDB51 = AnnotationFormat("HMDB51 (<class>_test_split1.txt, ...)", _recognises, _read)
