"""The scripts of examples/ as modules, and the small shards that they are run on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from videotx.cli import main
from videotx.pipeline.demo_data import KINDS, make_demo_set

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

TINY = {
    "model": "vivit_base_model2",
    "model_settings": {"dim": 16, "depth": 2, "temporal_depth": 1, "num_heads": 2, "mlp_dim": 32, "num_frames": 4},
    "size": 32,
    "stride": 2,
    "workers": 0,
    "threads": 1,
    "batch_size": 2,
    "val_share": 0.25,
    "progress": False,
    "plots": False,
}


@pytest.fixture(scope="session")
def demo_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen clips of eight classes, 96 x 80, twelve frames each, in two codecs."""
    root = tmp_path_factory.mktemp("demo")
    make_demo_set(root / "videos", num_clips=16, num_frames=12, width=96, height=80)
    done = CliRunner().invoke(
        main, ["extract", "--src", f"{root / 'videos'}", "--out", f"{root / 'shards.zarr'}", "--executor", "inline"]
    )
    assert done.exit_code == 0, done.output
    return root / "shards.zarr"


@pytest.fixture
def settings_of(demo_shards: Path, tmp_path: Path) -> Callable[..., Any]:
    """Settings of a tiny run on the demo shards, with changes."""
    from settings import Settings

    def make(**changes: Any) -> Any:
        return Settings(**{**TINY, "shards": demo_shards, "out": tmp_path / "run", **changes})

    return make


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    """The scripts set the number of threads of this process; put it back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def object_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips of discs that move, one per class, 64 x 64, sixteen frames each."""
    root = tmp_path_factory.mktemp("objects")
    make_demo_set(root / "videos", kind=KINDS["objects"], num_clips=12, num_frames=16, width=64, height=64)
    made = ["extract", "--src", f"{root / 'videos'}", "--out", f"{root / 'shards.zarr'}", "--executor", "inline"]
    done = CliRunner().invoke(main, [*made, "--short-side", "64"])
    assert done.exit_code == 0, done.output
    return root / "shards.zarr"


@pytest.fixture(scope="session")
def packed(object_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clips as `packed_clips.py` writes them."""
    from packed_clips import pack

    path = tmp_path_factory.mktemp("packed") / "clips.npz"
    assert pack(object_shards, path, 2) == 12
    return path
