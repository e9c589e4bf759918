"""The classes of an output: their names, and the numbers of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ClassNames:
    """Names by number: of the classes of labels and actions, and of verbs and nouns where a data set has those."""

    classes: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()

    def joined(self, ordered: ClassNames, where: str) -> ClassNames:
        """These names, those of an output, with the ``ordered`` ones of the annotations of further videos.

        Annotations bring an order of their own or none. Raises ValueError where there are two different orders.
        """
        joined = []
        for kind in ("classes", "verbs", "nouns"):
            ours, theirs = getattr(self, kind), getattr(ordered, kind)
            if ours and theirs and ours != theirs:
                raise ValueError(
                    f"{where} has {len(ours)} {kind} ({', '.join(ours[:3])}, ...); the annotations have "
                    f"{len(theirs)} others ({', '.join(theirs[:3])}, ...): give them an output of their own"
                )
            joined.append(ours or theirs)
        return ClassNames(*joined)


NO_NAMES: Final = ClassNames()


def label_numbers(labels: Sequence[str], known: Sequence[str] = ()) -> tuple[list[int], list[str]]:
    """Number each label by its class, -1 for none, and return the class names with it.

    Labels that are all whole numbers are their own index. Names in ``known`` keep their index; new ones follow, sorted.
    """
    wanted = {label for label in labels if label}
    if all(name.isdecimal() and str(int(name)) == name for name in wanted.union(known)):
        numbers = [int(name) for name in wanted.union(known)]
        names = [str(number) for number in range(max(numbers, default=-1) + 1)]
    else:
        names = [*known, *sorted(wanted.difference(known))]
    index = {name: number for number, name in enumerate(names)}
    return [index[label] if label else -1 for label in labels], names
