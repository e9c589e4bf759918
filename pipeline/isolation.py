"""Decode videos in a child process, so that one which crashes, hangs or eats memory takes nothing else with it.

A :class:`DecoderProcess` keeps one child alive from video to video, reads encoded frames from it over a pipe, watches
it while it waits, and kills it when it goes quiet for too long or grows too large. The next video gets a new child.
The child never outlives its parent.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from videotx.extract.segment import Segment
from videotx.pipeline.encode import EncodedFrame, Probe, VideoFacts
from videotx.pipeline.recipe import Recipe

CHILD: Final = (sys.executable, "-m", "videotx.pipeline.decoder")
_WATCH_SECONDS: Final = 0.05
_START_SECONDS: Final = 120.0


class VideoFailedError(Exception):
    """A video could not be extracted. ``code`` is the word for the tables, ``message`` the sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Limits:
    """What one video may take: seconds without a new frame, and resident memory of the process that decodes it."""

    timeout_seconds: float = 120.0
    memory_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Request:
    """What a child is asked for: the header of a video, or, where that is known already, all of it or a segment."""

    path: str
    recipe: Recipe
    expected: Probe | None
    segment: Segment | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What a child answers in place of a result."""

    code: str
    message: str


Answer = EncodedFrame | VideoFacts | Probe | Failure


_WORKER: Final = threading.local()


def worker_decoder(limits: Limits) -> DecoderProcess:
    """The decoding process of this thread, started once and kept from shard to shard."""
    decoder: DecoderProcess | None = getattr(_WORKER, "decoder", None)
    if decoder is None or decoder.limits != limits:
        if decoder is not None:
            decoder.close()
        decoder = _WORKER.decoder = DecoderProcess(limits)
        atexit.register(decoder.close)
    return decoder


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 when it is no more."""
    try:
        statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


class DecoderProcess:
    """A child process that decodes one video after another. Use as a context manager, from one thread."""

    def __init__(self, limits: Limits, command: Sequence[str] | None = None) -> None:
        self.limits = limits
        self._command = tuple(command or CHILD)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._poll = select.poll()  # of the connection; Connection.poll would make one for each frame
        self._stderr: IO[bytes] | None = None
        self._next_watch = 0.0

    @property
    def pid(self) -> int | None:
        """Process id of the living child."""
        return None if self._process is None else self._process.pid

    def probe(self, path: str, recipe: Recipe) -> Probe:
        """Read a video's header. Raises VideoFailedError."""
        for answer in self._ask(Request(path, recipe, None)):
            if isinstance(answer, Probe):
                return answer
        raise RuntimeError(f"{path}: the decoding process ended its answer without a result")

    def encode(
        self, path: str, recipe: Recipe, expected: Probe, segment: Segment | None = None
    ) -> Generator[EncodedFrame | VideoFacts, None, None]:
        """Yield the encoded frames of a video or a segment of it, and its facts last. Raises VideoFailedError."""
        for answer in self._ask(Request(path, recipe, expected, segment)):
            if isinstance(answer, EncodedFrame | VideoFacts):
                yield answer

    def _ask(self, request: Request) -> Iterator[Answer]:
        connection = self._start()
        finished = False
        num_frames = 0
        try:
            connection.send(request)
            while not finished:
                answer = self._wait_for_answer(connection, num_frames)
                finished = not isinstance(answer, EncodedFrame)
                if isinstance(answer, Failure):
                    raise VideoFailedError(answer.code, answer.message)
                num_frames += 1
                yield answer
        except (EOFError, ConnectionError) as error:
            raise VideoFailedError(*self._describe_death(num_frames)) from error
        finally:
            # A child that is still sending (the caller gave up, or a limit was passed) cannot be asked again; one that
            # has grown is replaced before its size could be blamed on the next video.
            if not finished or self._resident_bytes() > self.limits.memory_bytes // 2:
                self.close()

    def _wait_for_answer(self, connection: Connection[Any, Any], num_frames: int) -> Answer:
        deadline = time.monotonic() + self.limits.timeout_seconds
        while True:
            ready = bool(self._poll.poll(1000 * _WATCH_SECONDS))
            now = time.monotonic()
            if not ready or now >= self._next_watch:
                self._next_watch = now + _WATCH_SECONDS
                self._check_memory(num_frames)
            if ready:
                answer: Answer = connection.recv()
                return answer
            if now > deadline:
                raise VideoFailedError(
                    "timed_out", f"no frame came for {self.limits.timeout_seconds:g} s after {num_frames} frames"
                )

    def _check_memory(self, num_frames: int) -> None:
        used, allowed = self._resident_bytes(), self.limits.memory_bytes
        if used > allowed:
            raise VideoFailedError(
                "memory_limit",
                f"the decoding process used {used >> 20} MiB after {num_frames} frames, "
                f"more than the {allowed >> 20} MiB allowed",
            )

    def _start(self) -> Connection[Any, Any]:
        if self._process is not None and self._connection is not None and self._process.poll() is None:
            return self._connection
        self.close()
        ours, theirs = Pipe()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115, close() closes it
        self._process = subprocess.Popen(
            [*self._command, str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self._connection = ours
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        try:
            if not ours.poll(_START_SECONDS):
                raise EOFError
            ours.recv()
        except (EOFError, ConnectionError) as error:
            said = self._last_words()
            self.close()
            raise RuntimeError(f"the decoding process did not start: {said or 'it said nothing'}") from error
        return ours

    def _resident_bytes(self) -> int:
        return 0 if self._process is None else resident_bytes(self._process.pid)

    def _describe_death(self, num_frames: int) -> tuple[str, str]:
        assert self._process is not None
        status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        said = self._last_words()
        return "decoder_crashed", f"the decoding process died of {how} after {num_frames} frames" + (
            f": {said}" if said else ""
        )

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - 2000))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End the child. The next question starts another."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
        if self._stderr is not None:
            self._stderr.close()
        self._process = self._connection = self._stderr = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
