"""Do models see motion, and does DVT use what the bitstream knows of it? Small trainings on clips told by motion alone.

    videotx demo-data --kind objects --clips 2880 --out objects
    videotx extract --src objects --out objects.zarr --short-side 64
    python examples/packed_clips.py objects.zarr objects.npz
    python examples/prove_motion.py objects.npz --out proof --jobs 2

Trains every experiment of `experiments.py` with every seed, each in a process of its own that leaves a JSON file, so
that an interrupted command goes on where it was; then writes tables (``proof/results.md``) and ``proof/results.png``.
The last sixth of the clips is for evaluation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
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
EVALUATION_BATCH = 60


WARMUP_SHARE = 0.1
TRAINING = Settings(
    steps=1000,
    batch_size=32,
    lr=2e-3,
    betas=(0.9, 0.98),
    weight_decay=0.05,
    label_smoothing=0.1,
    clip_norm=1.0,
    colour_jitter=0.3,  # here: of contrast and brightness, per clip and colour
)
USED = ("steps", "batch_size", "lr", "betas", "weight_decay", "label_smoothing", "clip_norm", "colour_jitter")


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
    if feed in ("one frame", "shuffled frames", "unknown"):
        clips = replace(clips, valid=torch.zeros_like(clips.valid))
    elif feed == "zero":
        nothing = {name: torch.zeros_like(getattr(clips, name)) for name in ("displacement", "residual")}
        clips = replace(clips, valid=torch.ones_like(clips.valid), **nothing)
    elif feed == "another clip's":
        other = {name: getattr(clips, name).roll(1, 0) for name in ("displacement", "valid", "residual")}
        clips = replace(clips, **other)
    motion = Motion(between_all(clips.displacement), between_all(clips.valid), between_all(clips.residual))
    return rgb.contiguous(), motion


@torch.no_grad()
def predictions(model: VideoModel[Any], clips: PackedClips, feed: Feed) -> Tensor:
    model.eval()
    parts = torch.arange(len(clips), device=clips.label.device).split(EVALUATION_BATCH)
    found = [model(*inputs(clips[rows], feed, model.uses_motion)).argmax(1) for rows in parts]
    model.train()
    return torch.cat(found)


def accuracy(model: VideoModel[Any], clips: PackedClips, feed: Feed) -> float:
    """Percent of clips whose class is found."""
    return 100 * float((predictions(model, clips, feed) == clips.label).float().mean())


def train(experiment: Experiment, training: Settings, clips: PackedClips, seed: int) -> dict[str, Any]:
    """Train one model; returns everything that is worth keeping of it."""
    torch.manual_seed(seed)
    num_classes = int(clips.label.max()) + 1
    model = build(experiment, num_classes).to(clips.label.device)
    train_rows, test_rows = split(clips)
    if len(train_rows) < training.batch_size:
        raise ValueError(f"expected at least a batch of {training.batch_size} clips to train on, got {len(train_rows)}")
    test = clips[test_rows]
    optimiser = make_optimiser(model, training, training.lr)
    order = batches(train_rows, training, seed)
    steps_per_epoch = len(train_rows) // training.batch_size
    training = replace(training, warmup_epochs=WARMUP_SHARE * training.steps / steps_per_epoch)
    curve, losses, began = [], [], time.perf_counter()
    for step in range(1, training.steps + 1):
        set_learning_rate(optimiser, schedule(step - 1, training.steps, steps_per_epoch, training))
        batch = random_symmetry(clips[next(order)], clips.class_names)
        logits = model(*inputs(batch, experiment.feed, model.uses_motion, training.colour_jitter))
        loss = F.cross_entropy(logits, batch.label, label_smoothing=training.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
        optimiser.step()
        losses.append(loss.detach())
        if step * NUM_EVALUATIONS % training.steps < NUM_EVALUATIONS:
            curve.append((step, float(torch.stack(losses).mean()), accuracy(model, test, experiment.feed)))
            losses.clear()
            print("step {} loss {:.3f} accuracy {:.1f}".format(*curve[-1]), flush=True)
    seconds = time.perf_counter() - began
    found = predictions(model, test, experiment.feed)
    confusion = torch.zeros(num_classes, num_classes, dtype=torch.long, device=found.device)
    confusion.index_put_((test.label, found), torch.ones_like(found), accumulate=True)
    feeds = ("motion", "unknown", "zero", "another clip's") if model.uses_motion and experiment.feed == "motion" else ()
    return {
        "accuracy": curve[-1][2],
        "accuracy_fed": {feed: accuracy(model, test, feed) for feed in feeds},
        "curve": curve,
        "confusion": confusion.tolist(),
        "num_params": count_params(model),
        "gmacs": count_gmacs(type(model), model.config),
        "seconds": seconds,
        "device": torch.cuda.get_device_name() if clips.label.is_cuda else "cpu",
    }


def batches(rows: Tensor, training: Settings, seed: int) -> Any:
    """Rows of one step after another: every clip once, then all again in another order."""
    random = torch.Generator().manual_seed(seed)
    while True:
        order = rows[torch.randperm(len(rows), generator=random).to(rows.device)]
        yield from order[: len(order) // training.batch_size * training.batch_size].split(training.batch_size)


def used(training: Settings) -> dict[str, Any]:
    """The settings that mean something here."""
    return {name: getattr(training, name) for name in USED}


def result_path(out: Path, name: str, seed: int) -> Path:
    slug = "".join(c if c.isalnum() else "_" for c in name).strip("_")
    return out / f"{slug}-{seed}.json"


def run_one(options: argparse.Namespace, training: Settings) -> None:
    """Train one experiment with one seed and write its file, whole or not at all."""
    if options.device == "cpu":
        torch.set_num_threads(1)
    else:
        torch.set_float32_matmul_precision("high")
    (name,), (seed,) = options.only, options.seeds
    options.out.mkdir(parents=True, exist_ok=True)
    experiment = EXPERIMENTS[name]
    result = train(experiment, training, load(options.clips).to(options.device), seed)
    path = result_path(options.out, name, seed)
    record = {"experiment": name, "seed": seed, "training": used(training), "settings": asdict(experiment)} | result
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(path)


def run_all(options: argparse.Namespace, training: Settings) -> int:
    """Run what has no file yet, ``--jobs`` at a time; returns how many runs failed."""
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = [(name, seed) for seed in options.seeds for name in options.only]
    missing = [(name, seed) for name, seed in wanted if not done(options.out, name, seed, training)]
    print(f"{len(wanted)} runs, {len(wanted) - len(missing)} of them done before", flush=True)
    stop_at = time.monotonic() + options.budget if options.budget else float("inf")

    def start(name: str, seed: int) -> bool | None:
        if time.monotonic() > stop_at:
            return None
        command = [sys.executable, __file__, str(options.clips), "--out", str(options.out), "--device", options.device]
        command += [
            "--steps",
            str(options.steps),
            "--lr",
            str(options.lr),
            "--alone",
            "--only",
            name,
            "--seeds",
            str(seed),
        ]
        log = result_path(options.out, name, seed).with_suffix(".log")
        with log.open("w") as file:
            ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
        if ended.returncode:
            print(f"failed: {name}, seed {seed}: see {log}", flush=True)
            return False
        record = json.loads(result_path(options.out, name, seed).read_text(encoding="utf-8"))
        print(f"{name}, seed {seed}: {record['accuracy']:.1f} % in {record['seconds']:.0f} s", flush=True)
        return True

    with ThreadPoolExecutor(options.jobs) as pool:
        ended = list(pool.map(lambda run: start(*run), missing))
    if ended.count(None):
        print(f"out of time: {ended.count(None)} runs are left for the next time", flush=True)
    return ended.count(False)


def done(out: Path, name: str, seed: int, training: Settings) -> bool:
    """Whether that run has a file. Raises ValueError when the file is of other settings."""
    path = result_path(out, name, seed)
    if not path.exists():
        return False
    record = json.loads(path.read_text(encoding="utf-8"))
    now = json.loads(json.dumps({"training": used(training), "settings": asdict(EXPERIMENTS[name])}))
    then = {key: record[key] for key in now}
    if now != then:
        raise ValueError(f"{path} is of other settings ({then}); give another --out")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="the file that packed_clips.py wrote")
    parser.add_argument("--out", type=Path, default=Path("proof"))
    parser.add_argument("--set", choices=["core", "ablations", "all"], default="core", help="which experiments")
    parser.add_argument("--only", nargs="+", choices=list(EXPERIMENTS), metavar="NAME", help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=TRAINING.steps)
    parser.add_argument("--lr", type=float, default=TRAINING.lr)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time, of one thread each on a CPU")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--budget", type=float, help="start no run after this many seconds")
    parser.add_argument("--alone", action="store_true", help="train the one named here, in this process")
    parser.add_argument("--runs-only", action="store_true", help="leave tables and picture to proof_report.py")
    options = parser.parse_args()
    options.only = options.only or list({"core": CORE, "ablations": ABLATIONS, "all": CORE | ABLATIONS}[options.set])
    training = replace(TRAINING, steps=options.steps, lr=options.lr)
    if options.alone:
        run_one(options, training)
        return 0
    failures = run_all(options, training)
    if not options.runs_only:
        from proof_report import write_report

        write_report(options.out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
