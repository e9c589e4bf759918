"""Something-Something V2: JSON lists of ids and templates, and a JSON object that numbers the templates.

``train.json``, ``validation.json`` and ``test.json`` (or ``something-something-v2-train.json``, ...) hold ``{"id":
"78687", "template": "Holding [something] next to [something]", ...}``; test entries have an id alone. ``labels.json``
beside them maps ``Holding something next to something`` to ``"41"``. Videos are ``<id>.webm``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

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


def _recognises(path: Path) -> bool:
    return starts_like_list_of(path, "id")


def _read(paths: Sequence[Path]) -> AnnotationSet:
    numbers: dict[str, int] = {}
    for labels in sorted({_labels_file(path) for path in paths}):
        numbers |= _class_numbers(labels)
    names = tuple(sorted(numbers, key=numbers.__getitem__))
    return AnnotationSet([entry for path in paths for entry in _entries(path, numbers)], ClassNames(names))


def _labels_file(path: Path) -> Path:
    for name in ("labels.json", "something-something-v2-labels.json"):
        if (path.parent / name).is_file():
            return path.parent / name
    raise AnnotationError(f"{path}: expected labels.json beside it, which numbers the classes")


def _class_numbers(path: Path) -> dict[str, int]:
    document = read_json(path)
    try:
        numbers = {str(name): int(number) for name, number in document.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise AnnotationError(f'{path}: expected an object like {{"Holding something": "30"}}, got {error}') from error
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise AnnotationError(f"{path}: expected the classes numbered from 0 to {len(numbers) - 1}, each once")
    return numbers


def _entries(path: Path, numbers: Mapping[str, int]) -> Iterator[Entry]:
    splits = split_of_file(path)
    for position, item in enumerate(read_json(path)):
        if not isinstance(item, dict) or "id" not in item:
            raise AnnotationError(f"{path}: entry {position}: expected an object with `id`, got {item!r}")
        label = str(item.get("template", "")).replace("[", "").replace("]", "")
        if label and label not in numbers:
            raise AnnotationError(f"{path}: entry {position}: the template {label!r} is not in labels.json")
        yield Entry(f"{item['id']}.webm", label, splits, stems=(str(item["id"]),))


SOMETHING_V2 = AnnotationFormat("Something-Something V2 (JSON, with labels.json beside)", _recognises, _read)
