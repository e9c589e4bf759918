"""Checkpoint files to flat dicts of tensors, by what the file holds rather than what it is called."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from videotx.models.checkpoints.flax_msgpack import read_flax
from videotx.models.checkpoints.layout import CheckpointError, Weights

NATIVE_KEY = "videotx"
"""The entry of a safetensors header that marks a file of our own."""

# Where training frameworks put the weights inside what they save, outermost first.
_WRAPPERS = ("optimizer", "target", "params", "state_dict", "model_state", "model")


def read_weights(path: str | Path) -> tuple[Weights, dict[str, str]]:
    """Every tensor of a safetensors, PyTorch or Flax file, by key, and the header's metadata (safetensors only).

    Nested dicts are joined with "/"; the wrappers of training frameworks ("state_dict", "model_state", "params") and
    the "module." of data-parallel training are taken off, and what is no tensor (an epoch, say) is left out. Pickles
    run no code (``weights_only=True``).
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(16)
    if len(head) > 8 and head[8:9] == b"{":
        with safe_open(path, framework="pt") as opened:
            keys = opened.keys()  # the handle itself is not iterable
            return {key: opened.get_tensor(key) for key in keys}, opened.metadata() or {}
    if head[:2] in (b"PK", b"\x80\x02"):
        try:
            nested = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(f"{path}: expected a pickle of tensors and plain values only; {error}") from error
    else:
        nested = read_flax(path)
    return _flat(_unwrapped(nested, path)), {}


def _unwrapped(nested: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(nested, Mapping):
        raise CheckpointError(f"{path}: expected a dict of tensors, got {type(nested).__name__}")
    weights: Mapping[str, Any] = nested
    for wrapper in _WRAPPERS:
        if isinstance(weights.get(wrapper), Mapping):
            weights = weights[wrapper]
    return weights


def _flat(nested: Mapping[str, Any]) -> Weights:
    weights = dict(_leaves(nested, ""))
    if all(key.startswith("module.") for key in weights):
        return {key.removeprefix("module."): tensor for key, tensor in weights.items()}
    return weights


def _leaves(nested: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Tensor]]:
    for key, value in nested.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}/")
