"""Clips per second from shards against decoding the source files: same videos, same clips, one core, one run.

    python benchmarks/loader.py VIDEOS SHARDS

VIDEOS is the folder that SHARDS were extracted from (with rgb; with motion and residual for those lines). A clip is 16
frames, stride 4, centre crop of 224 after scaling the short side to 256. Peers that cannot be used are named, with the
reason, and left out. Every figure is the median of ``--rounds`` interleaved rounds, in seconds of processor time per
clip, so that other work on the machine counts little; the wall clock is used for workers and first clips.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from videotx.datasets.clips import ClipDataset, ClipIndex
from videotx.datasets.crops import EvenCrops
from videotx.datasets.sample import Clip, collate
from videotx.datasets.shards import Shards, open_shards
from videotx.datasets.show import show_pixels

CROP = EvenCrops(224, 256)
Decode = Callable[[Path, npt.NDArray[np.int64]], npt.NDArray[np.uint8]]


def decode_with_pyav(path: Path, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Seek to the key frame before the clip and decode to its end, converting only the frames wanted."""
    wanted = set(frames.tolist())
    pictures: dict[int, npt.NDArray[np.uint8]] = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        rate = stream.average_rate
        assert rate is not None
        assert stream.time_base is not None
        start = stream.start_time or 0
        first = int(frames.min())
        if first > 0 and path.suffix in (".mp4", ".mkv"):
            container.seek(start + int(first / rate / stream.time_base), stream=stream)
        index = None
        for frame in container.decode(stream):
            if index is None:
                index = 0 if frame.pts is None else round((frame.pts - start) * stream.time_base * rate)
            if index in wanted:
                pictures[index] = frame.to_ndarray(format="rgb24")
            index += 1
            if index > frames.max():
                break
    nearest = sorted(pictures)
    return np.stack([pictures[min(nearest, key=lambda have: abs(have - f))] for f in frames.tolist()])


def decode_with_decord(path: Path, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    import decord  # noqa: PLC0415

    return np.asarray(decord.VideoReader(str(path), num_threads=1).get_batch(frames.tolist()).asnumpy())


def decode_with_torchcodec(path: Path, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    from torchcodec.decoders import VideoDecoder  # noqa: PLC0415

    decoder = VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order="NHWC", seek_mode="approximate")
    return np.asarray(decoder.get_frames_at(frames.tolist()).data.numpy())


class SourceClips(Dataset[torch.Tensor]):
    """The clips of a ClipDataset, decoded from the source files."""

    def __init__(self, clips: ClipDataset, videos: Path, decode: Decode) -> None:
        self.clips, self.videos, self.decode = clips, videos, decode

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int | ClipIndex) -> torch.Tensor:
        epoch, number = index if isinstance(index, tuple) else (0, int(index))
        row = int(self.clips.rows[number])
        random = np.random.default_rng([self.clips.seed, epoch, number])
        frames = self.clips.clip.draw(self.clips.shards.seconds(row), random)
        decoded = self.decode(self.videos / str(self.clips.shards.videos["path"][row]), frames)
        return show_pixels(decoded, CROP.view(*decoded.shape[1:3], 0, 1))


def seconds_per_clip(dataset: Dataset[Clip] | Dataset[torch.Tensor], num_videos: int, epoch: int) -> float:
    start = time.process_time()
    for number in range(num_videos):
        dataset[ClipIndex(epoch, number)]
    return (time.process_time() - start) / num_videos


def peers() -> Iterator[tuple[str, Decode]]:
    yield "PyAV", decode_with_pyav
    try:
        import decord  # noqa: F401, PLC0415

        yield "decord", decode_with_decord
    except (ImportError, OSError) as error:
        print(f"decord: not compared, it cannot be used here ({root_of(error)})")
    try:
        import torchcodec.decoders  # noqa: F401, PLC0415

        yield "torchcodec", decode_with_torchcodec
    except (ImportError, OSError, RuntimeError) as error:
        print(f"torchcodec: not compared, it cannot be used here ({root_of(error)})")


def root_of(error: BaseException) -> str:
    """What went wrong first, in a line: libraries that are missing are named there."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).splitlines()[0]


def compare_decoding(shards: Shards, videos: Path, rounds: int) -> None:
    stored = [("rgb",), ("rgb", "motion"), ("rgb", "motion", "residual")]
    has = set(shards.recipe.get("streams", []))
    ours = {
        "videotx " + " + ".join(streams): ClipDataset(shards, streams=streams, train=True, crop=CROP)
        for streams in stored
        if set(streams) <= has
    }
    rgb = ours["videotx rgb"]
    entries: dict[str, Dataset[Clip] | Dataset[torch.Tensor]] = dict(ours)
    for name, decode in peers():
        entries[name] = SourceClips(rgb, videos, decode)
    times: dict[str, list[float]] = {name: [] for name in entries}
    for epoch in range(rounds):
        for name, dataset in entries.items():
            times[name].append(seconds_per_clip(dataset, len(rgb), epoch))
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min(value for name, value in medians.items() if not name.startswith("videotx"))
    print(f"{'one core':34s}{'clips/s':>9s}{'ms/clip':>9s}{'x best peer':>12s}")
    for name, value in medians.items():
        print(f"{name:34s}{1 / value:9.1f}{value * 1e3:9.2f}{best / value:12.2f}")


def measure_workers(shards: Shards, clips: int) -> None:
    dataset = ClipDataset(shards, streams=("rgb",), train=True, crop=CROP)
    order = [ClipIndex(i // len(dataset), i % len(dataset)) for i in range(clips)]
    for workers in (0, 1, 2):
        loader = DataLoader(dataset, batch_size=8, sampler=order, num_workers=workers, collate_fn=collate)
        start = time.perf_counter()
        iterator = iter(loader)
        next(iterator)
        first = time.perf_counter() - start
        for _ in iterator:
            pass
        elapsed = time.perf_counter() - start
        print(
            f"{workers} workers: {clips / elapsed:7.1f} clips/s on the wall clock, first batch of 8 after {first:.2f} s"
        )


def measure_latency_and_memory(path: Path, clips: int) -> None:
    start = time.perf_counter()
    dataset = ClipDataset(open_shards(path), streams=("rgb", "motion"), train=True, crop=CROP)
    dataset[0]
    print(f"first clip {1e3 * (time.perf_counter() - start):.0f} ms after opening the folder began")
    for i in range(200):
        dataset[ClipIndex(i, i % len(dataset))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(clips):
        dataset[ClipIndex(i, i % len(dataset))]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory of one process: {before / 1024:.0f} MiB after 200 clips, {after / 1024:.0f} MiB after {clips} more")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker-clips", type=int, default=400)
    parser.add_argument("--memory-clips", type=int, default=10_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    shards = open_shards(options.shards)
    print(shards)
    compare_decoding(shards, options.videos, options.rounds)
    if options.worker_clips:
        measure_workers(shards, options.worker_clips)
    measure_latency_and_memory(options.shards, options.memory_clips)


if __name__ == "__main__":
    main()
