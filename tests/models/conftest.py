"""What the parity tests of all families share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from videotx.models.checkpoints.layout import rename
from videotx.models.checkpoints.layouts import LAYOUTS
from videotx.models.checkpoints.load import fit
from videotx.models.macs import count_gmacs, count_params
from videotx.models.video_model import VideoModel

TOLERANCE = 2e-5


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing from a second thread, and lose much where another process wants the core."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Reference:
    """One fixture: what an original implementation answered to a clip."""

    facts: dict[str, Any]
    state: dict[str, Tensor]
    rgb: Tensor
    logits: Tensor
    block0: Tensor | None
    num_params: int
    gmac: float


@pytest.fixture(scope="session")
def load_reference(shared_reference: Path) -> Callable[[str], Reference]:
    """Read a fixture by its name, without ``.npz``."""

    def load(name: str) -> Reference:
        with np.load(shared_reference / f"{name}.npz") as fixture:
            state = {key[6:]: torch.from_numpy(fixture[key]) for key in fixture.files if key.startswith("state/")}
            return Reference(
                facts=json.loads(str(fixture["config"])),
                state=state,
                rgb=torch.from_numpy(fixture["input"]),
                logits=torch.from_numpy(fixture["output"]),
                block0=torch.from_numpy(fixture["block0"]) if "block0" in fixture else None,
                num_params=int(fixture["num_params"]),
                gmac=float(fixture["gmac"]),
            )

    return load


@pytest.fixture(scope="session")
def check_parity() -> Callable[..., None]:
    """Give a model the reference's weights, through our converter, and hold all it computes against the original's."""

    def check(
        model: VideoModel[Any], first_block: nn.Module, reference: Reference, *, gmac_tolerance: float = 1e-6
    ) -> None:
        layout = next(layout for layout in LAYOUTS[type(model)] if layout.recognises(reference.state))
        weights, report = rename(reference.state, layout)
        model.load_state_dict(fit(weights, model, model.config, report))
        assert report.complete, report

        outputs: list[Tensor] = []
        handle = first_block.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
        with torch.no_grad():
            logits = model.eval()(reference.rgb)
        handle.remove()
        torch.testing.assert_close(logits, reference.logits, rtol=0, atol=TOLERANCE)
        if reference.block0 is not None:
            tokens = outputs[0][0] if isinstance(outputs[0], tuple) else outputs[0]  # some hand on the grid as well
            block0 = tokens.reshape(reference.block0.shape)
            torch.testing.assert_close(block0, reference.block0, rtol=0, atol=TOLERANCE)
        assert count_params(model) == reference.num_params
        assert count_gmacs(type(model), model.config) == pytest.approx(reference.gmac, rel=gmac_tolerance)

    return check
