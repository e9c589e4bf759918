"""Where tasks run: in this process, on Dask workers of this machine, or on a Dask cluster that is already there.

This is the only file that knows Dask.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[J, R]):
    """One finished task: its job, and its result or what it died of."""

    job: J
    result: R | None
    error: str


class Executor(Protocol):
    """Runs a function over jobs and yields each outcome as it comes, in no particular order."""

    def run(self, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[Outcome[J, R]]: ...

    def close(self) -> None: ...


class InlineExecutor:
    """One task after another, in this process."""

    def run(self, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[Outcome[J, R]]:
        for job in jobs:
            try:
                result = function(job)
            except Exception as error:  # the other tasks go on; the caller reports every one that failed
                yield Outcome(job, None, f"{type(error).__name__}: {error}")
            else:
                yield Outcome(job, result, "")

    def close(self) -> None:
        pass


class DaskExecutor:
    """Tasks on a Dask cluster. ``scheduler`` is an address, a scheduler file, or None for workers on this machine."""

    def __init__(self, num_workers: int | None = None, scheduler: str | None = None) -> None:
        from distributed import Client, LocalCluster

        self._cluster: Any = None
        if scheduler is None:
            # Each worker is a process of one thread: decoding is a child of its own, and its memory is watched there.
            self._cluster = LocalCluster(
                n_workers=num_workers or available_cores(),
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",  # any free port: another run on this machine may have the usual one
                silence_logs="ERROR",
            )
            self._client: Any = Client(self._cluster)
        elif Path(scheduler).is_file():
            self._client = Client(scheduler_file=scheduler)
        else:
            self._client = Client(scheduler)

    def run(self, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[Outcome[J, R]]:
        from distributed import as_completed

        # Not pure: a task that was run before and whose output is gone must run again.
        futures = {self._client.submit(function, job, pure=False): job for job in jobs}
        for future in as_completed(list(futures)):
            job = futures.pop(future)
            error = future.exception()
            result = None if error is not None else future.result()
            yield Outcome(job, result, f"{type(error).__name__}: {error}" if error is not None else "")
            future.release()

    def close(self) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


@contextmanager
def executor(inline: bool, num_workers: int | None = None, scheduler: str | None = None) -> Iterator[Executor]:
    """The executor for these settings, closed at the end."""
    chosen: Executor = InlineExecutor() if inline else DaskExecutor(num_workers, scheduler)
    try:
        yield chosen
    finally:
        chosen.close()


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
