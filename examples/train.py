"""Train any model of videotx on any shards.

    python examples/train.py --shards shards.zarr --model dvt_small --epochs 30
    torchrun --nproc-per-node 8 examples/train.py --shards shards.zarr --recipe video_swin_k400 --precision bfloat16

Everything goes to ``--out``: checkpoints, a CSV line per step and per evaluation, plots, and the weights at the end.
Run the same command again and it goes on from its last checkpoint, with the losses of a run that was never stopped:
which clips a step has, how they are augmented, mixed and dropped out follows from (seed, step, process) alone. On
SIGTERM or SIGUSR1 it finishes the step, writes a checkpoint and exits with status 143.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Dataset
from tqdm import tqdm

import checkpoint
import logs
from data import (
    NORMALISE,
    TrainLoader,
    make_mix,
    model_inputs,
    open_data,
    train_clips,
    val_clips,
)
from flags import parse
from memory import MemoryClips
from optimise import gradients, make_optimiser, moving_average, scaled_lr, schedule, set_learning_rate
from predict import precision_context, predict, summary
from processes import Processes
from recipes import RECIPES
from settings import FREE_TO_CHANGE, Settings
from targets import Targets
from videotx.datasets import Clip, ClipBatch
from videotx.models import MODELS, VideoModel, create_model
from videotx.models.checkpoints import initialise_from_image, load_pretrained, save_weights

STOPPED = 143  # what a shell gives for a process that SIGTERM ended


@dataclass(frozen=True)
class Result:
    """What a run came to: the lines of its log, the model as evaluated, and whether a signal stopped it early."""

    steps: list[dict[str, float]]
    evaluations: list[dict[str, float]]
    model: VideoModel[Any]
    stopped: bool


def main(argv: list[str] | None = None) -> int:
    settings = parse(Settings, argv, __doc__, {name: recipe.settings for name, recipe in RECIPES.items()})
    result = train(settings)
    talks = os.environ.get("RANK", "0") == "0"
    if result.stopped:
        if talks:
            print(f"stopped by a signal; the same command goes on from {settings.out}", file=sys.stderr)
        return STOPPED
    if talks:
        measures = ", ".join(f"{name} {value:.2f}" for name, value in result.evaluations[-1].items() if name != "step")
        print(f"{settings.out}: step {len(result.steps)}, loss {result.steps[-1]['loss']:.3f}, {measures}")
    return 0


def train(settings: Settings) -> Result:
    """Run, or go on with, the training that ``settings`` describe.

    Raises ValueError for settings that do not fit the data, the model or the checkpoint in ``out``; FloatingPointError
    when the loss is no number any more; CheckpointWriteError when the disk is full.
    """
    check_optional(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    processes = Processes.join(settings.device)
    try:
        with Signals() as signals:
            return Training(settings, processes).run(signals)
    finally:
        processes.leave()


def build_model(settings: Settings, targets: Targets) -> VideoModel[Any]:
    """The model with its first weights: drawn from the seed, or of another training."""
    chosen: dict[str, Any] = {
        "num_frames": settings.num_frames,
        "resolution": settings.size,
        "drop_path": settings.drop_path,
        "head_dropout": settings.head_dropout,
    }
    chosen = settings.model_settings | {key: value for key, value in chosen.items() if value is not None}
    torch.manual_seed(settings.seed)
    model = create_model(
        settings.model,
        **chosen,
        num_classes=targets.num_classes,
        checkpoint_activations=settings.checkpoint_activations,
    )
    if settings.init_image is not None:
        initialise_from_image(model, settings.init_image)
    elif settings.init_video is not None:
        published = {k: v for k, v in settings.model_settings.items() if k not in ("num_frames", "resolution")}
        source = replace(MODELS[settings.model].config, **published)
        load_pretrained(model, settings.init_video, source=source, new_head=True)
    return model


class Training:
    """The parts of a run, and the loop over its steps."""

    def __init__(self, settings: Settings, processes: Processes) -> None:
        self.settings, self.processes = settings, processes
        data = open_data(settings)
        self.targets = data.targets
        self.model = build_model(settings, data.targets).to(processes.device)
        talks = settings.progress and processes.main
        self.loader = TrainLoader.of(train_clips(settings, data, self.model, progress=talks), settings, processes)
        middles = val_clips(settings, data, self.model)
        self.val: Dataset[Clip] = middles
        if settings.cached_draws:
            self.val = MemoryClips(middles, workers=settings.workers, progress=talks)
        self.mix = make_mix(settings, data.targets)
        self.average = moving_average(self.model, settings.ema)
        clips_per_step = settings.batch_size * settings.accumulate * processes.world_size
        self.lr = scaled_lr(settings, clips_per_step)
        self.optimiser = make_optimiser(self.model, settings, self.lr)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=settings.precision == "float16")
        self.per_epoch = self.loader.steps_per_epoch
        self.num_steps = settings.steps or settings.epochs * self.per_epoch
        self.step = 0
        self.folder = settings.out / "checkpoints"
        self._load()
        self.forward = self._wrapped()

    def run(self, signals: Signals) -> Result:
        """Take the steps that are left."""
        settings, processes = self.settings, self.processes
        if processes.main:
            settings.out.mkdir(parents=True, exist_ok=True)
            (settings.out / "settings.json").write_text(json.dumps(settings.plain(), indent=1), encoding="utf-8")
            self.log = logs.Log(settings.out, self.step, tensorboard=settings.tensorboard)
        evaluate_every, save_every = settings.evaluate_every or self.per_epoch, settings.save_every or self.per_epoch
        stopped, pending = False, []
        bar = tqdm(
            initial=self.step, total=self.num_steps, unit="step", disable=not (settings.progress and processes.main)
        )
        for step, batches in self.loader.steps(self.step, self.num_steps):
            began = time.perf_counter()
            pending.append(self._step(step, batches) | {"seconds": time.perf_counter() - began})
            self.step = step + 1
            bar.update()
            last = self.step == self.num_steps
            stopped = processes.any(signals.received)
            saves = last or stopped or self.step % save_every == 0
            evaluates = last or self.step % evaluate_every == 0
            if saves or evaluates or self.step % settings.log_every == 0:
                bar.set_postfix(loss=f"{self._write(pending):.3f}")
                pending = []
            if evaluates:
                self._evaluate()
            if saves:
                self._save()
            if stopped and not last:
                break
        bar.close()
        return self._finish(stopped and self.step < self.num_steps)

    def _step(self, step: int, batches: list[ClipBatch]) -> dict[str, Any]:
        """One step of the optimiser; what it returns stays on the device, so that nothing waits for it."""
        settings, processes = self.settings, self.processes
        self.model.train()
        share = schedule(step, self.num_steps, self.per_epoch, settings)
        set_learning_rate(self.optimiser, share)
        losses, hits = [], []
        for number, batch in enumerate(batches):
            last = number == len(batches) - 1
            random = np.random.default_rng([settings.seed, step, number, processes.rank])
            torch.manual_seed(int(random.integers(2**63)))  # dropout and stochastic depth of this pass
            prepared = self._prepared(batch, random)
            with self._unsynchronised(last), precision_context(settings, processes.device):
                outputs = self.forward(*model_inputs(prepared, self.model))
                loss = self.targets.loss(outputs, prepared.label, settings.label_smoothing)
            with self._unsynchronised(last):
                self.scaler.scale(loss / len(batches)).backward()
            losses.append(loss.detach())
            hits.append(self.targets.hits(outputs, prepared.label))
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(gradients(self.optimiser), settings.clip_norm or math.inf)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.model)
        return {
            "step": step + 1,
            "loss": torch.stack(losses).mean(),
            "accuracy": 100 * torch.stack(hits).mean(),
            "gradient_norm": norm.detach(),
            "learning_rate": self.lr * share,
        }

    def _prepared(self, batch: ClipBatch, random: np.random.Generator) -> ClipBatch:
        """On the device, with encoded targets, mixed, normalised."""
        batch = batch.to(self.processes.device, non_blocking=True)
        batch = replace(batch, label=self.targets.encode(batch.label))
        if self.mix is not None:
            batch = self.mix(batch, random)
        return NORMALISE[self.settings.normalise](batch)

    def _unsynchronised(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Gradients of all but the last pass of a step stay in their process."""
        if isinstance(self.forward, DistributedDataParallel) and not last:
            together: contextlib.AbstractContextManager[None] = self.forward.no_sync()
            return together
        return contextlib.nullcontext()

    def _wrapped(self) -> nn.Module:
        """The model as it is called in training: shared among processes, compiled; the parameters are the same."""
        forward: nn.Module = self.model
        if self.processes.world_size > 1:
            # Called with RGB alone a model that follows motion leaves the part that reads it without gradients.
            unused = self.model.uses_motion and "motion" not in self.loader.streams
            cuda = self.processes.device.type == "cuda"
            forward = DistributedDataParallel(
                self.model, [self.processes.device] if cuda else None, find_unused_parameters=unused
            )
        if self.settings.compile:
            forward.compile()
        return forward

    def _write(self, pending: list[dict[str, Any]]) -> float:
        """Add steps to the log, averaged over the processes; returns the last loss. Raises when it is no number."""
        measured = ("loss", "accuracy", "gradient_norm")
        means = self.processes.mean(torch.stack([torch.stack([line[k].float() for k in measured]) for line in pending]))
        for line, values in zip(pending, means.tolist(), strict=True):
            line |= dict(zip(measured, values, strict=True))
            if self.processes.main:
                self.log.add("steps", line)
            if not math.isfinite(line["loss"]):
                raise FloatingPointError(f"the loss of step {line['step']} is {line['loss']}; nothing was saved since")
        return float(pending[-1]["loss"])

    @property
    def evaluated(self) -> VideoModel[Any]:
        """The model that is evaluated and kept: the moving average where there is one."""
        if self.average is None:
            return self.model
        return cast(VideoModel[Any], self.average.module)

    def _evaluate(self) -> None:
        found = predict(self.evaluated, self.val, self.settings, self.targets, self.processes)
        if self.processes.main:
            self.log.add("evaluations", {"step": self.step, **summary(found, self.targets)})

    def _save(self) -> None:
        if self.processes.main:
            state = {
                "step": self.step,
                "settings": self.settings.plain(),
                "world_size": self.processes.world_size,
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "scaler": self.scaler.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
            }
            checkpoint.save(self.folder, self.step, state, self.settings.keep)
        self.processes.wait()

    def _load(self) -> None:
        """Go on from the last checkpoint, where there is one. Raises ValueError when it is that of another run."""
        state = checkpoint.load_last(self.folder)
        if state is None:
            return
        now, then = self.settings.plain() | {"world_size": self.processes.world_size}, state["settings"]
        then["world_size"] = state["world_size"]
        changed = [
            f"{k} was {then.get(k)}, is {now[k]}" for k in now if k not in FREE_TO_CHANGE and now[k] != then.get(k)
        ]
        if changed:
            raise ValueError(f"{self.folder} has checkpoints of another run: {'; '.join(changed)}; give another --out")
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _finish(self, stopped: bool) -> Result:
        settings = self.settings
        if self.processes.main:
            self.log.close()
            steps, evaluations = (logs.read(settings.out, name) for name in ("steps", "evaluations"))
            if not stopped:
                weights = self.evaluated.state_dict()
                save_weights(weights, settings.out / "model.safetensors", name=settings.model, config=self.model.config)
                if settings.plots:
                    from plots import draw_run

                    draw_run(settings.out / "run.png", steps, evaluations)
        self.processes.wait()
        steps, evaluations = (logs.read(settings.out, name) for name in ("steps", "evaluations"))
        return Result(steps, evaluations, self.evaluated, stopped)


class Signals:
    """Remembers, while it is entered, that the process was asked to stop (SIGTERM; SIGUSR1, which SLURM can send)."""

    WATCHED = (signal.SIGTERM, signal.SIGUSR1)

    def __init__(self) -> None:
        self.received = False

    def __enter__(self) -> Signals:
        self._before = [signal.signal(number, self._remember) for number in self.WATCHED]
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in zip(self.WATCHED, self._before, strict=True):
            signal.signal(number, handler)

    def _remember(self, number: int, frame: object) -> None:
        self.received = True


def check_optional(settings: Settings) -> None:
    """Raises ValueError now, rather than at the end, for what is not installed."""
    for wanted, package in ((settings.plots, "matplotlib"), (settings.tensorboard, "tensorboard")):
        if wanted and importlib.util.find_spec(package) is None:
            raise ValueError(f"{package} is not installed: pip install 'videotx[train]', or leave it out with a flag")


if __name__ == "__main__":
    sys.exit(main())
