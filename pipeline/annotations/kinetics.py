"""Kinetics-400, -600 and -700: CSV of YouTube ids and ranges of seconds; every clip is a file of its own.

``label,youtube_id,time_start,time_end,split``; the test set may come without ``label``. Clips are kept as
``<label>/<id>_000012_000022.mp4`` or without the folder, or as ``<id>.mp4``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from videotx.pipeline.annotations.entry import (
    AnnotationFormat,
    AnnotationSet,
    Entry,
    csv_header,
    read_rows,
    split_of_file,
    split_word,
)


def _recognises(path: Path) -> bool:
    return csv_header(path) >= {"youtube_id", "time_start", "time_end"}


def _read(paths: Sequence[Path]) -> AnnotationSet:
    return AnnotationSet([entry for path in paths for entry in _entries(path)])


def _entries(path: Path) -> Iterator[Entry]:
    named = split_of_file(path)
    for row in read_rows(path):
        start, end = (round(row.seconds(column)) for column in ("time_start", "time_end"))
        video = row.text("youtube_id")
        split = row.cells.get("split", "")
        clip = f"{video}_{start:06d}_{end:06d}"
        yield Entry(
            path=f"{clip}.mp4",
            label=row.cells.get("label", ""),
            splits=(split_word(split),) if split else named,
            stems=(clip, video),
        )


KINETICS = AnnotationFormat("Kinetics-400, -600, -700 (CSV)", _recognises, _read)
