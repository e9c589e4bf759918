"""Every experiment can be built, and those that are compared are of a size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from experiments import ABLATIONS, CORE, DVT, EXPERIMENTS, Experiment, build
from packed_clips import NUM_FRAMES, SIDE
from prove_motion import result_path
from videotx.models import VideoModel
from videotx.models.macs import count_gmacs, count_params

FAMILIES = ("DVT", "ViViT", "VidTr", "Video Swin", "MViT")
NUM_CLASSES = 12


def on_no_device(experiment: Experiment) -> VideoModel[Any]:
    with torch.device("meta"):
        return build(experiment, NUM_CLASSES)


def num_params(name: str) -> int:
    return count_params(on_no_device(EXPERIMENTS[name]))


def gmacs(name: str) -> float:
    model = on_no_device(EXPERIMENTS[name])
    return count_gmacs(type(model), model.config)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_classifies_clips(name: str) -> None:
    model = on_no_device(EXPERIMENTS[name])
    rgb = torch.empty(2, 3, NUM_FRAMES, SIDE, SIDE, device="meta")
    assert model(rgb).shape == (2, NUM_CLASSES)
    for key, value in EXPERIMENTS[name].settings.items():
        assert getattr(model.config, key) == (value if key != "window" else tuple(value))


def test_all_are_there_under_names_of_their_own() -> None:
    assert set(FAMILIES) <= set(CORE)
    assert CORE["DVT"] is ABLATIONS["DVT"]
    assert len(EXPERIMENTS) == len(CORE) + len(ABLATIONS) - 1

    assert len({result_path(Path(), name, 0) for name in EXPERIMENTS}) == len(EXPERIMENTS)


def test_an_ablation_changes_one_thing_of_dvt() -> None:
    for name, experiment in ABLATIONS.items():
        assert experiment.model == "dvt_tiny"
        changed = {key: value for key, value in experiment.settings.items() if key not in DVT or DVT[key] != value}
        assert len(changed) == (name != "DVT"), name
        assert experiment.feed == "motion"


def test_families_have_the_same_number_of_parameters() -> None:
    sizes = [num_params(name) for name in (*FAMILIES, "divided space-time")]
    assert max(sizes) < 1.01 * min(sizes)


def test_dvt_computes_no_more_than_divided_attention() -> None:
    assert gmacs("DVT") <= gmacs("divided space-time")


def test_narrow_models_keep_the_size_of_a_signal() -> None:
    torch.manual_seed(0)
    model = build(CORE["ViViT"], NUM_CLASSES)
    matrices = [module for name, module in model.named_modules() if name.endswith(("fc1", "fc2"))]
    assert len(matrices) == 8
    for matrix in matrices:
        spread = float(matrix.weight.detach().std()) * matrix.in_features**0.5
        assert 0.85 < spread < 1.05  # a normal distribution cut off at two deviations has 0.88
