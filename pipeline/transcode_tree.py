"""Transcode every video of a source into a folder of the same shape.

A target exists only when it is whole, so running again does what is missing, failed files included. What became of each
source is a row of ``transcodes.csv`` in the output; the preset is written beside it, and another one is refused.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Final

from tqdm import tqdm

from videotx.extract.errors import VideoError
from videotx.pipeline.executors import Executor
from videotx.pipeline.ffmpeg import Ffmpeg
from videotx.pipeline.isolation import Limits, VideoFailedError, worker_decoder
from videotx.pipeline.presets import PRESETS, Preset
from videotx.pipeline.recipe import RecipeMismatchError
from videotx.pipeline.shard_file import sync_folder
from videotx.pipeline.sources import Source
from videotx.pipeline.transcode import Transcode, transcode_probed

TABLE: Final = "transcodes.csv"
SETTINGS: Final = "transcode.json"


@dataclass(frozen=True, slots=True)
class TranscodeSettings:
    """How to transcode."""

    preset: str
    program: Ffmpeg
    limits: Limits


@dataclass(frozen=True, slots=True)
class TranscodeJob:
    """One file to transcode. ``target`` is relative to ``output``."""

    source_root: str
    path: str
    output: str
    target: str
    settings: TranscodeSettings


@dataclass(frozen=True, slots=True)
class TranscodeRecord:
    """What became of one source file. ``error`` is empty, or the code of the failure that ``message`` describes."""

    path: str
    target: str
    source_bytes: int
    target_bytes: int
    error: str
    message: str


def run_transcode(job: TranscodeJob) -> TranscodeRecord:
    """Transcode one file; what is wrong with it is in the record."""
    settings = job.settings
    source, target = Path(job.source_root, job.path), Path(job.output, job.target)
    error = message = ""
    try:
        decoder = worker_decoder(settings.limits)
        transcode_probed(decoder, settings.program, Transcode(source, target, PRESETS[settings.preset]))
    except (VideoFailedError, VideoError) as failure:
        error, message = failure.code, failure.message
    return TranscodeRecord(job.path, job.target, _size(source), _size(target), error, message)


def transcode_with_bar(
    source: Source, output: Path, settings: TranscodeSettings, executor: Executor
) -> tuple[int, int]:
    """Transcode what is not there yet, with a bar on a terminal; (files that are there now, files of the source).

    Raises ValueError for sources that would share a target, and as :func:`transcode_source`.
    """
    targets = target_paths(source.paths)
    records = transcode_source(source.root, targets, output, settings, executor)
    num_made = 0
    with tqdm(total=len(targets), unit="video", disable=None) as bar:  # None: only on a terminal
        for record in records:
            num_made += not record.error
            bar.update()
            if record.error:
                bar.write(f"failed: {record.path}: {record.error}: {record.message}", file=sys.stderr)
    return num_made, len(targets)


def transcode_source(
    root: Path, targets: Mapping[str, str], output: Path, settings: TranscodeSettings, executor: Executor
) -> Iterator[TranscodeRecord]:
    """Transcode what is not there yet and yield the record of every file, those that were there first.

    ``targets`` are those of :func:`target_paths`. Raises RecipeMismatchError when ``output`` holds files of another
    preset, and RuntimeError when a worker failed, after all other files are done.
    """
    check_preset(output, PRESETS[settings.preset])
    records, jobs = [], []
    for path, target in targets.items():
        if (output / target).exists():
            sizes = _size(root / path), _size(output / target)
            records.append(TranscodeRecord(path, target, *sizes, "", ""))
            yield records[-1]
        else:
            jobs.append(TranscodeJob(str(root.absolute()), path, str(output.absolute()), target, settings))
    errors = []
    for outcome in executor.run(run_transcode, jobs):
        if outcome.result is None:
            errors.append(f"{outcome.job.path}: {outcome.error}")
        else:
            records.append(outcome.result)
            yield outcome.result
    write_records(output / TABLE, records)
    if errors:
        raise RuntimeError("; ".join(errors))


def check_preset(output: Path, preset: Preset) -> None:
    """Raise RecipeMismatchError when ``output`` holds files of another preset; otherwise note this one there."""
    settings = output / SETTINGS
    if settings.exists():
        stored = json.loads(settings.read_text(encoding="utf-8"))["preset"]
        if stored != preset.name:
            raise RecipeMismatchError(f"{output} was made with the preset {stored}, {preset.name} was asked for")
        return
    output.mkdir(parents=True, exist_ok=True)
    _replace_text(settings, json.dumps({"preset": preset.name}) + "\n")


def target_paths(paths: Sequence[str]) -> dict[str, str]:
    """Where each source goes: the same path with ``.mp4``. Raises ValueError when two would be the same file."""
    sources: dict[str, str] = {}
    for path in paths:
        target = str(PurePosixPath(path).with_suffix(".mp4"))
        if target in sources:
            raise ValueError(f"{sources[target]} and {path} would both become {target}; --exclude one of them")
        sources[target] = path
    return {path: target for target, path in sources.items()}


def write_records(path: Path, records: Sequence[TranscodeRecord]) -> None:
    """Replace the table of transcodes, sorted by source path, in one step."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(TranscodeRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in sorted(records, key=lambda record: record.path))
    _replace_text(path, text.getvalue())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _replace_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    sync_folder(partial)
    partial.replace(path)
    sync_folder(path.parent)
