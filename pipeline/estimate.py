"""What an extraction would cost, measured on a few of its files and carried over to all."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from videotx.extract.errors import VideoError
from videotx.pipeline.encode import EncodedFrame, Probe
from videotx.pipeline.executors import Executor
from videotx.pipeline.ffmpeg import find_ffmpeg
from videotx.pipeline.isolation import DecoderProcess, Limits, VideoFailedError
from videotx.pipeline.plan import PlannedVideo, extend_plan, plan_video, shard_plans
from videotx.pipeline.presets import PRESETS, Preset
from videotx.pipeline.probing import probe_source
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.sources import Source
from videotx.pipeline.transcode import Transcode, transcode_probed

_SAMPLED_VIDEOS = 5
_SAMPLED_FRAMES = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """``num_bytes`` by array and ``core_hours`` for all planned videos, from ``num_sampled`` measured frames."""

    num_videos: int
    num_shards: int
    num_frames: int
    failures: Mapping[str, int]
    num_bytes: Mapping[str, int]
    core_hours: float
    num_sampled: int

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"videos      {self.num_videos}, {sum(self.failures.values())} with unreadable headers",
            *(f"            {count:>4} {code}" for code, count in sorted(self.failures.items())),
            f"shards      {self.num_shards}",
            f"frames      about {self.num_frames}",
            *(f"{name:<11} about {size / 1e9:.3f} GB" for name, size in self.num_bytes.items()),
            f"core-hours  about {self.core_hours:.3f}, measured on {self.num_sampled} frames",
        ]


@dataclass(slots=True)
class _Sample:
    pixels: int = 0
    seconds: float = 0.0
    num_frames: int = 0


def estimate(source: Source, recipe: Recipe, limits: Limits, executor: Executor) -> Estimate:
    """Read every header, encode the beginnings of a few videos, and write nothing."""
    probed = probe_source(source.root, source.paths, recipe, limits, executor)
    videos = [plan_video(entry, -1, probed[entry.path]) for entry in source.entries]
    plan = extend_plan((), videos, recipe.videos_per_shard)
    good = [video for video in plan if not video.error]
    sample, num_bytes = _measure(source.root, good, recipe, limits)
    known = [video.expected_frames for video in good if video.expected_frames]
    typical = sum(known) // len(known) if known else 0
    frames = [-(-(video.expected_frames or typical) // recipe.frame_stride) for video in good]
    pixels = sum(count * video.width * video.height for count, video in zip(frames, good, strict=True))
    scale = pixels / sample.pixels if sample.pixels else 0.0
    return Estimate(
        num_videos=len(plan),
        num_shards=len(shard_plans(plan)),
        num_frames=sum(frames),
        failures=Counter(video.error for video in plan if video.error),
        num_bytes={name: round(count * scale) for name, count in num_bytes.items()},
        core_hours=sample.seconds * scale / 3600,
        num_sampled=sample.num_frames,
    )


def _measure(
    root: Path, videos: Sequence[PlannedVideo], recipe: Recipe, limits: Limits
) -> tuple[_Sample, Counter[str]]:
    """Encode the beginnings of videos of evenly spaced picture sizes."""
    ordered = sorted(videos, key=lambda video: (video.width * video.height, video.path))
    step = max(1, len(ordered) // _SAMPLED_VIDEOS)
    sample, num_bytes = _Sample(), Counter[str]()
    with DecoderProcess(limits) as decoder, tempfile.TemporaryDirectory() as scratch:
        for video in ordered[step // 2 :: step][:_SAMPLED_VIDEOS]:
            names = [array.name for array in recipe.arrays(video.width, video.height, video.residual_kind)]
            expected = Probe(video.width, video.height, video.residual_kind, video.expected_frames)
            started = time.monotonic()
            try:
                path, segment = root / video.path, video.range
                if video.preset:
                    path, segment = _beginning(decoder, path, Path(scratch), PRESETS[video.preset]), None
                with closing(decoder.encode(str(path), recipe, expected, segment)) as answers:
                    for item in islice(answers, _SAMPLED_FRAMES):
                        if isinstance(item, EncodedFrame):
                            sample.num_frames += 1
                            sample.pixels += video.width * video.height
                            num_bytes.update(dict(zip(names, map(len, item.arrays), strict=True)))
            except (VideoFailedError, VideoError):
                continue  # a video that fails costs little and stores nothing
            finally:
                sample.seconds += time.monotonic() - started
    return sample, num_bytes


def _beginning(decoder: DecoderProcess, source: Path, scratch: Path, preset: Preset) -> Path:
    """The first frames of a video, transcoded."""
    target = scratch / "beginning.mp4"
    transcode_probed(decoder, find_ffmpeg(), Transcode(source, target, preset, num_frames=_SAMPLED_FRAMES))
    return target
