"""Do models see motion, and does DVT use what the bitstream knows of it? Small trainings on clips told by motion alone.

    videotx demo-data --kind objects --clips 2880 --out objects
    videotx extract --src objects --out objects.zarr --short-side 64
    python examples/packed_clips.py objects.zarr objects.npz
    python examples/prove_motion.py objects.npz --out proof --jobs 2

The first two make the data and the third puts it into one file. The last trains the core experiments of
`experiments.py` (``--set all``: the ablations too) with three seeds. Each run is a process of its own and ends with a
JSON file, ``proof/EXPERIMENT-SEED.json``: a command that was interrupted goes on where it was, and one that is done
trains nothing. Then it writes tables, ``proof/results.md``, and a picture, ``proof/results.png`` (needs matplotlib).
The last sixth of the clips is for evaluation.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from experiments import ABLATIONS, CORE, EXPERIMENTS, Experiment, Feed, build
from optimise import make_optimiser, schedule, set_learning_rate
from packed_clips import PackedClips, between_all, load
from settings import Settings
from symmetry import random_symmetry
from videotx.models import Motion, VideoModel
from videotx.models.macs import count_gmacs, count_params

MEAN, DEVIATION = 0.45, 0.225
NUM_EVALUATIONS = 10
FEEDS_TO_COMPARE: tuple[Feed, ...] = ("motion", "unknown", "zero", "another clip's")
EVALUATION_BATCH = 60
WARMUP_SHARE = 0.1


@dataclass(frozen=True)
class Recipe:
    """How every model is trained. ``colour_jitter`` is of contrast and brightness, per clip and colour."""

    steps: int = 1000
    batch_size: int = 32
    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    clip_norm: float = 1.0
    colour_jitter: float = 0.3


def split(clips: PackedClips) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows to evaluate on."""
    first = len(clips) * 5 // 6
    rows = torch.arange(len(clips), device=clips.label.device)
    return rows[:first], rows[first:]


def inputs(clips: PackedClips, feed: Feed, uses_motion: bool, jitter: float = 0.0) -> tuple[Any, ...]:
    """The arguments of a model: RGB (b, 3, t, h, w) and, for a model that uses it, motion as ``feed`` wants it."""
    rgb = (clips.rgb.permute(0, 4, 1, 2, 3).float() / 255 - MEAN) / DEVIATION
    if feed == "one frame":
        middle = rgb.shape[2] // 2
        rgb = rgb[:, :, middle : middle + 1].expand_as(rgb)
    elif feed == "shuffled frames":
        order = torch.rand(rgb.shape[0], rgb.shape[2], device=rgb.device).argsort(1)
        rgb = rgb.gather(2, order[:, None, :, None, None].expand_as(rgb))
    if jitter:
        change = torch.empty(2, len(clips), 3, 1, 1, 1, device=rgb.device).uniform_(-jitter, jitter)
        rgb = rgb * (1 + change[0]) + change[1]
    if not uses_motion:
        return (rgb.contiguous(),)
    displacement, valid, residual = clips.displacement, clips.valid, clips.residual
    if feed in ("one frame", "shuffled frames", "unknown"):
        valid = torch.zeros_like(valid)
    elif feed == "zero":
        displacement, residual = torch.zeros_like(displacement), torch.zeros_like(residual)
        valid = torch.ones_like(valid)
    elif feed == "another clip's":
        displacement, valid, residual = (tensor.roll(1, 0) for tensor in (displacement, valid, residual))
    motion = Motion(between_all(displacement), between_all(valid), between_all(residual))
    return rgb.contiguous(), motion


@torch.no_grad()
def predictions(model: VideoModel[Any], clips: PackedClips, feed: Feed) -> Tensor:
    """The class found for each clip, int64 (clip,)."""
    model.eval()
    parts = torch.arange(len(clips), device=clips.label.device).split(EVALUATION_BATCH)
    found = [model(*inputs(clips[rows], feed, model.uses_motion)).argmax(1) for rows in parts]
    model.train()
    return torch.cat(found)


