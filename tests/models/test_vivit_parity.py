"""ViViT against the original implementations: same weights, same clip, same logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from videotx.models.checkpoints.layout import rename
from videotx.models.checkpoints.layouts import LAYOUTS
from videotx.models.checkpoints.load import fit
from videotx.models.macs import count_gmacs, count_params
from videotx.models.vivit import ViViT, ViViTConfig

TOLERANCE = 2e-5
NUMBER = {"model1": 1, "model2": 2, "model2_avg": 2, "model3": 3, "model4": 4}
FIXTURES = [
    "vivit_model1_hf4",
    "vivit_model1_hf5",
    *(f"vivit_{model}_scenic{size}" for model in NUMBER for size in ("", "_tubelet4x8x8")),
]


def vivit_config_of(facts: dict[str, Any]) -> ViViTConfig:
    return ViViTConfig(
        model=NUMBER[facts["model"]],
        num_classes=facts["num_classes"],
        num_frames=facts["num_frames"],
        resolution=(facts["height"], facts["width"]),
        tubelet=tuple(facts["tubelet"]),
        dim=facts["dim"],
        depth=facts["depth"],
        num_heads=facts["num_heads"],
        mlp_dim=facts["mlp_dim"],
        temporal_depth=facts["temporal_depth"],
    )


@pytest.mark.parametrize("name", FIXTURES)
def test_vivit_equals_its_original(name: str, shared_reference: Path) -> None:
    fixture = np.load(shared_reference / f"{name}.npz")
    model = ViViT(vivit_config_of(json.loads(str(fixture["config"])))).eval()
    state = {key[6:]: torch.from_numpy(fixture[key]) for key in fixture.files if key.startswith("state/")}
    layout = next(layout for layout in LAYOUTS[ViViT] if layout.recognises(state))
    weights, report = rename(state, layout)
    model.load_state_dict(fit(weights, model, model.config, report))
    assert report.complete, report

    first: list[torch.Tensor] = []
    model.encoder.blocks[0].register_forward_hook(lambda _module, _inputs, output: first.append(output))
    with torch.no_grad():
        logits = model(torch.from_numpy(fixture["input"]))
    np.testing.assert_allclose(logits, fixture["output"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(first[0].reshape(fixture["block0"].shape), fixture["block0"], rtol=0, atol=TOLERANCE)
    assert count_params(model) == fixture["num_params"]
    assert count_gmacs(ViViT, model.config) == pytest.approx(float(fixture["gmac"]), rel=1e-6)
