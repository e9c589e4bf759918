"""Which picture a motion vector points into, as far as it can be known without the entropy-coded reference index."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from videotx.extract.frame import REF_UNKNOWN

# No decoder holds back more pictures than fit the decoded picture buffer (H.264 clause A.3.1: 16 frames).
MAX_REORDER_FRAMES: Final = 16

_MAX_DISTANCE: Final = 127


@dataclass(slots=True)
class _Reference:
    """A reference picture; ``index`` is its place in display order, None before it is displayed."""

    number: int
    index: int | None
    shown: bool  # False for what is decoded but never displayed (before the start of an edit list, or lost)


class ReferenceOrder:
    """Resolves the pictures behind list 0 and list 1 from decoding and display order.

    Pictures are numbered in decoding order. Tell it of every reference picture by :meth:`coded` and of every displayed
    picture by :meth:`displayed`; :meth:`resolve` then gives a picture's two distances, or None while a reference that
    may be meant has not been displayed yet.

    With ``single`` (the stream allows one reference) both lists point into the reference decoded last: exact. Else each
    list is taken to point to the nearest reference in its direction (list 0 past, list 1 future) among those decoded
    before, or, where there is none, in the other direction: an assumption.
    """

    def __init__(self, single: bool) -> None:
        self.single = single
        self._references: deque[_Reference] = deque(maxlen=2 * MAX_REORDER_FRAMES)
        self._num_displayed = 0

    def coded(self, number: int, shown: bool) -> None:
        """The reference picture ``number`` was decoded; not ``shown``, it will never be displayed."""
        self._references.append(_Reference(number, None, shown))

    def displayed(self, number: int, index: int) -> None:
        """The picture ``number`` is the ``index``-th in display order."""
        self._num_displayed = index + 1
        for reference in reversed(self._references):
            if reference.number == number and reference.index is None:
                reference.index = index
                return

    def resolve(self, number: int, index: int, *, both: bool, final: bool) -> tuple[int, int] | None:
        """Distances (list 0, list 1) of the displayed picture ``number``, REF_UNKNOWN where there is no telling.

        ``both`` asks for list 1 too. ``final`` says that nothing more will be displayed.
        """
        give_up = final or self._num_displayed - index > MAX_REORDER_FRAMES
        if self.single:
            return self._resolve_single(number, index, give_up)
        past: int | None = None
        future: int | None = None
        waiting = hidden = False
        for reference in self._references:
            if reference.number >= number:
                break
            at = reference.index
            if at is None:
                if give_up:
                    reference.shown = False
                waiting |= reference.shown
                hidden |= not reference.shown
            elif at < index:
                if past is None or at > past:
                    past = at
            elif at > index and (future is None or at < future):
                future = at
        if waiting and future is None and (both or past is None):
            return None
        # What is never displayed lies before everything that is: the nearest past reference where there is no other.
        list0 = past if past is not None or hidden else future
        list1 = future if future is not None else past
        return _distance(list0, index), _distance(list1, index)

    def _resolve_single(self, number: int, index: int, give_up: bool) -> tuple[int, int] | None:
        last = next((reference for reference in reversed(self._references) if reference.number < number), None)
        if last is not None and last.index is None and last.shown and not give_up:
            return None
        distance = _distance(None if last is None else last.index, index)
        return distance, distance


def _distance(reference: int | None, index: int) -> int:
    if reference is None or not 0 < abs(reference - index) <= _MAX_DISTANCE:
        return REF_UNKNOWN
    return reference - index
