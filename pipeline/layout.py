"""Where things lie in an output folder, and its own attributes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import isnan
from pathlib import Path
from typing import Any, Final

from videotx.pipeline.class_names import ClassNames
from videotx.pipeline.plan import PlannedVideo
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.shard_file import sync_folder, write_json
from videotx.pipeline.store import FORMAT, PLAN_COLUMNS, VERSION, ShardFormatError, group_metadata
from videotx.pipeline.tables import place_folder, read_table, recover_folder, replace_folder, table_rows, write_table

_PARTIAL_NOTE: Final = "shards being written; what is left here after a run has ended can be deleted"


def _plain(value: Any) -> Any:
    """A table's value as it was before writing: its columns of numbers hold nan for None."""
    return None if isinstance(value, float) and isnan(value) else value


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder ``output`` and what is in it."""

    output: Path

    @property
    def partial(self) -> Path:
        """Where shards and tables are written before they are renamed to their place."""
        return self.output / "partial"

    @property
    def plan(self) -> Path:
        return self.output / "plan"

    @property
    def videos(self) -> Path:
        return self.output / "videos"

    def shard(self, number: int) -> Path:
        return self.output / f"{number:06d}"

    def is_written(self, number: int) -> bool:
        """A shard exists or it does not: the rename is the last step of writing one."""
        return (self.shard(number) / "zarr.json").exists()

    def exists(self) -> bool:
        return (self.output / "zarr.json").exists()

    def create(self, recipe: Recipe, names: ClassNames, source: str) -> None:
        """Make the folders and write (or rewrite, in one step) the root's attributes."""
        self.output.mkdir(parents=True, exist_ok=True)
        attributes = {
            "format": FORMAT,
            "version": VERSION,
            "recipe": recipe.to_dict(),
            "class_names": list(names.classes),
            "verb_names": list(names.verbs),
            "noun_names": list(names.nouns),
            "source": source,
        }
        new = self.output / f"zarr.json.{os.getpid()}"
        write_json(new, group_metadata(attributes))
        new.replace(self.output / "zarr.json")
        sync_folder(self.output)

    def make_partial(self) -> None:
        self.partial.mkdir(exist_ok=True)
        if not (self.partial / "zarr.json").exists():
            write_json(self.partial / "zarr.json", group_metadata({"note": _PARTIAL_NOTE}))

    def attributes(self) -> dict[str, Any]:
        """The root's attributes; raises ShardFormatError when it is not an output of this format and version."""
        path = self.output / "zarr.json"
        if not path.exists():
            raise ShardFormatError(f"{self.output}: expected a folder made by `videotx extract`, there is no zarr.json")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("attributes", {})
        if (found.get("format"), found.get("version")) != (FORMAT, VERSION):
            raise ShardFormatError(
                f"{self.output}: expected {FORMAT} {VERSION}, got {found.get('format')} {found.get('version')}"
            )
        return found

    def class_names(self) -> ClassNames:
        """Names of the classes of this output."""
        found = self.attributes()
        return ClassNames(*(tuple(found[f"{kind}_names"]) for kind in ("class", "verb", "noun")))

    def recipe(self) -> Recipe:
        return Recipe.from_dict(self.attributes()["recipe"])

    def shard_attributes(self, number: int) -> dict[str, Any]:
        """A shard's attributes: its videos, counts and checksums."""
        path = self.shard(number) / "zarr.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["attributes"]
        return found

    def read_plan(self) -> list[PlannedVideo]:
        """The plan, empty before the first."""
        recover_folder(self.plan, self.partial / "plan.old")
        if not self.plan.exists():
            return []
        names = [f.name for f in fields(PlannedVideo)]
        rows = table_rows(read_table(self.plan, PLAN_COLUMNS))
        return [PlannedVideo(**{name: _plain(row[name]) for name in names}) for row in rows]

    def write_table(
        self, name: str, rows: Sequence[dict[str, Any]], columns: Mapping[str, str], *, replace: bool
    ) -> None:
        """Write the table ``name``, whole or not at all.

        Without ``replace``, a table that another process wrote first stays as it is.
        """
        new = self.partial / f"{name}.{os.getpid()}"
        write_table(new, columns, rows)
        if replace:
            replace_folder(new, self.output / name, self.partial / f"{name}.old")
        else:
            place_folder(new, self.output / name)
