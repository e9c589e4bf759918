"""Checkpoints that are whole or not there.

A checkpoint is written beside its place, synced to disk and renamed, and the folder is synced. Whatever ends the
process in between (a signal, a full disk, the power) leaves the one before it as the last.
"""

from __future__ import annotations

import os
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

_NAME = re.compile(r"step_(\d{9})\.pt")


class CheckpointWriteError(OSError):
    """A checkpoint could not be written; those before it are as they were."""


def save(folder: Path, step: int, state: Mapping[str, Any], keep: int) -> Path:
    """Write ``state`` as the checkpoint of ``step``, then remove all but the last ``keep``.

    Raises CheckpointWriteError, with nothing changed, where it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{step:09d}.pt"
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(folder)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise CheckpointWriteError(f"{path}: could not be written: {_reason(error)}") from error
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    for leftover in folder.glob("*.partial"):
        leftover.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(path for path in folder.glob("step_*.pt") if _NAME.fullmatch(path.name))


def load_last(folder: Path) -> dict[str, Any] | None:
    """The state of the last checkpoint that can be read whole; None where there is none.

    One that cannot be read (a damaged disk: a crash leaves none) is warned of and passed over.
    """
    for path in reversed(checkpoints(folder)):
        try:
            return load(path)
        except (OSError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
            warnings.warn(f"{path} cannot be read and is passed over: {error}", stacklevel=2)
    return None


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint. Raises ValueError where a part of it does not have its checksum."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()  # torch.load checks no checksums
    if damaged is not None:
        raise ValueError(f"{path}: {damaged} does not have the checksum it was written with")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _reason(error: BaseException) -> BaseException:
    """What the operating system said: torch's writer covers it with an error of its own."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, OSError):
        reason = reason.__context__
    return reason or error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
