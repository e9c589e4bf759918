"""Models against the originals that pip can install: forward and training step, clips/s and peak memory, in one run.

    python benchmarks/models.py --num-frames 16 --resolution 224 --batch 1 --device cpu

The originals are those of Hugging Face transformers (ViViT) and torchvision (Video Swin, MViT), of the same size and
with the same clip; where one is not installed, or there is none, our figures stand alone. Both take turns, repeat by
repeat, so that a busy machine slows both; figures are medians. Memory is what a step adds at its peak: on a GPU as its
allocator counts it, on a CPU (Linux) as the resident size of a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videotx.models import Motion, create_model

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


def torchvision_mvit(clip: tuple[int, int]) -> nn.Module:
    mvit = importlib.import_module("torchvision.models.video.mvit")
    if clip != (16, 224):
        raise ImportError("torchvision's MViT takes 16 frames of 224 x 224 only")
    model: nn.Module = mvit.mvit_v1_b(num_classes=NUM_CLASSES)
    return model


# Our variant -> the original of the same size, or None where no package has one.
PAIRS: dict[str, Callable[[tuple[int, int]], nn.Module] | None] = {
    "vivit_base_model1": hugging_face_vivit,
    "vivit_base_model2": None,
    "vivit_base_model3": None,
    "vivit_base_model4": None,
    "vidtr_small": None,
    "compact_vidtr_small": None,
    "video_swin_tiny": torchvision_swin,
    "mvit_base_16x4": torchvision_mvit,
    "mvit_v2_small_16x4": None,
    "dvt_base": None,
}


def ours(name: str, clip: tuple[int, int]) -> nn.Module:
    return create_model(name, num_frames=clip[0], resolution=clip[1], num_classes=NUM_CLASSES)


def build(name: str, clip: tuple[int, int], original: bool) -> nn.Module:
    peer = PAIRS[name]
    return peer(clip) if original and peer is not None else ours(name, clip)


def inputs(model: nn.Module, batch: int, clip: tuple[int, int], device: str, dtype: torch.dtype) -> tuple[Any, ...]:
    t, side = clip
    rgb = torch.randn(batch, 3, t, side, side, device=device, dtype=dtype)
    if not getattr(model, "uses_motion", False):
        return (rgb,)
    grid = (batch, t, t, side // 16, side // 16)
    motion = Motion(torch.randn(*grid, 2), torch.rand(grid) < 0.9, torch.randn(*grid, 6))
    return rgb, Motion(*(part.to(device) for part in motion))


def step(model: nn.Module, arguments: tuple[Any, ...], training: bool) -> None:
    if not training:
        with torch.inference_mode():
            model(*arguments)
    else:
        model(*arguments).float().logsumexp(1).sum().backward()
        model.zero_grad(set_to_none=True)
    if arguments[0].is_cuda:
        torch.cuda.synchronize()


def prepared(
    name: str, options: argparse.Namespace, original: bool, training: bool
) -> tuple[nn.Module, tuple[Any, ...]]:
    clip, dtype = (options.num_frames, options.resolution), getattr(torch, options.dtype)
    model = build(name, clip, original).to(options.device, dtype).train(training)
    return model, inputs(model, options.batch, clip, options.device, dtype)


def seconds(name: str, options: argparse.Namespace, originals: list[bool], training: bool) -> list[float]:
    """Median seconds of a step, of each implementation in turn; with one thread of a CPU, seconds of that thread."""
    # One thread's own time is free of what else the machine does; more threads, or a GPU, need the wall clock.
    clock = time.process_time if options.device == "cpu" and options.threads == 1 else time.perf_counter
    made = [prepared(name, options, original, training) for original in originals]
    times: list[list[float]] = [[] for _ in made]
    for repeat in range(1 + options.repeats):
        for (model, arguments), taken in zip(made, times, strict=True):
            start = clock()
            step(model, arguments, training)
            if repeat:  # the first one warms up
                taken.append(clock() - start)
    return [statistics.median(taken) for taken in times]


def megabytes(name: str, options: argparse.Namespace, original: bool, training: bool) -> float:
    """What a step adds to the memory in use, in MB; run in a fresh process."""
    torch.set_num_threads(options.threads)
    model, arguments = prepared(name, options, original, training)
    if options.device == "cuda":
        step(model, arguments, training)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(model, arguments, training)
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = peak_resident_kb()
    step(model, arguments, training)
    return (peak_resident_kb() - before) / 1e3


def peak_resident_kb() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def originals_of(name: str, clip: tuple[int, int]) -> list[bool]:
    """[False] for ours alone, [False, True] where the original is there to compare with."""
    peer = PAIRS[name]
    if peer is None:
        return [False]
    try:
        peer(clip)
    except ImportError as error:
        print(f"{name}: no original, {error}")
        return [False]
    return [False, True]


def compare(name: str, options: argparse.Namespace, training: bool) -> str:
    originals = originals_of(name, (options.num_frames, options.resolution))
    speeds = [options.batch / taken for taken in seconds(name, options, originals, training)]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = [pool.apply(megabytes, (name, options, original, training)) for original in originals]
    line = f"{name:<22} {'training' if training else 'forward':<9} {speeds[0]:9.3f} clips/s {memory[0]:8.0f} MB"
    if len(originals) > 1:
        line += f"   original {speeds[1]:9.3f} clips/s {memory[1]:8.0f} MB   ratio {speeds[0] / speeds[1]:.2f}"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(PAIRS), help="variants to run, by default all")
    parser.add_argument("--num-frames", type=int, default=16)
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--forward-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    clip = f"{options.num_frames} x {options.resolution} x {options.resolution}"
    print(f"{clip}, batch {options.batch}, {options.dtype}, {options.device}, {options.threads} threads")
    for name in options.names:
        for training in (False,) if options.forward_only else (False, True):
            print(compare(name, options, training), flush=True)


if __name__ == "__main__":
    main()
