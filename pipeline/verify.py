"""Check an output from the disk up: checksums, counts, and that every frame decodes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c

from videotx.pipeline.layout import Layout
from videotx.pipeline.plan import NO_SHARD, ShardPlan, shard_plans
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.shard import row_key
from videotx.pipeline.store import (
    FRAME_COLUMNS,
    VIDEO_COLUMNS,
    FrameArray,
    ShardFormatError,
    parse_array,
    read_index,
)
from videotx.pipeline.tables import read_table, table_rows

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One shard to check."""

    output: str
    recipe: Recipe
    plan: ShardPlan


def verify_jobs(output: Path) -> list[VerifyJob]:
    """One job per planned shard; raises ShardFormatError where there is no output to check."""
    layout = Layout(output)
    recipe = layout.recipe()
    return [VerifyJob(str(output.absolute()), recipe, shard) for shard in shard_plans(layout.read_plan())]


def verify_shard(job: VerifyJob) -> list[str]:
    """Everything that is wrong with a shard, one sentence each; empty when nothing is."""
    layout = Layout(Path(job.output))
    folder = layout.shard(job.plan.number)
    if not layout.is_written(job.plan.number):
        return [f"{folder.name}: not written"]
    try:
        attributes = layout.shard_attributes(job.plan.number)
        first = job.plan.videos[0]
        expected = job.recipe.arrays(first.width, first.height, first.residual_kind)
        problems = [f"{folder.name}: {problem}" for problem in _check_videos(job.plan, attributes)]
        for array in expected:
            problems += [
                f"{folder.name}/{array.name}: {problem}" for problem in _check_array(folder, array, attributes)
            ]
        problems += [f"{folder.name}/frames: {problem}" for problem in _check_frames(folder, attributes)]
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        return [f"{folder.name}: {type(error).__name__}: {error}"]
    return problems


def _check_videos(plan: ShardPlan, attributes: dict[str, Any]) -> Iterator[str]:
    rows = attributes["videos"]
    if list(map(row_key, rows)) != [video.key for video in plan.videos]:
        yield "expected the videos of the plan, the attributes list others"
    next_frame = 0
    for row in rows:
        if not row["error"] and row["first_frame"] != next_frame:
            yield f"{row['path']}: expected its first frame at {next_frame}, the attributes say {row['first_frame']}"
        if bool(row["error"]) == bool(row["num_frames"]):
            yield f"{row['path']}: expected frames or an error, got {row['num_frames']} frames and {row['error']!r}"
        next_frame += row["num_frames"]
    if next_frame != attributes["num_frames"]:
        yield f"expected {attributes['num_frames']} frames, the videos have {next_frame}"


def _check_array(folder: Path, declared: FrameArray, attributes: dict[str, Any]) -> Iterator[str]:
    metadata = json.loads((folder / declared.name / "zarr.json").read_text(encoding="utf-8"))
    array, num_frames = parse_array(declared.name, metadata)
    if array != declared:
        yield f"expected {declared.dtype} {declared.shape}, got {array.dtype} {array.shape}, or other attributes"
    if num_frames != attributes["num_frames"]:
        yield f"expected {attributes['num_frames']} frames, got {num_frames}"
    if num_frames == 0:
        return
    path = folder / array.file
    checksum = attributes["checksums"][declared.name]
    with path.open("rb") as file:
        size, crc = _checksum(lambda: file.read(_READ_BYTES))
        if (size, f"{crc:08x}") != (checksum["num_bytes"], checksum["crc32c"]):
            yield (
                f"expected {checksum['num_bytes']} bytes with CRC-32C {checksum['crc32c']}, "
                f"got {size} bytes with {crc:08x}"
            )
        try:
            index = read_index(file.fileno(), path, num_frames)
        except ShardFormatError as error:
            yield str(error)
            return
        for number, (offset, length) in enumerate(index.tolist()):
            try:
                array.decode(os.pread(file.fileno(), length, offset))
            except (ValueError, RuntimeError) as error:
                yield f"frame {number} does not decode: {error}"


def _checksum(read: Callable[[], bytes]) -> tuple[int, int]:
    size, crc = 0, 0
    while block := read():
        size += len(block)
        crc = google_crc32c.extend(crc, block)
    return size, crc


def _check_frames(folder: Path, attributes: dict[str, Any]) -> Iterator[str]:
    table = read_table(folder / "frames", FRAME_COLUMNS)
    video = table["video"].tolist()
    if len(video) != attributes["num_frames"]:
        yield f"expected {attributes['num_frames']} rows, got {len(video)}"
    expected = [n for n, row in enumerate(attributes["videos"]) for _ in range(row["num_frames"])]
    if video != expected:
        yield "the column `video` does not follow the list of videos"
    seconds = table["pts_seconds"]
    backwards = (seconds[1:] <= seconds[:-1]) & (table["video"][1:] == table["video"][:-1])
    if backwards.any():
        yield f"pts_seconds does not increase at frame {int(backwards.argmax()) + 1}"


def verify_videos(output: Path) -> list[str]:
    """What is wrong with the table of videos: it must hold every planned file once, as its shard does."""
    layout = Layout(output)
    planned = layout.read_plan()
    if not layout.videos.exists():
        return ["videos: not written"]
    try:
        rows = table_rows(read_table(layout.videos, VIDEO_COLUMNS))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        return [f"videos: {type(error).__name__}: {error}"]
    problems = []
    if list(map(row_key, rows)) != [video.key for video in planned]:
        problems.append(f"videos: expected the {len(planned)} files of the plan, got {len(rows)} rows that differ")
    stored: dict[tuple[str, str], dict[str, Any]] = {}
    for shard in shard_plans(planned):
        if layout.is_written(shard.number):
            stored |= {row_key(row): row for row in _rows_of(layout, shard.number)}
    for row in rows:
        expected = stored.get(row_key(row))
        same = expected is None or all(
            row[key] == expected[key] for key in ("shard", "first_frame", "num_frames", "error")
        )
        if not same or (expected is None and row["shard"] != NO_SHARD):
            problems.append(f"videos: the row of {row['path']} differs from its shard's")
    return problems


def _rows_of(layout: Layout, number: int) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = layout.shard_attributes(number)["videos"]
    except (KeyError, ValueError):
        return []  # reported by verify_shard
    return rows
