"""Evaluate a trained model, or a published one, on whole videos: several views of each, averaged.

    python examples/evaluate.py --from-run run --test-views 4 3
    python examples/evaluate.py --recipe mvit_k400 --weights MVIT_B_16x4.pyth --shards val.zarr --val-shards val.zarr

Takes the flags of train.py; with ``--from-run`` the settings of that run are the defaults. Writes to ``--results`` (by
default the folder ``evaluation`` of the run) ``results.json``, ``videos.csv``, and for each target ``classes.csv`` and
``confusion.png``.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import checkpoint
from data import NORMALISE, Split, clips_of_views, model_inputs, open_data
from flags import one_flag, parse, setting
from metrics import average_precision, class_accuracy, confusion
from predict import Predictions, precision_context, predict, summary
from processes import Processes
from recipes import RECIPES
from settings import Settings
from targets import Targets
from train import build_model, check_optional
from videotx.datasets import ClipDataset, collate
from videotx.models import VideoModel
from videotx.models.checkpoints import load_pretrained
from videotx.models.macs import count_gmacs, count_params


@dataclass(frozen=True, kw_only=True)
class Evaluation(Settings):
    """Settings of an evaluation."""

    from_run: Path | None = setting(None, "folder of a training run to evaluate")
    weights: Path | None = setting(None, "checkpoint file of any layout videotx knows; else the weights of --from-run")
    results: Path | None = setting(None, "folder for what is found; else `evaluation` in that of the run")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.from_run is None and self.weights is None:
            raise ValueError("expected from_run or weights to evaluate, got neither")


def main(argv: list[str] | None = None) -> int:
    recipes = {name: recipe.settings for name, recipe in RECIPES.items()}
    run = one_flag("from_run", argv)
    settings = parse(Evaluation, argv, __doc__, recipes, defaults_of(Path(run)) if run else None)
    found = evaluate(settings)
    if os.environ.get("RANK", "0") == "0":
        print("\n".join(f"{name:<28}{value}" for name, value in found.items()))
    return 0


def defaults_of(run: Path) -> dict[str, Any]:
    """The settings of a training run by field."""
    settings = Settings.from_plain(json.loads((run / "settings.json").read_text(encoding="utf-8")))
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def evaluate(settings: Evaluation) -> dict[str, Any]:
    """Run the evaluation, write its files, and return what ``results.json`` holds.

    Raises ValueError for settings that do not fit the data or the model, CheckpointError for weights that do not fit.
    """
    check_optional(replace(settings, tensorboard=False))
    if settings.threads:
        torch.set_num_threads(settings.threads)
    processes = Processes.join(settings.device)
    try:
        data = open_data(settings)
        model = trained_model(settings, data.targets).to(processes.device).eval()
        clips = clips_of_views(settings, data, model)
        if settings.compile:
            model.compile()
        began = time.perf_counter()
        found = predict(
            model, clips, settings, data.targets, processes, num_views=len(clips.views), average=settings.test_average
        )
        processes.wait()
        seconds = time.perf_counter() - began
        results: dict[str, Any] = {
            # JSON has no NaN, which is what a mean over no classes is.
            **{k: None if math.isnan(v) else round(v, 3) for k, v in summary(found, data.targets).items()},
            "videos": len(found.rows),
            "views": "x".join(map(str, settings.test_views)),
            "average": settings.test_average,
            "model": settings.model,
            **_cost(model, settings, len(clips.views)),
            "clips_per_second": round(len(clips) / seconds, 2),
            "model_clips_per_second": round(_speed(model, clips, settings, processes), 2),
            "device": _device_name(processes.device),
            "precision": settings.precision,
        }
        if processes.main:
            out = settings.results or (settings.from_run or settings.out) / "evaluation"
            _write(out, found, data.val, data.targets, results, plots=settings.plots)
        return results
    finally:
        processes.leave()


def trained_model(settings: Evaluation, targets: Targets) -> VideoModel[Any]:
    """The model with the weights of a file, or those that the run ended with, or those of its last checkpoint."""
    model = build_model(replace(settings, init_image=None, init_video=None), targets)
    finished = settings.from_run / "model.safetensors" if settings.from_run else None
    if settings.weights is not None or (finished is not None and finished.exists()):
        load_pretrained(model, settings.weights or finished or "")
        return model
    assert settings.from_run is not None
    state = checkpoint.load_last(settings.from_run / "checkpoints")
    if state is None:
        raise ValueError(f"{settings.from_run}: expected model.safetensors or a checkpoint, there is neither")
    average = state["average"]
    weights = state["model"]
    if average is not None:
        weights = {key.removeprefix("module."): value for key, value in average.items() if key.startswith("module.")}
    model.load_state_dict(weights)
    return model


def _cost(model: VideoModel[Any], settings: Settings, num_views: int) -> dict[str, Any]:
    """What papers print as GFLOPs x views: 10^9 multiply-accumulates of convolutions and matrix products."""
    gmacs = count_gmacs(type(model), model.config)
    return {"parameters": count_params(model), "gmacs_of_a_view": round(gmacs, 3), "gmacs": round(gmacs * num_views, 2)}


@torch.inference_mode()
def _speed(model: VideoModel[Any], clips: ClipDataset, settings: Settings, processes: Processes) -> float:
    """Clips per second of the model alone, of one process: the median of five batches after one that warms up."""
    count = min(settings.batch_size, len(clips))
    batch = NORMALISE[settings.normalise](collate([clips[i] for i in range(count)]).to(processes.device))
    arguments, taken = model_inputs(batch, model), []
    for _ in range(6):
        began = time.perf_counter()
        with precision_context(settings, processes.device):
            model(*arguments)
        if processes.device.type == "cuda":
            torch.cuda.synchronize(processes.device)
        taken.append(time.perf_counter() - began)
    return count / float(np.median(taken[1:]))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def _write(
    out: Path, found: Predictions, split: Split, targets: Targets, results: dict[str, Any], *, plots: bool
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for target, scores in found.scores.items():
        prefix = f"{target}_" if len(found.scores) > 1 else ""
        names = [targets.name(target, number) for number in range(scores.shape[1])]
        label = found.labels(target)
        if targets.kind == "multiple":
            precision = 100 * average_precision(scores, label)
            rows: Iterable[Sequence[Any]] = zip(names, label.sum(0).astype(int), precision.round(2), strict=True)
            _write_csv(out / "classes.csv", ["class", "videos", "average_precision"], rows)
            continue
        matrix = confusion(scores, label)
        accuracy = 100 * class_accuracy(matrix)
        rows = zip(names, matrix.sum(1), matrix.sum(0), accuracy.round(2), strict=True)
        _write_csv(out / f"{prefix}classes.csv", ["class", "videos", "predicted", "accuracy"], rows)
        if plots:
            from plots import draw_confusion

            draw_confusion(out / f"{prefix}confusion.png", matrix, names)
    videos = split.shards.videos
    paths = [videos["segment"][row] or videos["path"][row] for row in found.rows]
    best = {target: scores.argmax(1) for target, scores in found.scores.items()}
    lines = [
        [paths[i], *(part for t in best for part in (_label(found, targets, t, i), targets.name(t, int(best[t][i]))))]
        for i in range(len(paths))
    ]
    header = [f"{target}_{what}" if len(best) > 1 else what for target in best for what in ("label", "prediction")]
    _write_csv(out / "videos.csv", ["path", *header], lines)


def _label(found: Predictions, targets: Targets, target: str, video: int) -> str:
    label = found.labels(target)[video]
    numbers = np.flatnonzero(label) if targets.kind == "multiple" else [label]
    return ";".join(targets.name(target, int(number)) for number in numbers)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
