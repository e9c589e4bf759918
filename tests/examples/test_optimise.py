"""Groups of parameters for every family, and the shape of the schedule."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from optimise import layer_numbers, make_optimiser, moving_average, parameter_groups, schedule, set_learning_rate
from settings import Settings
from videotx.models import MODELS

FIRST_OF_FAMILY = {MODELS[name].model: name for name in reversed(MODELS)}
NAMES = sorted([*FIRST_OF_FAMILY.values(), "vivit_base_model2", "mvit_v2_small_16x4", "dvt_tiny_divided"])


def on_no_device(name: str) -> Any:
    """A model of published size without memory."""
    with torch.device("meta"):
        return MODELS[name].model(MODELS[name].config)


@pytest.mark.parametrize("name", NAMES)
def test_layers_follow_the_way_through_the_model(name: str) -> None:
    model = on_no_device(name)
    numbers = layer_numbers(model)
    depth = max(numbers.values()) - 1
    depths = {"vivit_base_model2": 12 + 4, "video_swin_base": 2 + 2 + 18 + 2, "dvt_tiny": 4, "dvt_tiny_divided": 4}
    assert depth == depths.get(name, getattr(model.config, "depth", depth))
    assert set(numbers.values()) == set(range(depth + 2))
    assert {number for key, number in numbers.items() if key.startswith("embedding")} == {0}
    assert {number for key, number in numbers.items() if key.startswith(("head.", "norm."))} == {depth + 1}


def test_mergings_belong_to_the_stage_before_them() -> None:
    numbers = layer_numbers(on_no_device("video_swin_tiny"))  # stages of 2, 2, 6 and 2 blocks
    assert [numbers[f"mergings.{i}.reduction.weight"] for i in range(3)] == [2, 4, 10]
    assert numbers["stages.3.1.norm1.weight"] == 12
    assert numbers["norm.weight"] == 13


def test_the_second_encoder_comes_after_the_first() -> None:
    numbers = layer_numbers(on_no_device("vivit_base_model2"))
    assert numbers["encoder.positions.weight"] == 0
    assert numbers["encoder.norm.weight"] == numbers["temporal_encoder.positions.weight"] == 12
    assert numbers["temporal_encoder.blocks.3.norm1.weight"] == 16


@pytest.mark.parametrize("name", NAMES)
def test_only_what_multiplies_decays(name: str) -> None:
    groups = parameter_groups(on_no_device(name), Settings(weight_decay=0.05), lr=1.0)
    decaying = {key for group in groups if group["weight_decay"] for key in group["names"]}
    others = {key for group in groups if not group["weight_decay"] for key in group["names"]}
    assert decaying | others == {key for key, _ in on_no_device(name).named_parameters()}
    words = ("norm", "bias", "position", "cls", "unknown", "distance", "spread", "logits", "relative")
    assert not [key for key in decaying if any(word in key.lower() for word in words)]
    assert all(key.endswith(".weight") for key in decaying)
    for kind in ("qkv.weight", "fc1.weight", "head.targets.label.weight", "embedding.weight"):
        found = [key for key in decaying | others if key.endswith(kind)]
        assert set(found) <= decaying


def test_learning_rates_fall_towards_the_input() -> None:
    settings = Settings(layer_decay=0.5, backbone_lr=0.1)
    model = on_no_device("dvt_tiny")  # four blocks
    rates = {key: group["lr"] for group in parameter_groups(model, settings, lr=1.0) for key in group["names"]}
    assert rates["head.targets.label.weight"] == 1.0
    assert rates["norm.weight"] == pytest.approx(0.1)
    assert rates["blocks.3.norm1.weight"] == pytest.approx(0.1 * 0.5)
    assert rates["embedding.weight"] == pytest.approx(0.1 * 0.5**5)


def test_the_schedule_rises_in_a_line_and_falls_in_a_cosine() -> None:
    settings = Settings(warmup_epochs=2, warmup_from=0.1, final_lr=0.2)
    shares = [schedule(step, 110, 5, settings) for step in range(110)]
    assert shares[:10] == pytest.approx([0.1 + 0.9 * (i + 1) / 10 for i in range(10)])
    assert shares[10] == 1.0
    assert shares[60] == pytest.approx(0.6)  # half way down
    assert shares[-1] == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * 0.99)))
    assert all(a >= b for a, b in itertools.pairwise(shares[10:]))


def test_the_schedule_may_fall_in_steps() -> None:
    settings = Settings(lr_drops=(2, 3))
    assert [schedule(step, 10, 2, settings) for step in range(10)] == pytest.approx([1.0] * 4 + [0.1] * 2 + [0.01] * 4)


def test_the_schedule_keeps_the_ratios_of_groups() -> None:
    model = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)])
    optimiser = torch.optim.SGD(
        [{"params": [*part.parameters()], "full_lr": lr} for part, lr in zip(model, (1.0, 0.1), strict=True)], 1.0
    )
    set_learning_rate(optimiser, 0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.05]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_both_optimisers_take_the_groups(kind: Any) -> None:
    model = MODELS["dvt_tiny"].model(MODELS["dvt_tiny"].config)
    optimiser = make_optimiser(model, Settings(optimiser=kind, lr=0.1, betas=(0.8, 0.9), momentum=0.7), 0.1)
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(list(model.parameters()))
    group = optimiser.param_groups[0]
    assert group["betas"] == (0.8, 0.9) if kind == "adamw" else group["momentum"] == 0.7


def test_the_average_moves_by_its_decay() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = moving_average(model, 0.75)  # type: ignore[arg-type]
    assert average is not None
    for value in (1.0, 2.0, 4.0):
        torch.nn.init.constant_(model.weight, value)
        average.update_parameters(model)
    # The first value as it is, then a quarter of the way to each.
    assert average.module.weight.item() == pytest.approx(0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 4)
    assert moving_average(model, 0.0) is None  # type: ignore[arg-type]
