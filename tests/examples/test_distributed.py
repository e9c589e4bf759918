"""Two processes on the CPU, as `torchrun` starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from logs import read
from train import train
from videotx.models.checkpoints.read import read_weights

from .conftest import EXAMPLES

pytestmark = pytest.mark.slow

# What is equal in one process and in two: nothing that a process draws for itself.
PLAIN = {
    "steps": 6,
    "optimiser": "sgd",
    "lr": 0.1,
    "crop": "centre",
    "flip": 0.0,
    "accumulate": 2,
    "ema": 0.9,
    "clip_norm": 0.5,
}


def start(script: str, *flags: str, num_processes: int = 2) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num_processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command += [str(EXAMPLES / script), *flags]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def succeeds(running: subprocess.Popen[str]) -> None:
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors


def flags_of(settings: Any) -> list[str]:
    """The command line of settings, but for the device."""
    flags: list[str] = []
    for name, value in settings.plain().items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, dict):
            flags += [f"--{flag}", *(f"{k}={v}" for k, v in value.items())] if value else []
        elif isinstance(value, tuple | list):
            flags += [f"--{flag}", *map(str, value)] if value else []
        elif value is not None:
            flags += [f"--{flag}", str(value)]
    return flags


def test_two_processes_learn_what_one_does(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    one = train(settings_of(**PLAIN, out=tmp_path / "one"))
    pair = settings_of(**PLAIN, batch_size=1, out=tmp_path / "two")
    running = start("train.py", *flags_of(pair))
    succeeds(running)
    two = read(pair.out, "steps")
    for ours, theirs in zip(one.steps, two, strict=True):
        for name in ("loss", "gradient_norm", "learning_rate"):
            assert theirs[name] == pytest.approx(ours[name], abs=2e-5)
    assert len(read(pair.out, "evaluations")) == len(one.evaluations)
    weights, _ = read_weights(pair.out / "model.safetensors")
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-5)

    running = start("evaluate.py", "--from-run", str(pair.out), "--test-views", "1", "3")
    succeeds(running)
    results = json.loads((pair.out / "evaluation" / "results.json").read_text())
    assert results["videos"] == 4


def test_a_signal_stops_both_and_both_go_on(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    changes = {**PLAIN, "steps": 30, "log_every": 1, "batch_size": 1, "head_dropout": 0.3, "mixup": 0.5}
    whole = settings_of(**changes, out=tmp_path / "whole")
    running = start("train.py", *flags_of(whole))
    succeeds(running)

    broken = settings_of(**changes, out=tmp_path / "broken")
    running = start("train.py", *flags_of(broken))
    for _ in range(3000):
        if len(read(broken.out, "steps")) >= 3:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=300)
    assert running.returncode != 0
    assert "goes on from" in errors
    done = len(read(broken.out, "steps"))
    assert 3 <= done < 30

    running = start("train.py", *flags_of(broken))
    succeeds(running)
    assert [line["loss"] for line in read(broken.out, "steps")] == [line["loss"] for line in read(whole.out, "steps")]
