"""Whatever happens while a checkpoint is written, the last good one is found again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from checkpoint import checkpoints, load_last, save

from .conftest import EXAMPLES

BIG = 300_000  # values of the state: 1.2 MB


def state_of(step: int) -> dict[str, object]:
    return {"step": step, "model": {"weight": torch.full((BIG,), float(step))}}


def save_in_a_process(folder: Path, before: str) -> subprocess.CompletedProcess[str]:
    """Write the checkpoint of step 2 in a process of its own, after running some lines there."""
    code = f"""
import os, resource, signal, sys
sys.path.insert(0, {str(EXAMPLES)!r})
import torch, checkpoint
{before}
checkpoint.save(checkpoint.Path({str(folder)!r}), 2, {{"step": 2, "weight": torch.zeros({BIG})}}, 2)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_last_ones_stay(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save(tmp_path, step, state_of(step), keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step_000000002.pt", "step_000000010.pt"]
    state = load_last(tmp_path)
    assert state is not None
    assert state["step"] == 10
    assert torch.equal(state["model"]["weight"], torch.full((BIG,), 10.0))


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_last(tmp_path / "nothing") is None


DIE_HALF_WAY = """
def half(state, file):
    whole(state, file)
    file.truncate(600_000)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
whole, torch.save = torch.save, half
"""
DIE_BEFORE_RENAMING = "checkpoint.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize("dies", [DIE_HALF_WAY, DIE_BEFORE_RENAMING])
def test_a_process_killed_while_writing_leaves_the_one_before(tmp_path: Path, dies: str) -> None:
    save(tmp_path, 1, state_of(1), keep=2)
    assert save_in_a_process(tmp_path, dies).returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("*.partial")] == ["step_000000002.partial"]
    state = load_last(tmp_path)
    assert state is not None
    assert state["step"] == 1
    save(tmp_path, 3, state_of(3), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_000000001.pt", "step_000000003.pt"]


def test_a_full_disk_is_an_error_and_leaves_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, 1, state_of(1), keep=2)
    # A file may not grow beyond this, which a write is told as it is told of a full disk.
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, -1))"
    done = save_in_a_process(tmp_path, limit)
    assert done.returncode == 1
    assert "CheckpointWriteError" in done.stderr
    assert "step_000000002.pt: could not be written: [Errno 27] File too large" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000001.pt"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path, step, state_of(step), keep=2)
    path = tmp_path / "step_000000002.pt"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match="step_000000002.pt cannot be read and is passed over: .*checksum"):
        state = load_last(tmp_path)
    assert state is not None
    assert state["step"] == 1
