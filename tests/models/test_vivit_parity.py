"""ViViT against the original implementations: same weights, same clip, same logits."""

from __future__ import annotations

from typing import Any

import pytest

from videotx.models.vivit import ViViT, ViViTConfig

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
def test_vivit_equals_its_original(name: str, load_reference: Any, check_parity: Any) -> None:
    reference = load_reference(name)
    model = ViViT(vivit_config_of(reference.facts))
    check_parity(model, model.encoder.blocks[0], reference)
