"""The training loop: it learns, it stops and goes on without a trace, and whatever ends it leaves a checkpoint."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from checkpoint import checkpoints
from train import Result, Training, main, train

# Everything that draws random numbers: dropout, stochastic depth, mixing, colours, crops, repeated draws, and a moving
# average, on top of accumulated steps.
EVERYTHING = {
    "drop_path": 0.2,
    "head_dropout": 0.3,
    "mixup": 0.8,
    "cutmix": 1.0,
    "label_smoothing": 0.1,
    "rand_augment": (2, 9),
    "erasing": 0.5,
    "colour_jitter": 0.2,
    "ema": 0.5,
    "accumulate": 2,
    "repeats": 2,
    "clip_norm": 1.0,
    "layer_decay": 0.8,
    "warmup_epochs": 0.5,
    "lr": 1e-2,
    "steps": 9,
}


def losses(result: Result) -> list[float]:
    return [line["loss"] for line in result.steps]


def same_weights(one: Result, other: Result) -> bool:
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send the process SIGTERM in the middle of a step."""
    whole = Training._step

    def interrupted(self: Training, number: int, batches: Any) -> dict[str, Any]:
        if number + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return whole(self, number, batches)

    monkeypatch.setattr(Training, "_step", interrupted)


@pytest.mark.parametrize(
    "workers", [1, pytest.param(0, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    settings_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    settings = settings_of(**EVERYTHING)
    unbroken = train(replace(settings, out=settings.out / "unbroken"))
    with monkeypatch.context() as patch:
        stop_after(patch, 4)  # six steps are an epoch
        first = train(settings)
    assert first.stopped
    assert len(first.steps) == 4
    resumed = train(replace(settings, workers=workers))
    assert not resumed.stopped
    assert losses(resumed) == losses(unbroken)
    assert [line["step"] for line in resumed.steps] == list(range(1, 10))
    assert resumed.evaluations == unbroken.evaluations
    assert same_weights(resumed, unbroken)


def test_a_loss_depends_on_the_seed(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(steps=2)
    one = train(settings)
    other = train(replace(settings, seed=1, out=settings.out / "other"))
    assert losses(one) != losses(other)


def test_a_signal_ends_the_program_with_143(
    settings_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_after(monkeypatch, 2)
    settings = settings_of(steps=4)
    monkeypatch.setattr("train.parse", lambda *_: settings)
    assert main([]) == 143
    assert "the same command goes on" in capsys.readouterr().err
    assert [path.name for path in checkpoints(settings.out / "checkpoints")] == ["step_000000002.pt"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_it_learns_by_heart(settings_of: Callable[..., Any]) -> None:
    plain = {"crop": "centre", "flip": 0.0, "cached_draws": 1, "weight_decay": 0.0, "val_share": 0.75}
    done = train(settings_of(steps=60, lr=1e-2, batch_size=4, **plain))
    assert losses(done)[0] == pytest.approx(2.08, abs=0.05)  # log 8
    assert losses(done)[-1] < 1.0
