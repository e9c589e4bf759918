"""Models against the originals that pip can install: forward and training step, clips/s and peak memory, in one run.

    python benchmarks/models.py --num-frames 16 --resolution 224 --batch 1 --device cpu
    python benchmarks/models.py --batch 8 --device cuda --dtype bfloat16 --compile --jobs 8

The originals are those of Hugging Face transformers (ViViT) and torchvision (Video Swin, MViT), of the same size and
with the same clip, by default that of the published variant; where one is not installed, or there is none, our figures
stand alone. Both take turns, repeat by repeat, so that a busy machine slows both; figures are medians. Weights and
input have the dtype asked for. `--compile` measures `torch.compile` beside eager execution; as compiling takes minutes,
`--jobs` rows prepare at once, while each is timed alone. Memory is what a step adds at its peak: on a GPU as its
allocator counts it, on a CPU (Linux) as the resident size of a process of its own.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videotx.models import MODELS, Motion, create_model

NUM_CLASSES = 400


def hugging_face_vivit(clip: tuple[int, int]) -> nn.Module:
    transformers = importlib.import_module("transformers")
    num_frames, resolution = clip
    config = transformers.VivitConfig(num_frames=num_frames, image_size=resolution, num_labels=NUM_CLASSES)

    class LogitsOnly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = transformers.VivitForVideoClassification(config)

        def forward(self, rgb: Tensor) -> Any:
            return self.model(rgb.transpose(1, 2)).logits

    return LogitsOnly()


def torchvision_swin(clip: tuple[int, int]) -> nn.Module:
    model: nn.Module = importlib.import_module("torchvision.models.video").swin3d_t(num_classes=NUM_CLASSES)
    return model


def torchvision_mvit(variant: str) -> Callable[[tuple[int, int]], nn.Module]:
    def build(clip: tuple[int, int]) -> nn.Module:
        mvit = importlib.import_module("torchvision.models.video.mvit")
        if clip != (16, 224):
            raise ImportError("torchvision's MViT takes 16 frames of 224 x 224 only")
        model: nn.Module = getattr(mvit, variant)(num_classes=NUM_CLASSES)
        return model

    return build


# Our variant -> the original of the same size, or None where no package has one.
PAIRS: dict[str, Callable[[tuple[int, int]], nn.Module] | None] = {
    "vivit_base_model1": hugging_face_vivit,
    "vivit_base_model2": None,
    "vivit_base_model3": None,
    "vivit_base_model4": None,
    "vidtr_small": None,
    "compact_vidtr_small": None,
    "video_swin_tiny": torchvision_swin,
    "mvit_base_16x4": torchvision_mvit("mvit_v1_b"),
    "mvit_v2_small_16x4": torchvision_mvit("mvit_v2_s"),
    "dvt_base": None,
    "dvt_base_divided": None,
    "dvt_base_joint": None,
}


@dataclass(frozen=True)
class Row:
    """One variant, forward or in training, and how to measure it."""

    name: str
    training: bool
    clip: tuple[int, int]  # frames, side in pixels
    batch: int
    repeats: int
    device: str
    dtype: torch.dtype
    threads: int
    compiled: bool
    turn: str  # file whose lock is held alone while timing, and shared while preparing

    @property
    def implementations(self) -> list[tuple[bool, bool]]:
        """(original, compiled) of what is measured."""
        modes = [False, True] if self.compiled else [False]
        return [(original, mode) for original in (False, True)[: 1 + has_original(self)] for mode in modes]


def has_original(row: Row) -> bool:
    peer = PAIRS.get(row.name)
    if peer is None:
        return False
    try:
        peer(row.clip)
    except ImportError:
        return False
    return True


def inputs(model: nn.Module, row: Row) -> tuple[Any, ...]:
    t, side = row.clip
    rgb = torch.randn(row.batch, 3, t, side, side, device=row.device, dtype=row.dtype)
    if not getattr(model, "uses_motion", False):
        return (rgb,)
    grid = (row.batch, t, t, side // 16, side // 16)
    motion = Motion(torch.randn(*grid, 2), torch.rand(grid) < 0.9, torch.randn(*grid, 6))
    return rgb, Motion(*(part.to(row.device) for part in motion))


class Step:
    """One forward pass or training step of one implementation."""

    def __init__(self, row: Row, original: bool, compiled: bool) -> None:
        peer = PAIRS.get(row.name) if original else None
        model = (
            create_model(row.name, num_frames=row.clip[0], resolution=row.clip[1], num_classes=NUM_CLASSES)
            if peer is None
            else peer(row.clip)
        ).to(row.device, row.dtype)
        self.arguments = inputs(model, row)
        self.model = model.train(row.training)
        self.training = row.training
        self.run = torch.compile(model) if compiled else model

    def __call__(self) -> None:
        if not self.training:
            with torch.inference_mode():
                self.run(*self.arguments)
        else:
            self.run(*self.arguments).float().logsumexp(1).sum().backward()
            self.model.zero_grad(set_to_none=True)
        if self.arguments[0].is_cuda:
            torch.cuda.synchronize()


@contextmanager
def turn(row: Row, *, alone: bool) -> Iterator[None]:
    with Path(row.turn).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def seconds(row: Row, steps: list[Step]) -> list[float]:
    """Median seconds of each step, by turns; with one thread of a CPU, seconds of that thread."""
    # One thread's own time is free of what else the machine does; more threads, or a GPU, need the wall clock.
    clock = time.process_time if row.device == "cpu" and row.threads == 1 else time.perf_counter
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(row.repeats):
        for step, taken in zip(steps, times, strict=True):
            start = clock()
            step()
            taken.append(clock() - start)
    return [statistics.median(taken) for taken in times]


def gpu_megabytes(step: Step) -> float:
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def cpu_megabytes(row: Row, original: bool, compiled: bool) -> float:
    """Run in a fresh process."""
    torch.set_num_threads(row.threads)
    step = Step(row, original, compiled)
    if compiled:
        step()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = peak_resident_kb()
    step()
    return (peak_resident_kb() - before) / 1e3


def peak_resident_kb() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def measure(row: Row) -> str:
    """The row's line of the table; run in a process of its own."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(row.threads)
    with turn(row, alone=False):
        steps = [Step(row, *implementation) for implementation in row.implementations]
        for step in steps:
            step()
        if row.device == "cuda":
            torch.cuda.empty_cache()  # leaves room for the rows beside this one
    with turn(row, alone=True):
        speeds = [row.batch / taken for taken in seconds(row, steps)]
        if row.device == "cuda":
            memory = [gpu_megabytes(step) for step in steps]
        else:
            with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                memory = [pool.apply(cpu_megabytes, (row, *implementation)) for implementation in row.implementations]
    line = f"{row.name:<20} {row.clip[0]:>2} x {row.clip[1]} {'training' if row.training else 'forward':<8}"
    for (original, compiled), speed, used in zip(row.implementations, speeds, memory, strict=True):
        who = ("original" if original else "ours") + (" compiled" if compiled else "")
        line += f" | {who} {speed:.2f} clips/s {used:.0f} MB"
        if original:
            line += f", ours / original {speeds[row.implementations.index((False, compiled))] / speed:.2f}"
    return line


