"""What traces are worth on real clips, and what they cost: does a patch match better where its trace leads?

    python benchmarks/traces.py SHARDS

SHARDS hold rgb and motion. Of every video the clip in its middle is loaded (16 frames, stride 4, centre crop of 224
after scaling the short side to 256). For each pair of its frames, each patch of the first is compared with the second,
once where its trace leads (bilinear) and once at its own place: mean absolute difference over pixels and channels,
summed over the patches whose trace is valid and ends inside the picture. ``ratio`` is the first over the second, so
below 1 traces help; ``valid`` is the share of patches that are compared, ``px`` how far the median one moved, ``ms``
the median processor time of a trace of the clip without residual, in one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from videotx.datasets.clips import ClipDataset
from videotx.datasets.crops import EvenCrops
from videotx.datasets.sample import Clip
from videotx.datasets.shards import Shards, open_shards
from videotx.datasets.trace import trace
from videotx.datasets.views import ClipSpec

CROP = EvenCrops(224, 256)
PATCH = 16
MARGIN = 3  # frames beyond the clip on each side, which tell where the motion of its ends is not known otherwise


@dataclass(frozen=True, slots=True)
class Match:
    """Summed errors of the patches compared, how many they are, and the median length of their displacements."""

    warped: float
    unwarped: float
    num_patches: int
    length_px: float


def patch_means(pixels: torch.Tensor) -> torch.Tensor:
    """Means over the patches of ``(t, h, w)``: ``(t, row, column)``."""
    return F.avg_pool2d(pixels[:, None].float(), PATCH)[:, 0]


def compare(clip: Clip) -> Match:
    """All pairs of frames of a clip that has rgb and motion."""
    assert clip.rgb is not None
    assert clip.displacement is not None
    assert clip.valid is not None
    frames = clip.rgb.permute(0, 3, 1, 2).float()  # t c h w
    count, _, height, width = frames.shape
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    own = torch.stack([x, y], -1)
    size = torch.tensor([width, height])
    warped = unwarped = 0.0
    lengths = []
    for t in range(count):
        moved = clip.displacement[t].repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)  # t' h w xy
        target = own + moved
        sampled = F.grid_sample(frames, 2 * target / size - 1, mode="bilinear", align_corners=False)
        inside = patch_means(((target >= 0) & (target <= size)).all(-1)) == 1
        compared = clip.valid[t] & inside
        compared[t] = False
        warped += float(patch_means((sampled - frames[t]).abs().mean(1))[compared].sum())
        unwarped += float(patch_means((frames - frames[t]).abs().mean(1))[compared].sum())
        lengths.append(clip.displacement[t][compared].norm(dim=-1))
    length = torch.cat(lengths)
    return Match(warped, unwarped, len(length), float(length.median()) if len(length) else 0.0)


def seconds_per_trace(shards: Shards, clip: Clip, rounds: int) -> float:
    """Median processor time of the traces between all frames of a clip."""
    frames = clip.frames.numpy()
    begin = max(int(frames.min()) - MARGIN, 0)
    end = min(int(frames.max()) + 1 + MARGIN, int(shards.videos["num_frames"][clip.row]))
    run = shards.read(clip.row, np.arange(begin, end), ["motion"])
    assert run.motion is not None
    assert run.ref is not None
    window = CROP.view(*shards.picture_size(clip.row, "rgb"), 0, 1).on(*shards.native_size(clip.row))
    block = int(shards.recipe.get("block", 8))
    times = []
    for _ in range(rounds):
        start = time.process_time()
        trace(run.motion, run.ref, frames - begin, window, patch=PATCH, block=block)
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--num-frames", type=int, default=16)
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    shards = open_shards(options.shards)
    spec = ClipSpec(num_frames=options.num_frames, stride=options.stride)
    dataset = ClipDataset(shards, spec, streams=("rgb", "motion"), train=False, crop=CROP)
    print(f"{'clip':44s}{'size':>11s}{'ratio':>8s}{'valid':>7s}{'px':>7s}{'ms':>7s}")
    ratios = []
    for index in range(len(dataset)):
        clip = dataset[index]
        match = compare(clip)
        height, width = shards.native_size(clip.row)
        ratio = match.warped / match.unwarped if match.unwarped > 0 else float("nan")
        ratios.append(ratio)
        share = match.num_patches / (len(clip.frames) * (len(clip.frames) - 1) * (CROP.size // PATCH) ** 2)
        print(
            f"{Path(clip.video).name[:43]:44s}{f'{width}x{height}':>11s}{ratio:8.3f}{share:7.2f}{match.length_px:7.1f}"
            f"{1e3 * seconds_per_trace(shards, clip, options.rounds):7.2f}"
        )
    print(f"{sum(ratio < 1 for ratio in ratios)} of {len(ratios)} clips match better along their traces")


if __name__ == "__main__":
    main()
