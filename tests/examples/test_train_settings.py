"""Each way to train, by itself: precision, compilation, memory, first weights, logs, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from checkpoint import CheckpointWriteError
from logs import Log, read
from targets import Targets
from train import Training, build_model, train
from videotx.models import MODELS
from videotx.models.checkpoints import CheckpointError

from .test_train import stop_after

FAMILIES: dict[str, dict[str, Any]] = {
    "vivit_base_model3": {"dim": 16, "depth": 1, "num_heads": 2, "mlp_dim": 16, "num_frames": 4},
    "vidtr_small": {"dim": 16, "depth": 1, "num_heads": 2, "mlp_dim": 16, "num_frames": 4},
    "compact_vidtr_small": {"dim": 16, "depth": 7, "num_heads": 2, "mlp_dim": 16},
    "video_swin_tiny": {"dim": 8, "depths": (1, 1), "num_heads": (1, 2), "num_frames": 4},
    "mvit_v2_small_16x4": {"dim": 8, "depth": 2, "stages_at": (1,), "num_frames": 4},
    "dvt_tiny": {"dim": 16, "depth": 1, "num_heads": 2, "mlp_dim": 16, "num_frames": 4},
}

COMPILES = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning:torch")  # torch warns of itself


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The folder of a second run."""
    return tmp_path / "other"


def losses(result: Any) -> list[float]:
    return [line["loss"] for line in result.steps]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_trains(settings_of: Callable[..., Any], name: str) -> None:
    settings = settings_of(model=name, model_settings=FAMILIES[name], steps=2, stride=1, lr_batch=4, layer_decay=0.9)
    done = train(settings)
    assert len(done.steps) == 2
    assert (settings.out / "model.safetensors").exists()
    assert done.steps[0]["learning_rate"] == pytest.approx(1e-3 * 2 / 4)


def test_bfloat16_follows_float32(settings_of: Callable[..., Any], other: Path) -> None:
    full = train(settings_of(steps=3))
    half = train(settings_of(steps=3, precision="bfloat16", out=other))
    assert losses(half) == pytest.approx(losses(full), abs=0.02)
    assert losses(half) != losses(full)
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}


def test_recomputed_activations_change_nothing(settings_of: Callable[..., Any], other: Path) -> None:
    kept = train(settings_of(steps=3, drop_path=0.5))
    again = train(settings_of(steps=3, drop_path=0.5, checkpoint_activations=True, out=other))
    assert losses(again) == pytest.approx(losses(kept), rel=1e-6)


def test_accumulated_steps_are_those_of_larger_batches(settings_of: Callable[..., Any], other: Path) -> None:
    large = train(settings_of(steps=3, batch_size=4))
    small = train(settings_of(steps=3, batch_size=1, accumulate=4, out=other))
    assert losses(small) == pytest.approx(losses(large), rel=1e-5)


@pytest.mark.slow
@COMPILES
def test_a_compiled_model_learns_the_same(settings_of: Callable[..., Any], other: Path) -> None:
    eager = train(settings_of(steps=3))
    compiled = train(settings_of(steps=3, compile=True, out=other))
    assert losses(compiled) == pytest.approx(losses(eager), rel=1e-3)


@COMPILES
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", ["vivit_base_model3", "dvt_tiny"])
@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"precision": "float16"}, {"compile": True}])
def test_a_gpu_learns_the_same(
    settings_of: Callable[..., Any],
    other: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    changes: dict[str, Any],
) -> None:
    tiny = {"model": name, "model_settings": FAMILIES[name], "steps": 4, "ema": 0.9, "workers": 1, "stride": 1}
    cpu = train(settings_of(**tiny, device="cpu"))
    gpu = train(settings_of(**tiny, **changes, device="cuda", out=other))
    assert losses(gpu) == pytest.approx(losses(cpu), abs=0.05)
    broken = settings_of(**tiny, **changes, device="cuda", out=other.with_name("broken"))
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert train(broken).stopped
    assert losses(train(broken)) == pytest.approx(losses(gpu), abs=1e-3)  # sums on a GPU are not in a fixed order


