"""What libav* complains about while it works: the only way to learn that a picture came out damaged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import av.logging

_lock = threading.Lock()
_users = 0
_previous: tuple[int | None, bool] = (None, True)


@contextmanager
def decoder_log_enabled() -> Iterator[None]:
    """Let libav* report errors to PyAV for as long as any reader is open, then restore what was set before.

    PyAV drops libav's messages unless a level is set, and by default also those that repeat the previous one, which
    would hide the second damaged picture in a row.
    """
    global _users, _previous  # noqa: PLW0603  # the log level is one per process, so is its count of users
    with _lock:
        if _users == 0:
            _previous = (av.logging.get_level(), av.logging.get_skip_repeated())
            av.logging.set_level(max(av.logging.ERROR, _previous[0] or av.logging.ERROR))
            av.logging.set_skip_repeated(False)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                av.logging.set_level(_previous[0])
                av.logging.set_skip_repeated(_previous[1])


class ErrorCapture:
    """Collects the errors that libav* reports from this thread inside a ``with`` block."""

    __slots__ = ("_capture", "_logs")

    def __enter__(self) -> ErrorCapture:
        self._capture = av.logging.Capture(True)
        self._logs = self._capture.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.__exit__(None, None, None)

    @property
    def errors(self) -> list[str]:
        """What was reported, as "component: message"."""
        if not self._logs:  # as almost always, at less cost than an empty loop
            return []
        return [f"{name}: {text.strip()}" for level, name, text in self._logs if level <= av.logging.ERROR]
