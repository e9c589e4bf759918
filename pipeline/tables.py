"""Tables as Zarr groups of equally long 1-D columns: all that a reader needs is zarr."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec

from videotx.pipeline.shard_file import sync_folder, sync_folders, write_json
from videotx.pipeline.store import ShardFormatError, group_metadata


def write_table(folder: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``rows`` as the columns declared by name and dtype, durable on disk.

    None becomes nan in a floating-point column. ``folder`` must not exist.
    """
    folder.mkdir()
    write_json(folder / "zarr.json", group_metadata({"num_rows": len(rows)}))
    for name, dtype in columns.items():
        values = [row[name] for row in rows]
        array = zarr.create_array(
            folder / name,
            shape=(len(rows),),
            chunks=(max(1, len(rows)),),
            dtype=dtype,
            compressors=ZstdCodec(level=3, checksum=True),
            dimension_names=["row"],
        )
        if rows:
            array[:] = np.array(values, dtype=object if dtype == "string" else dtype)
    _sync_files(folder)
    sync_folders(folder)


def _sync_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            sync_folder(path)


def read_table(folder: Path, columns: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """The columns of a table; raises ShardFormatError when one is missing or of another length."""
    group = zarr.open_group(folder, mode="r")
    missing = [name for name in columns if name not in group]
    if missing:
        raise ShardFormatError(f"{folder}: expected the columns {', '.join(columns)}; {', '.join(missing)} missing")
    table: dict[str, npt.NDArray[Any]] = {name: np.asarray(group[name][:]) for name in columns}  # type: ignore[index]
    lengths = {name: len(column) for name, column in table.items()}
    if set(lengths.values()) != {group.attrs["num_rows"]}:
        raise ShardFormatError(f"{folder}: expected {group.attrs['num_rows']} rows in every column, got {lengths}")
    return table


def table_rows(table: Mapping[str, npt.NDArray[Any]]) -> list[dict[str, Any]]:
    """A table's rows as dictionaries of plain Python values."""
    columns = {name: column.tolist() for name, column in table.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def place_folder(new: Path, target: Path) -> None:
    """Put ``new`` at ``target`` unless something is there already, which then stays and ``new`` is deleted."""
    try:
        new.rename(target)
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(new)
    sync_folder(target.parent)


def replace_folder(new: Path, target: Path, retired: Path) -> None:
    """Put ``new`` in the place of ``target``. ``retired`` is where the old one is for a moment.

    A folder cannot be replaced in one step; if the process dies between the two, :func:`recover_folder` undoes it.
    """
    if target.exists():
        target.rename(retired)
    new.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(retired, ignore_errors=True)


def recover_folder(target: Path, retired: Path) -> None:
    """Finish or undo a :func:`replace_folder` that was interrupted."""
    if retired.exists():
        if target.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.rename(target)
