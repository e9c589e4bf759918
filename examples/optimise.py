"""Optimiser, learning rate and moving average, as functions of the step alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from settings import Settings
from videotx.models import VideoModel
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.positions import ResizableTable


def layer_numbers(model: VideoModel[Any]) -> dict[str, int]:
    """Of each parameter: 0 before the first block, i + 1 in block i, the number of blocks + 1 after the last.

    What stands between two blocks (a merging of patches, the class token of a second encoder) counts to the block
    before it.
    """
    number: dict[int, int] = {}
    depth, ends = 0, []
    for stack in model.modules():
        if isinstance(stack, BlockStack):
            for block in stack:
                depth += 1
                number.update({id(parameter): depth for parameter in block.parameters()})
            ends.append(depth)
    # Video Swin keeps its mergings apart from the stages that they follow.
    for end, merging in zip(ends, getattr(model, "mergings", ()), strict=False):
        number.update({id(parameter): end for parameter in merging.parameters()})
    numbers, reached = {}, 0
    for name, parameter in model.named_parameters():
        reached = max(reached, number.get(id(parameter), 0))
        numbers[name] = number.get(id(parameter), reached if reached < depth else depth + 1)
    return numbers


def decays(name: str, parameter: nn.Parameter, owner: nn.Module) -> bool:
    """Whether weight decay applies: to the matrices and filters that multiply tokens, to nothing that is added."""
    return name.rpartition(".")[2] == "weight" and parameter.ndim > 1 and not isinstance(owner, ResizableTable)


def parameter_groups(model: VideoModel[Any], settings: Settings, lr: float) -> list[dict[str, Any]]:
    """Parameters by layer and by whether they decay; ``full_lr`` of a group is its rate where the schedule is at 1."""
    numbers = layer_numbers(model)
    last = max(numbers.values())
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decay = decays(name, parameter, model.get_submodule(name.rpartition(".")[0]))
        head = name.startswith("head.")
        rate = lr * settings.layer_decay ** (last - numbers[name]) * (1.0 if head else settings.backbone_lr)
        weight_decay = settings.weight_decay if decay else 0.0
        fresh = {"params": [], "names": [], "lr": rate, "full_lr": rate, "weight_decay": weight_decay}
        group = groups.setdefault((numbers[name], decay, head), fresh)
        group["params"].append(parameter)
        group["names"].append(name)
    return list(groups.values())


def scaled_lr(settings: Settings, clips_per_step: int) -> float:
    """The learning rate for so many clips per step, over all processes and passes."""
    return settings.lr * (clips_per_step / settings.lr_batch if settings.lr_batch else 1.0)


def make_optimiser(model: VideoModel[Any], settings: Settings, lr: float) -> torch.optim.Optimizer:
    groups = [{k: v for k, v in group.items() if k != "names"} for group in parameter_groups(model, settings, lr)]
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr, momentum=settings.momentum)
    cuda = next(model.parameters()).is_cuda
    return torch.optim.AdamW(groups, lr, betas=settings.betas, fused=cuda)


def schedule(step: int, num_steps: int, steps_per_epoch: int, settings: Settings) -> float:
    """Share of the learning rate at ``step``: a line up over the warm-up, then half a cosine down to ``final_lr``.

    With ``lr_drops`` it falls to a tenth at each of those epochs instead.
    """
    num_warmup = round(settings.warmup_epochs * steps_per_epoch)
    if step < num_warmup:
        return settings.warmup_from + (1 - settings.warmup_from) * (step + 1) / num_warmup
    if settings.lr_drops:
        return float(0.1 ** sum(step >= epoch * steps_per_epoch for epoch in settings.lr_drops))
    done = (step - num_warmup) / max(num_steps - num_warmup, 1)
    return settings.final_lr + (1 - settings.final_lr) * 0.5 * (1 + math.cos(math.pi * done))


def set_learning_rate(optimiser: torch.optim.Optimizer, share: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = group["full_lr"] * share


def gradients(optimiser: torch.optim.Optimizer) -> Iterator[nn.Parameter]:
    for group in optimiser.param_groups:
        yield from group["params"]


def moving_average(model: VideoModel[Any], decay: float) -> AveragedModel | None:
    """A copy of ``model`` that `update_parameters` moves after each step; None for a decay of 0."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay else None
