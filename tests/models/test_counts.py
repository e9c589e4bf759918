"""Every published variant has the size and the cost of its original, counted without allocating a weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from videotx.models import MODELS
from videotx.models.macs import count_gmacs, count_params

COUNTED_ON_ORIGINALS = {
    ("vivit", "B16x2_model1"): "vivit_base_model1",
    ("vivit", "B16x2_model2"): "vivit_base_model2",
    ("vivit", "B16x2_model3"): "vivit_base_model3",
    ("vivit", "B16x2_model4"): "vivit_base_model4",
    ("vivit", "B16x2_model2_average"): "vivit_base_average",
    ("vivit", "L16x2_model1_224"): "vivit_large_model1",
    ("vivit", "L16x2_model2_temporal24"): "vivit_large_model2",
    ("vidtr", "VidTr-S"): "vidtr_small",
    ("vidtr", "VidTr-M"): "vidtr_medium",
    ("vidtr", "VidTr-L"): "vidtr_large",
    ("vidtr", "C-VidTr-S"): "compact_vidtr_small",
    ("vidtr", "C-VidTr-M"): "compact_vidtr_medium",
}


@pytest.mark.parametrize("name", MODELS)
def test_the_registry_tells_the_true_size_and_cost(name: str) -> None:
    spec = MODELS[name]
    with torch.device("meta"):
        assert count_params(spec.model(spec.config)) == spec.num_params
    assert count_gmacs(spec.model, spec.config) == pytest.approx(spec.gmacs, rel=1e-4)


@pytest.mark.parametrize(("original", "name"), COUNTED_ON_ORIGINALS.items(), ids=str)
def test_size_and_cost_are_those_of_the_original(original: tuple[str, str], name: str, shared_reference: Path) -> None:
    counted = json.loads((shared_reference / "full_counts.json").read_text())[original[0]][original[1]]
    assert MODELS[name].num_params == counted["params"]
    assert MODELS[name].gmacs == pytest.approx(counted["gmac"], rel=1e-2)
