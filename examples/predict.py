"""Scores of whole videos: the views of each, averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Subset
from tqdm import tqdm

from data import NORMALISE, make_loader, model_inputs
from metrics import average_precision, class_accuracy, confusion, in_top, mean_over_classes
from processes import Processes
from settings import Settings
from targets import Targets
from videotx.datasets import Clip
from videotx.models import VideoModel

Average = Literal["probabilities", "logits"]


@dataclass(frozen=True)
class Predictions:
    """Of each video, in the order of the table: its row there, its label, and its scores by target (video, class)."""

    rows: npt.NDArray[np.int64]
    label: npt.NDArray[Any]
    scores: dict[str, npt.NDArray[np.float64]]

    def labels(self, target: str) -> npt.NDArray[Any]:
        """The labels of one target: (video,), or (video, class) for several per video."""
        if self.label.ndim == 2 and len(self.scores) > 1:
            return np.asarray(self.label[:, list(self.scores).index(target)])
        return self.label


@torch.inference_mode()
def predict(
    model: VideoModel[Any],
    clips: Dataset[Clip],
    settings: Settings,
    targets: Targets,
    processes: Processes,
    *,
    num_views: int = 1,
    average: Average = "probabilities",
) -> Predictions:
    """Run all clips, ``num_views`` of each video one after another, shared among the processes."""
    model.eval()
    total = len(clips)  # type: ignore[arg-type]
    mine = [i for i in range(total) if i // num_views % processes.world_size == processes.rank]
    loader = make_loader(Subset(clips, mine), settings, processes.device)
    found: list[tuple[npt.NDArray[Any], ...]] = []
    autocast = precision_context(settings, processes.device)
    for batch in tqdm(loader, "evaluating", disable=not (settings.progress and processes.main), leave=False):
        on_device = NORMALISE[settings.normalise](batch.to(processes.device, non_blocking=True))
        with autocast:
            outputs = model(*model_inputs(on_device, model))
        scores = targets.scores(outputs) if average == "probabilities" else targets.logits(outputs)
        joined = torch.cat([scores[target] for target in targets.sizes], dim=1)
        found.append((batch.row.numpy(), batch.label.numpy(), joined.double().cpu().numpy()))
    parts = [part for parts in processes.gather(found) for part in parts]
    rows, label, scores_of_views = (np.concatenate(column) for column in zip(*parts, strict=True))
    unique, first, video = np.unique(rows, return_index=True, return_inverse=True)
    sums = np.zeros((len(unique), scores_of_views.shape[1]))
    np.add.at(sums, video, scores_of_views)
    means = targets.split(torch.from_numpy(sums / num_views))
    return Predictions(unique, label[first], {target: values.numpy() for target, values in means.items()})


def precision_context(settings: Settings, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, getattr(torch, settings.precision), enabled=settings.precision != "float32")


def summary(predictions: Predictions, targets: Targets) -> dict[str, float]:
    """Top-1, top-5 and mean class accuracy in per cent, by target and of both at once; mAP for multi-label."""
    if targets.kind == "multiple":
        (scores,) = predictions.scores.values()
        return {"map": 100 * mean_over_classes(average_precision(scores, predictions.label))}
    found: dict[str, float] = {}
    both = {k: np.ones(len(predictions.rows), bool) for k in (1, 5)}
    for target, scores in predictions.scores.items():
        label, prefix = predictions.labels(target), f"{target}_" if len(predictions.scores) > 1 else ""
        for k in (1, 5):
            right = in_top(scores, label, k)
            both[k] &= right
            found[f"{prefix}top{k}"] = 100 * float(right.mean())
        found[f"{prefix}class_accuracy"] = 100 * mean_over_classes(class_accuracy(confusion(scores, label)))
    if len(predictions.scores) > 1:
        found |= {f"action_top{k}": 100 * float(right.mean()) for k, right in both.items()}
    return found
