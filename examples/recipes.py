"""How the papers trained, as settings by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Settings of a paper that differ from the defaults; ``source`` says where they are written."""

    settings: dict[str, Any]
    source: str


RECIPES: dict[str, Recipe] = {}
