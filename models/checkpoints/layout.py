"""How the keys of a checkpoint become ours: rules as data, and a report that leaves nothing out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from videotx.models.video_model import VideoModel

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Rule:
    """Source keys that match ``pattern`` (as a whole) become ``target``, a template for the groups or a function.

    A target that ends in ``[1/3]`` is the second third of the rows of one of our tensors. ``change`` maps the source's
    tensor to our axes. Without a target the key is left out of the model, for the ``reason`` given.
    """

    pattern: str
    target: str | Callable[[re.Match[str]], str] | None
    change: Callable[[Tensor], Tensor] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Layout:
    """A published way to name the weights of a family; recognised by any key that matches ``marker``.

    ``adapt`` does, to the renamed weights in place, what depends on the model they are for, and reports it: inflation
    of image weights, say.
    """

    name: str
    marker: str
    rules: tuple[Rule, ...]
    adapt: Callable[[Weights, VideoModel[Any], WeightsReport], None] | None = None

    def recognises(self, source: Mapping[str, Tensor]) -> bool:
        return any(re.fullmatch(self.marker, key) for key in source)


@dataclass
class WeightsReport:
    """What became of every key.

    ``sources`` maps our keys to the source's; ``reshaped`` and ``interpolated`` map our keys to "shape -> shape";
    ``ignored`` maps source keys and ``kept`` our own (left as they were in the model) to the reason. A conversion
    stands only if ``missing`` (ours), ``unexpected`` (theirs) and ``mismatched`` are empty.
    """

    layout: str
    sources: dict[str, list[str]] = field(default_factory=dict)
    reshaped: dict[str, str] = field(default_factory=dict)
    interpolated: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True where every key of ours was filled and every key of the source has its place."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        lines = [f"{self.layout}: {sum(map(len, self.sources.values()))} tensors into {len(self.sources)}"]
        for title in ("reshaped", "interpolated", "ignored", "kept", "missing", "unexpected", "mismatched"):
            entries = getattr(self, title)
            lines += [f"{title}: {len(entries)}"] if entries else []
            lines += [f"  {key}: {entries[key]}" if isinstance(entries, dict) else f"  {key}" for key in entries]
        return "\n".join(lines)


class CheckpointError(ValueError):
    """The weights do not fit the model, or the file is of no known layout; ``report`` tells every key's fate."""

    def __init__(self, message: str, report: WeightsReport | None = None) -> None:
        super().__init__(message if report is None else f"{message}\n{report}")
        self.report = report


def rename(source: Mapping[str, Tensor], layout: Layout) -> tuple[Weights, WeightsReport]:
    """The weights under our names and axes, by the first rule that matches each key; the rest is unexpected."""
    report = WeightsReport(layout.name)
    parts: dict[str, dict[int, Tensor]] = {}
    for key, tensor in source.items():
        rule, match = _first_match(key, layout)
        if rule is None or match is None:
            report.unexpected.append(key)
            continue
        if rule.target is None:
            report.ignored[key] = rule.reason
            continue
        target = match.expand(rule.target) if isinstance(rule.target, str) else rule.target(match)
        target, part = _split_part(target)
        changed = tensor if rule.change is None else rule.change(tensor)
        if part in parts.setdefault(target, {}):
            raise CheckpointError(f"expected one tensor for {target}, got {report.sources[target]} and {key}")
        parts[target][part] = changed
        report.sources.setdefault(target, []).append(key)
        if changed.shape != tensor.shape:
            report.reshaped[f"{target} <- {key}"] = f"{tuple(tensor.shape)} -> {tuple(changed.shape)}"
    weights = {
        key: torch.cat([pieces[i] for i in sorted(pieces)]) if len(pieces) > 1 else next(iter(pieces.values()))
        for key, pieces in parts.items()
    }
    return weights, report


def adapt(weights: Weights, layout: Layout, model: VideoModel[Any], report: WeightsReport) -> None:
    """Let the layout fit renamed weights to the kind of model they are for."""
    if layout.adapt is not None:
        layout.adapt(weights, model, report)


def _first_match(key: str, layout: Layout) -> tuple[Rule | None, re.Match[str] | None]:
    for rule in layout.rules:
        match = re.fullmatch(rule.pattern, key)
        if match:
            return rule, match
    return None, None


def _split_part(target: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*)\[(\d+)/\d+\]", target)
    return (match[1], int(match[2])) if match else (target, 0)
