"""What is in an output: counts, bytes per frame of each array, failures by kind."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from videotx.pipeline.layout import Layout
from videotx.pipeline.plan import shard_plans
from videotx.pipeline.store import VIDEO_COLUMNS
from videotx.pipeline.tables import read_table, table_rows


@dataclass(frozen=True, slots=True)
class Contents:
    """Facts of one output. ``num_bytes`` is by array; the counts are of what is written so far."""

    path: str
    format: str
    version: int
    recipe: Mapping[str, Any]
    num_classes: int
    num_planned: int
    num_shards: int
    num_shards_written: int
    num_videos: int
    num_frames: int
    num_bytes: Mapping[str, int]
    failures: Mapping[str, int]
    readers: Mapping[str, int]
    residual_kinds: Mapping[str, int]
    num_exact: int
    finalised: bool

    def lines(self) -> list[str]:
        """For people."""
        state = "complete" if self.finalised else "unfinished: run the extraction again"
        kept = self.num_videos - sum(self.failures.values())
        text = [
            f"{self.path}: {self.format} {self.version}, {state}",
            f"videos    {kept} extracted of {self.num_planned} planned, {self.num_classes} classes",
            f"shards    {self.num_shards_written} of {self.num_shards}",
            f"frames    {self.num_frames}",
            f"readers   {_counts(self.readers)}; references exact in {self.num_exact} videos",
        ]
        if self.residual_kinds:
            text.append(f"residual  {_counts(self.residual_kinds)}")
        for name, size in self.num_bytes.items():
            text.append(f"{name:<9} {size / max(self.num_frames, 1) / 1000:.2f} KB/frame, {size / 1e6:.1f} MB")
        text += [f"failed    {count:>4} {code}" for code, count in self.failures.items()]
        return text


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def inspect_output(path: Path) -> Contents:
    """Read the attributes of an output and of its shards."""
    layout = Layout(path)
    attributes = layout.attributes()
    planned = layout.read_plan()
    shards = shard_plans(planned)
    num_bytes, rows, num_written = Counter[str](), [], 0
    for shard in shards:
        if layout.is_written(shard.number):
            num_written += 1
            stored = layout.shard_attributes(shard.number)
            num_bytes.update({name: checksum["num_bytes"] for name, checksum in stored["checksums"].items()})
            rows += stored["videos"]
    failures = Counter(row["error"] for row in rows if row["error"])
    failures.update(video.error for video in planned if video.error)
    good = [row for row in rows if not row["error"]]
    return Contents(
        path=str(path),
        format=attributes["format"],
        version=attributes["version"],
        recipe=attributes["recipe"],
        num_classes=len(attributes["class_names"]),
        num_planned=len(planned),
        num_shards=len(shards),
        num_shards_written=num_written,
        num_videos=len(good) + sum(failures.values()),
        num_frames=sum(row["num_frames"] for row in good),
        num_bytes=dict(num_bytes),
        failures=dict(sorted(failures.items())),
        readers=dict(sorted(Counter(row["reader"] for row in good).items())),
        residual_kinds=dict(sorted(Counter(row["residual_kind"] for row in good if row["residual_kind"]).items())),
        num_exact=sum(row["motion_exact"] for row in good),
        finalised=num_written == len(shards) and layout.videos.exists(),
    )


def export_json(path: Path) -> str:
    """The summary and, where finalised, the table of videos, as one JSON document."""
    document = asdict(inspect_output(path)) | {"videos": _video_rows(path)}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def export_csv(path: Path) -> str:
    """The table of videos as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(VIDEO_COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_video_rows(path))
    return text.getvalue()


def _video_rows(path: Path) -> list[dict[str, Any]]:
    layout = Layout(path)
    layout.attributes()
    if not layout.videos.exists():
        return []
    rows = table_rows(read_table(layout.videos, VIDEO_COLUMNS))
    return [{k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()} for row in rows]