def accuracy(model: VideoModel[Any], clips: PackedClips, feed: Feed) -> float:
    """Percent of clips whose class is found."""
    return 100 * float((predictions(model, clips, feed) == clips.label).float().mean())


def train(experiment: Experiment, recipe: Recipe, clips: PackedClips, seed: int) -> dict[str, Any]:
    """Train one model; returns everything that is worth keeping of it. Raises ValueError for less than a batch."""
    torch.manual_seed(seed)
    num_classes = int(clips.label.max()) + 1
    model = build(experiment, num_classes).to(clips.label.device)
    train_rows, test_rows = split(clips)
    steps_per_epoch = len(train_rows) // recipe.batch_size
    if not steps_per_epoch:
        raise ValueError(f"expected at least a batch of {recipe.batch_size} clips to train on, got {len(train_rows)}")
    test = clips[test_rows]
    warmup_epochs = WARMUP_SHARE * recipe.steps / steps_per_epoch
    settings = Settings(betas=recipe.betas, weight_decay=recipe.weight_decay, warmup_epochs=warmup_epochs)
    optimiser = make_optimiser(model, settings, recipe.lr)
    order = batches(train_rows, recipe.batch_size, seed)
    curve: list[tuple[int, float, float]] = []  # step, loss since the one before, accuracy
    losses, began, cpu_began = [], time.perf_counter(), time.process_time()
    for step in range(1, recipe.steps + 1):
        set_learning_rate(optimiser, schedule(step - 1, recipe.steps, steps_per_epoch, settings))
        batch = random_symmetry(clips[next(order)])
        logits = model(*inputs(batch, experiment.feed, model.uses_motion, recipe.colour_jitter))
        loss = F.cross_entropy(logits, batch.label, label_smoothing=recipe.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimiser.step()
        losses.append(loss.detach())
        if step * NUM_EVALUATIONS % recipe.steps < NUM_EVALUATIONS:
            curve.append((step, float(torch.stack(losses).mean()), accuracy(model, test, experiment.feed)))
            losses.clear()
            print("step {} loss {:.3f} accuracy {:.1f}".format(*curve[-1]), flush=True)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    found = predictions(model, test, experiment.feed)
    confusion = torch.zeros(num_classes, num_classes, dtype=torch.long, device=found.device)
    confusion.index_put_((test.label, found), torch.ones_like(found), accumulate=True)
    feeds = FEEDS_TO_COMPARE if model.uses_motion and experiment.feed == "motion" else ()
    return {
        "accuracy": curve[-1][2],
        "accuracy_fed": {feed: accuracy(model, test, feed) for feed in feeds},
        "curve": curve,
        "confusion": confusion.tolist(),
        "num_params": count_params(model),
        "gmacs": count_gmacs(type(model), model.config),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "device": torch.cuda.get_device_name() if clips.label.is_cuda else "cpu",
    }


def batches(rows: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    """Rows of one step after another: whole batches of all in one order, then in another, without end."""
    random = torch.Generator().manual_seed(seed)
    while True:
        order = rows[torch.randperm(len(rows), generator=random).to(rows.device)]
        yield from order[: len(order) // size * size].split(size)


def result_path(out: Path, name: str, seed: int) -> Path:
    slug = "".join(c if c.isalnum() else "_" for c in name).strip("_")
    return out / f"{slug}-{seed}.json"


def run_one(options: argparse.Namespace, recipe: Recipe) -> None:
    """Train one experiment with one seed and write its file, whole or not at all."""
    if options.device == "cpu":
        torch.set_num_threads(1)
    else:
        torch.set_float32_matmul_precision("high")
    (name,), (seed,) = options.only, options.seeds
    options.out.mkdir(parents=True, exist_ok=True)
    experiment = EXPERIMENTS[name]
    result = train(experiment, recipe, load(options.clips).to(options.device), seed)
    path = result_path(options.out, name, seed)
    record = {"experiment": name, "seed": seed, "training": asdict(recipe), "settings": asdict(experiment)} | result
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(path)


def run_all(options: argparse.Namespace, recipe: Recipe) -> int:
    """Run what has no file yet, ``--jobs`` at a time; returns how many runs failed."""
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = [(name, seed) for seed in options.seeds for name in options.only]
    missing = [(name, seed) for name, seed in wanted if not done(options.out, name, seed, recipe)]
    print(f"{len(wanted)} runs, {len(wanted) - len(missing)} of them done before", flush=True)
    stop_at = time.monotonic() + options.budget if options.budget else float("inf")

    def run(name: str, seed: int) -> bool | None:
        """Whether it went well; None where there was no time left to start it."""
        if time.monotonic() > stop_at:
            return None
        path = result_path(options.out, name, seed)
        log = path.with_suffix(".log")
        with log.open("w", encoding="utf-8") as file:
            ended = subprocess.run(command_of(options, name, seed), stdout=file, stderr=subprocess.STDOUT, check=False)
        if ended.returncode:
            print(f"failed: {name}, seed {seed}: see {log}", flush=True)
            return False
        record = json.loads(path.read_text(encoding="utf-8"))
        print(f"{name}, seed {seed}: {record['accuracy']:.1f} % in {record['seconds']:.0f} s", flush=True)
        return True

    with ThreadPoolExecutor(options.jobs) as pool:
        ended = list(pool.map(lambda names: run(*names), missing))
    if ended.count(None):
        print(f"out of time: {ended.count(None)} runs are left for the next time", flush=True)
    return ended.count(False)


def command_of(options: argparse.Namespace, name: str, seed: int) -> list[str]:
    """The command line of one run in a process of its own."""
    same = [f"--{key}={getattr(options, key)}" for key in ("out", "device", "steps", "lr")]
    return [sys.executable, __file__, str(options.clips), *same, "--alone", f"--only={name}", f"--seeds={seed}"]


def done(out: Path, name: str, seed: int, recipe: Recipe) -> bool:
    """Whether that run has a file. Raises ValueError when the file is of other settings."""
    path = result_path(out, name, seed)
    if not path.exists():
        return False
    record = json.loads(path.read_text(encoding="utf-8"))
    now = json.loads(json.dumps({"training": asdict(recipe), "settings": asdict(EXPERIMENTS[name])}))
    then = {key: record[key] for key in now}
    if now != then:
        raise ValueError(f"{path} is of other settings: expected {now}, got {then}; give another --out")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    recipe = Recipe()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="the file that packed_clips.py wrote")
    parser.add_argument("--out", type=Path, default=Path("proof"))
    parser.add_argument("--set", choices=["core", "ablations", "all"], default="core", help="which experiments")
    parser.add_argument("--only", nargs="+", choices=list(EXPERIMENTS), metavar="NAME", help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=recipe.steps)
    parser.add_argument("--lr", type=float, default=recipe.lr)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time, of one thread each on a CPU")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--budget", type=float, help="start no run after this many seconds")
    parser.add_argument("--alone", action="store_true", help="train the one named here, in this process")
    parser.add_argument("--runs-only", action="store_true", help="leave tables and picture to proof_report.py")
    options = parser.parse_args(arguments)
    options.only = options.only or list({"core": CORE, "ablations": ABLATIONS, "all": EXPERIMENTS}[options.set])
    recipe = replace(recipe, steps=options.steps, lr=options.lr)
    if options.alone:
        run_one(options, recipe)
        return 0
    if not options.runs_only and importlib.util.find_spec("matplotlib") is None:
        parser.error("matplotlib is not installed: pip install 'videotx[train]', or give --runs-only")
    failures = run_all(options, recipe)
    if not options.runs_only:
        from proof_report import write_report

        write_report(options.out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