def test_weights_of_another_training_start_a_new_one(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(steps=3, lr=0.01)
    first = train(settings)
    longer = {**settings.model_settings, "num_frames": 8}
    begun = build_model(
        replace(settings, init_video=settings.out / "model.safetensors", model_settings=longer),
        Targets("single", {"label": 3}),
    )
    old, new = first.model.state_dict(), begun.state_dict()
    blocks = [key for key in old if ".blocks." in key]
    assert blocks
    assert all(torch.equal(old[key].cpu(), new[key].cpu()) for key in blocks)
    assert new["head.targets.label.weight"].shape[0] == 3
    assert new["temporal_encoder.positions.weight"].shape != old["temporal_encoder.positions.weight"].shape


def test_an_image_model_starts_a_training(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    d, depth = 16, 2
    image = {
        "cls_token": torch.randn(1, 1, d),
        "pos_embed": torch.randn(1, 1 + 4, d),
        "patch_embed.proj.weight": torch.randn(d, 3, 16, 16),
        "patch_embed.proj.bias": torch.randn(d),
        "norm.weight": torch.randn(d),
        "norm.bias": torch.randn(d),
    }
    for i in range(depth):
        shapes = {"attn.qkv": (3 * d, d), "attn.proj": (d, d), "mlp.fc1": (32, d), "mlp.fc2": (d, 32)}
        for name, shape in shapes.items():
            image |= {f"blocks.{i}.{name}.weight": torch.randn(shape), f"blocks.{i}.{name}.bias": torch.randn(shape[0])}
        for name in ("norm1", "norm2"):
            image |= {f"blocks.{i}.{name}.weight": torch.randn(d), f"blocks.{i}.{name}.bias": torch.randn(d)}
    save_file(image, tmp_path / "vit.safetensors")
    settings = settings_of(init_image=tmp_path / "vit.safetensors", steps=1)
    model = build_model(settings, Targets("single", {"label": 8}))
    assert torch.equal(model.state_dict()["encoder.blocks.1.mlp.fc1.weight"], image["blocks.1.mlp.fc1.weight"])
    assert len(train(settings).steps) == 1
    wrong = replace(settings, init_image=None, init_video=tmp_path / "vit.safetensors")
    with pytest.raises(CheckpointError):
        build_model(wrong, Targets("single", {"label": 8}))


def test_logs_and_plots(settings_of: Callable[..., Any]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = settings_of(steps=5, evaluate_every=2, log_every=3, plots=True, tensorboard=True)
    done = train(settings)
    with (settings.out / "steps.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["step"]) for line in lines] == [1, 2, 3, 4, 5]
    assert [line["step"] for line in done.evaluations] == [2, 4, 5]
    assert (settings.out / "run.png").read_bytes().startswith(b"\x89PNG")
    events = EventAccumulator(str(settings.out / "tensorboard")).Reload()
    written = [(event.step, event.value) for event in events.Scalars("steps/loss")]
    assert [step for step, _ in written] == [1, 2, 3, 4, 5]
    assert [value for _, value in written] == pytest.approx(losses(done))
    assert json.loads((settings.out / "settings.json").read_text())["steps"] == 5


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    for step in (1, 2, 3):
        log.add("steps", {"step": step, "loss": 0.5})
    with (tmp_path / "steps.csv").open("a") as file:
        file.write("4,0.")
    assert [line["step"] for line in read(tmp_path, "steps")] == [1, 2, 3]
    Log(tmp_path, 2).add("steps", {"step": 3, "loss": 0.25})
    assert read(tmp_path, "steps")[-1] == {"step": 3, "loss": 0.25}
    assert len(read(tmp_path, "steps")) == 3


def test_a_loss_that_is_no_number_stops_the_run(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(steps=8, lr=1e30, optimiser="sgd", save_every=8)
    with pytest.raises(FloatingPointError, match=r"the loss of step \d is (nan|inf)"):
        train(settings)
    assert not list((settings.out / "checkpoints").glob("*"))


def test_a_checkpoint_of_another_run_is_refused(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(steps=2)
    train(settings)
    with pytest.raises(ValueError, match=r"checkpoints of another run: lr was 0.001, is 0.5; give another --out"):
        train(replace(settings, lr=0.5))
    train(replace(settings, workers=1, log_every=3))


def test_a_full_disk_stops_the_run_and_the_last_checkpoint_goes_on(
    settings_of: Callable[..., Any], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(steps=6, save_every=2)
    unbroken = train(replace(settings, out=other))
    whole = torch.save
    with monkeypatch.context() as patch:

        def full(state: dict[str, Any], file: Any) -> None:
            if state["step"] == 4:
                raise OSError(28, "No space left on device")
            whole(state, file)

        patch.setattr(torch, "save", full)
        with pytest.raises(CheckpointWriteError, match="No space left on device"):
            train(settings)
    assert [path.name for path in (settings.out / "checkpoints").iterdir()] == ["step_000000002.pt"]
    assert losses(train(settings)) == losses(unbroken)


def test_missing_packages_are_named_before_the_run(
    settings_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"tensorboard is not installed: pip install 'videotx\[train\]'"):
        train(settings_of(steps=1, tensorboard=True))


def test_the_stride_is_the_variants(settings_of: Callable[..., Any]) -> None:
    from processes import Processes

    training = Training(settings_of(steps=1, stride=None), Processes(0, 1, torch.device("cpu")))
    assert training.loader.sampler is not None
    assert training.val.clip.stride == MODELS["vivit_base_model2"].frame_stride  # type: ignore[attr-defined]