def native_clip(name: str) -> tuple[int, int]:
    config = MODELS[name].config
    return config.num_frames, config.resolution[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(PAIRS), help="variants to run, by default all")
    parser.add_argument("--num-frames", type=int, help="by default that of the variant")
    parser.add_argument("--resolution", type=int, help="by default that of the variant")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too")
    parser.add_argument("--jobs", type=int, default=1, help="rows that prepare at once; each is timed alone")
    parser.add_argument("--forward-only", action="store_true")
    options = parser.parse_args()
    print(f"batch {options.batch}, {options.dtype}, {options.device}, {options.threads} threads", flush=True)
    spawn = multiprocessing.get_context("spawn")
    with tempfile.NamedTemporaryFile() as lock:
        rows = [
            Row(
                name=name,
                training=training,
                clip=(
                    options.num_frames or native_clip(name)[0],
                    options.resolution or native_clip(name)[1],
                ),
                batch=options.batch,
                repeats=options.repeats,
                device=options.device,
                dtype=getattr(torch, options.dtype),
                threads=options.threads,
                compiled=options.compile,
                turn=lock.name,
            )
            for training in ((False,) if options.forward_only else (False, True))
            for name in options.names
        ]
        with ProcessPoolExecutor(options.jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
            for row, done in [(row, pool.submit(measure, row)) for row in rows]:
                try:
                    print(done.result(), flush=True)
                except torch.OutOfMemoryError as error:
                    print(f"{row.name}: {error}", flush=True)


if __name__ == "__main__":
    main()
