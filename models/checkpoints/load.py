"""Weights of any known layout into a model, or into a file of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from videotx.models.checkpoints.layout import CheckpointError, Layout, Rule, Weights, WeightsReport, adapt, rename
from videotx.models.checkpoints.layouts import LAYOUTS
from videotx.models.checkpoints.read import NATIVE_KEY, read_weights
from videotx.models.layers.positions import ResizableTable
from videotx.models.registry import MODELS
from videotx.models.video_model import VideoConfig, VideoModel

OURS = Layout("videotx", marker=".*", rules=(Rule("(.*)", r"\1"),))


def load_pretrained(
    model: VideoModel[Any], path: str | Path, *, source: VideoConfig | None = None, new_head: bool = False
) -> WeightsReport:
    """Fill ``model`` from a checkpoint file of any known layout, and report what became of every key.

    Tables of positions are interpolated where ``model`` is built for another clip, or another window, than the
    checkpoint. Files of our own say which clip they are for; for others ``source``, the config they were trained with,
    does, by default they are for the model's own. ``new_head`` leaves the classifier as it is. Raises CheckpointError,
    with the model untouched, if any other key is missing, unexpected or of another shape.
    """
    tensors, metadata = read_weights(path)
    source = source or model.config
    if NATIVE_KEY in metadata:
        made_for = json.loads(metadata[NATIVE_KEY])
        source = replace(source, num_frames=made_for["num_frames"], resolution=tuple(made_for["resolution"]))
        layout = OURS
    else:
        layout = _layout_of(tensors, type(model), path)
    weights, report = rename(tensors, layout)
    adapt(weights, layout, model, report)
    fitted = fit(weights, model, source, report, new_head=new_head)
    if not report.complete:
        raise CheckpointError(f"{path} does not fit {type(model).__name__}", report)
    model.load_state_dict(fitted)
    return report


def convert_weights(path: str | Path, name: str, out: str | Path, **settings: Any) -> WeightsReport:
    """Write the checkpoint ``path`` of variant ``name`` as safetensors under our key layout to ``out``.

    ``settings`` are config fields in which the checkpoint differs from the variant (``num_frames``, ``resolution``);
    the number of classes is the checkpoint's. Raises CheckpointError where a key is missing, unexpected or misshapen.
    """
    if name not in MODELS:
        raise ValueError(f"expected one of {', '.join(MODELS)}, got {name!r}")
    spec = MODELS[name]
    tensors, _ = read_weights(path)
    layout = _layout_of(tensors, spec.model, path)
    weights, report = rename(tensors, layout)
    if "head.targets.label.weight" in weights:
        settings["num_classes"] = weights["head.targets.label.weight"].shape[0]
    config = replace(spec.config, **settings)
    with torch.device("meta"):
        model = spec.model(config)
    adapt(weights, layout, model, report)
    fitted = fit(weights, model, config, report)
    if not report.complete:
        raise CheckpointError(f"{path} does not fit {name}", report)
    save_weights(fitted, out, name=name, config=config)
    return report


def save_weights(weights: Mapping[str, Tensor], path: str | Path, *, name: str, config: VideoConfig) -> None:
    """Write a state dict as safetensors, with the clip it is for."""
    made_for = {"model": name, "num_frames": config.num_frames, "resolution": config.resolution}
    contiguous = {key: tensor.contiguous() for key, tensor in weights.items()}
    save_file(contiguous, path, metadata={"format": "pt", NATIVE_KEY: json.dumps(made_for)})


def fit(
    weights: Mapping[str, Tensor],
    model: VideoModel[Any],
    source: VideoConfig,
    report: WeightsReport,
    *,
    new_head: bool = False,
) -> Weights:
    """Weights under our names, made for a model of config ``source``, in the shapes of ``model``; fills the report."""
    fitted = dict(weights)
    wanted = model.state_dict()
    if new_head:
        for key in [key for key in {*wanted, *fitted} if key.startswith("head.")]:
            fitted.pop(key, None)
            if key in wanted:
                fitted[key] = wanted[key]
                report.kept[key] = "a new head was asked for"
            else:
                report.ignored[key] = "a new head was asked for"
    _resize_tables(fitted, model, source, report)
    report.missing = [key for key in wanted if key not in fitted]
    report.unexpected += [key for key in fitted if key not in wanted]
    for key, tensor in fitted.items():
        if key in wanted and tensor.shape != wanted[key].shape:
            report.mismatched[key] = f"expected {tuple(wanted[key].shape)}, got {tuple(tensor.shape)}"
    return fitted


def _resize_tables(weights: Weights, model: VideoModel[Any], source: VideoConfig, report: WeightsReport) -> None:
    if source == model.config:
        return
    with torch.device("meta"):
        original = dict(type(model)(source).named_modules())
    for name, table in model.named_modules():
        if not isinstance(table, ResizableTable):
            continue
        key, twin = f"{name}.weight", original.get(name)
        if key not in weights or not isinstance(twin, type(table)) or weights[key].shape != twin.weight.shape:
            continue  # missing or mismatched, and reported as such
        resized = table.resized_from(weights[key], twin)
        if resized.shape != weights[key].shape:
            report.interpolated[key] = f"{tuple(weights[key].shape)} -> {tuple(resized.shape)}"
        weights[key] = resized


def _layout_of(tensors: Weights, model: type[VideoModel[Any]], path: str | Path) -> Layout:
    layouts = LAYOUTS.get(model, ())
    for layout in layouts:
        if layout.recognises(tensors):
            return layout
    known = ", ".join(layout.name for layout in layouts) or "none"
    some = ", ".join(list(tensors)[:5])
    raise CheckpointError(f"{path}: expected a layout of {model.__name__} ({known}), got keys such as {some}")
