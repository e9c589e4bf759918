"""Diving-48: JSON lists of clips with class numbers, and the vocabulary that names the classes.

``Diving48_V2_train.json`` and ``Diving48_V2_test.json`` hold ``{"vid_name": "2x00lRzlTVQ_00000", "label": 12,
"start_frame": 0, "end_frame": 98}``; the frames are those of the clip itself. ``Diving48_vocab.json`` beside them is a
list of 48 lists such as ``["Back", "15som", "05Twis", "FREE"]``. Videos are ``rgb/<vid_name>.mp4``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from videotx.pipeline.annotations.entry import (
    AnnotationError,
    AnnotationFormat,
    AnnotationSet,
    Entry,
    read_json,
    split_of_file,
    starts_like_list_of,
)
from videotx.pipeline.class_names import ClassNames

_NUM_CLASSES: Final = 48


def _recognises(path: Path) -> bool:
    return starts_like_list_of(path, "vid_name")


def _read(paths: Sequence[Path]) -> AnnotationSet:
    names = _class_names(paths[0].parent)
    return AnnotationSet([entry for path in paths for entry in _entries(path, names)], ClassNames(names))


def _entries(path: Path, names: Sequence[str]) -> Iterator[Entry]:
    splits = split_of_file(path)
    for position, item in enumerate(read_json(path)):
        number = item.get("label") if isinstance(item, dict) else None
        if not isinstance(number, int) or not 0 <= number < len(names) or "vid_name" not in item:
            raise AnnotationError(
                f"{path}: entry {position}: expected `vid_name` and a `label` below {len(names)}, got {item!r}"
            )
        yield Entry(f"{item['vid_name']}.mp4", names[number], splits, stems=(str(item["vid_name"]),))


def _class_names(folder: Path) -> tuple[str, ...]:
    path = folder / "Diving48_vocab.json"
    if not path.is_file():
        return tuple(str(number) for number in range(_NUM_CLASSES))
    words = read_json(path)
    if not isinstance(words, list) or not all(isinstance(parts, list) for parts in words):
        raise AnnotationError(f"{path}: expected a list of lists of words, got {type(words).__name__}")
    names = tuple(" ".join(map(str, parts)) for parts in words)
    if len(set(names)) != len(names):
        raise AnnotationError(f"{path}: expected classes that differ, got one twice")
    return names


DIVING48 = AnnotationFormat("Diving-48 (JSON)", _recognises, _read)
