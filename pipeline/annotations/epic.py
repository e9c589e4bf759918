"""EPIC-KITCHENS-100: CSV of segments of long videos, each with a verb and a noun.

``narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,...,verb,verb_class,noun,
noun_class,...``; ``EPIC_100_test_timestamps.csv`` has no classes. Videos are ``P01/videos/P01_01.MP4``. Where
``EPIC_100_verb_classes.csv`` and ``EPIC_100_noun_classes.csv`` (``id,key,...``) lie beside, the classes have names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from videotx.pipeline.annotations.entry import (
    AnnotationError,
    AnnotationFormat,
    AnnotationSet,
    Entry,
    csv_header,
    read_rows,
    split_of_file,
)
from videotx.pipeline.class_names import ClassNames


def _recognises(path: Path) -> bool:
    return csv_header(path) >= {"narration_id", "video_id", "start_timestamp", "stop_timestamp"}


def _read(paths: Sequence[Path]) -> AnnotationSet:
    entries = [entry for path in paths for entry in _entries(path)]
    folder = paths[0].parent
    verbs, nouns = (_names(folder / f"EPIC_100_{kind}_classes.csv") for kind in ("verb", "noun"))
    return AnnotationSet(entries, ClassNames(verbs=verbs, nouns=nouns))


def _entries(path: Path) -> Iterator[Entry]:
    splits = split_of_file(path)
    labelled = csv_header(path) >= {"verb_class", "noun_class"}
    for row in read_rows(path):
        start, stop = row.seconds("start_timestamp"), row.seconds("stop_timestamp")
        if start >= stop:
            raise AnnotationError(f"{path}:{row.line}: expected a start before the stop, got {start} and {stop} s")
        video = row.text("video_id")
        participant = row.cells.get("participant_id") or video.partition("_")[0]
        yield Entry(
            path=f"{participant}/videos/{video}.MP4",
            splits=splits,
            stems=(video,),
            segment=row.text("narration_id"),
            start_seconds=start,
            stop_seconds=stop,
            verb=row.number("verb_class") if labelled else -1,
            noun=row.number("noun_class") if labelled else -1,
        )


def _names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    names = {row.number("id"): row.text("key") for row in read_rows(path)}
    if sorted(names) != list(range(len(names))):
        raise AnnotationError(f"{path}: expected the classes numbered from 0 to {len(names) - 1}, each once")
    return tuple(names[number] for number in range(len(names)))


EPIC_KITCHENS = AnnotationFormat("EPIC-KITCHENS-100 (CSV; segments with verb and noun)", _recognises, _read)
