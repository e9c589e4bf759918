"""When every shard is written: check them against the plan and merge their rows into the table ``videos``."""

from __future__ import annotations

import shutil
from typing import Any

from videotx.pipeline.layout import Layout
from videotx.pipeline.plan import NO_SHARD, shard_plans
from videotx.pipeline.shard import failed_row, row_key
from videotx.pipeline.store import VIDEO_COLUMNS, ShardFormatError


def missing_shards(layout: Layout) -> list[int]:
    """Numbers of the planned shards that are not written yet."""
    return [shard.number for shard in shard_plans(layout.read_plan()) if not layout.is_written(shard.number)]


def finalise(layout: Layout) -> list[dict[str, Any]]:
    """Write the table ``videos`` and return its rows, in the order of the plan.

    Raises ShardFormatError when a shard is missing or holds other videos than planned.
    """
    planned = layout.read_plan()
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for shard in shard_plans(planned):
        if not layout.is_written(shard.number):
            raise ShardFormatError(
                f"{layout.output}: shard {shard.number:06d} is not written; run the extraction again"
            )
        stored = layout.shard_attributes(shard.number)["videos"]
        if list(map(row_key, stored)) != [video.key for video in shard.videos]:
            raise ShardFormatError(f"{layout.shard(shard.number)}: holds other videos than the plan says")
        rows |= {row_key(row): row for row in stored}
    rows |= {v.key: failed_row(v, v.error, v.message) for v in planned if v.shard == NO_SHARD}
    table = [rows[video.key] for video in planned]
    layout.make_partial()
    layout.write_table("videos", table, VIDEO_COLUMNS, replace=True)
    shutil.rmtree(layout.partial)
    return table
