"""VidTr and compact VidTr against the original implementation: same weights, same clip, same logits."""

from __future__ import annotations

from typing import Any

import pytest

from videotx.models.compact_vidtr import CompactVidTr, CompactVidTrConfig
from videotx.models.vidtr import VidTr, VidTrConfig


def settings_of(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "num_classes": facts["num_classes"],
        "num_frames": facts["num_frames"],
        "resolution": (facts["height"], facts["width"]),
        "tubelet": tuple(facts["patch"]),
        "dim": facts["dim"],
        "depth": facts["depth"],
        "num_heads": facts["num_heads"],
        "mlp_dim": facts["mlp_dim"],
        "activation": facts["activation"],
        "position_in_every_layer": facts["position_in_every_layer"],
    }


@pytest.mark.parametrize("name", ["vidtr_t8_gluonmm", "vidtr_t16_gluonmm"])
def test_vidtr_equals_its_original(name: str, load_reference: Any, check_parity: Any) -> None:
    reference = load_reference(name)
    model = VidTr(VidTrConfig(**settings_of(reference.facts)))
    check_parity(model, model.blocks[0], reference)


@pytest.mark.parametrize("name", ["cvidtr_s_gluonmm", "cvidtr_m_gluonmm"])
def test_compact_vidtr_equals_its_original(name: str, load_reference: Any, check_parity: Any) -> None:
    reference = load_reference(name)
    pools = {key: tuple(reference.facts[key]) for key in ("pool_layers", "pool_drop")}
    model = CompactVidTr(CompactVidTrConfig(**settings_of(reference.facts), **pools))
    # The original also multiplies the rows it is about to drop.
    check_parity(model, model.blocks[0], reference, gmac_tolerance=1e-2)
