"""Extraction against decoding: how fast each reader is on one core, as a ratio to PyAV's decoding of the same file.

usage: python benchmarks/extract.py [--repeats N] [--peers] [--json] VIDEO...    (no videos: clips made for the purpose)

Times are CPU seconds of this process, all rows by turns, medians over the repeats, so that a busy machine does not
distort the ratios. `--peers` adds motion-vector-extractor (pip install motion-vector-extractor) where it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from videotx.extract.errors import UnsupportedCodecError
from videotx.extract.reader import open_video
from videotx.pipeline.demo_data import ENCODERS, KINDS, write_video
from videotx.pipeline.demo_scene import BACKGROUND_SIDE, Scene, SteadyMotion, random_texture
from videotx.pipeline.encode import encode_video, probe_video
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.shard_file import FrameArrayWriter

Work = Callable[[str], int]


def decode(path):
    """What everything is measured against."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def decode_coarsely(path):
    """libavcodec without deblocking and without inverse transforms: what it costs to parse and predict."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        stream.codec_context.options = {"skip_loop_filter": "all", "skip_idct": "all"}
        return sum(1 for _ in container.decode(stream))


def read(**settings):
    def work(path):
        with open_video(path, **settings) as reader:
            return sum(1 for _ in reader)

    return work


def into_shard(recipe):
    """Decode, encode and append to files, as a worker and its child do together."""

    def work(path):
        probe = probe_video(path, recipe)
        arrays = recipe.arrays(probe.width, probe.height, probe.residual_kind)
        with tempfile.TemporaryDirectory() as folder:
            writers = [FrameArrayWriter(Path(folder), array) for array in arrays]
            *frames, _ = (append(writers, item) for item in encode_video(path, recipe, probe))
            for writer in writers:
                writer.close()
        return len(frames)

    return work


def append(writers, item):
    for writer, data in zip(writers, getattr(item, "arrays", ()), strict=False):
        writer.append(data)


def exported_vectors(path):
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        stream.codec_context.options = {"flags2": "+export_mvs"}
        for frame in container.decode(stream):
            yield frame, frame.side_data.get("MOTION_VECTORS")


def numpy_raster(path):
    """A peer: PyAV's exported vectors onto an 8x8 grid with NumPy, one assignment per block size and offset."""
    count = 0
    for frame, vectors in exported_vectors(path):
        count += 1
        grid = np.zeros((2, -(-frame.height // 8) + 2, -(-frame.width // 8) + 2, 2), np.int16)
        if vectors is None:
            continue
        v = vectors.to_ndarray()
        lists = (v["source"] > 0).astype(np.intp)
        scale = 4 // np.maximum(v["motion_scale"], 1)
        for w, h in {(int(w), int(h)) for w, h in zip(v["w"], v["h"], strict=True)}:
            chosen = (v["w"] == w) & (v["h"] == h)
            rows, columns = (v["dst_y"][chosen] - h // 2) // 8, (v["dst_x"][chosen] - w // 2) // 8
            for row in range(max(1, h // 8)):
                for column in range(max(1, w // 8)):
                    place = lists[chosen], rows + row, columns + column
                    grid[(*place, 0)] = v["motion_x"][chosen] * scale[chosen]
                    grid[(*place, 1)] = v["motion_y"][chosen] * scale[chosen]
    return count


def python_loop(path):
    """A peer: the loop over motion vectors that research code is full of."""
    count = 0
    for frame, vectors in exported_vectors(path):
        count += 1
        grid = np.zeros((2, -(-frame.height // 8) + 2, -(-frame.width // 8) + 2, 2), np.int16)
        for v in vectors or ():
            row, column = (v.dst_y - v.h // 2) // 8, (v.dst_x - v.w // 2) // 8
            grid[int(v.source > 0), row : row + max(1, v.h // 8), column : column + max(1, v.w // 8)] = (
                v.motion_x, v.motion_y,
            )  # fmt: skip
    return count


def motion_vector_extractor(path):
    from mvextractor.videocap import VideoCap  # noqa: PLC0415, only where it is installed

    capture, count = VideoCap(), 0
    capture.open(path)
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def rows(peers: bool) -> dict[str, Work]:
    everything = Recipe()
    table = {
        "PyAV decode (D)": decode,
        "PyAV decode, no deblocking, no transforms": decode_coarsely,
        "motion, libav reader": read(streams={"motion"}, reader="libav"),
        "motion + QP, native reader": read(streams={"motion", "qp"}, reader="native"),
        "motion + QP + coded residual, native reader": read(streams={"motion", "qp", "residual"}, reader="native"),
        "motion + difference residual, libav reader": read(
            streams={"motion", "residual"}, reader="libav", residual="difference"
        ),
        "motion + QP + RGB into shards": into_shard(Recipe(streams=("motion", "qp", "rgb"))),
        "motion + QP + residual + RGB into shards": into_shard(everything),
        "peer: PyAV + NumPy raster": numpy_raster,
        "peer: PyAV + Python loop": python_loop,
    }
    if peers:
        table["peer: motion-vector-extractor"] = motion_vector_extractor
    return table


def measure(path: str, table: dict[str, Work], repeats: int) -> dict[str, float | None]:
    """Frames per CPU second by row; None where the file is not covered."""
    rates: dict[str, list[float]] = {name: [] for name in table}
    for _ in range(repeats):
        for name, work in table.items():
            started = time.process_time()
            try:
                count = work(path)
            except UnsupportedCodecError:
                continue
            rates[name].append(count / (time.process_time() - started))
    return {name: statistics.median(values) if values else None for name, values in rates.items()}


def made_clips(folder: str) -> list[str]:
    texture = random_texture(np.random.default_rng(0), BACKGROUND_SIDE)
    turning = KINDS["camera"].classes["rotate_clockwise"]
    scene = Scene(340, 256, camera=turning, motion=SteadyMotion(), discs=(), background=texture, textures=())
    paths = []
    for codec, suffix in ENCODERS.items():
        paths.append(f"{folder}/{codec}_340x256.{suffix}")
        write_video(Path(paths[-1]), codec, scene.frames(150))
    return paths


def machine() -> str:
    names = [line.split(":")[1].strip() for line in read_text("/proc/cpuinfo") if line.startswith("model name")]
    model = names[0] if names else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, PyAV {av.__version__}"


def read_text(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", action="store_true", help="frames per CPU second of every row, for a script to read")
    arguments = parser.parse_args()
    table = rows(arguments.peers)
    with tempfile.TemporaryDirectory() as folder:
        rates = {path: measure(path, table, arguments.repeats) for path in arguments.videos or made_clips(folder)}
    if arguments.json:
        print(json.dumps({"machine": machine(), "frames_per_second": rates}, indent=2))
        return
    print(machine())
    for path, by_row in rates.items():
        base = by_row["PyAV decode (D)"]
        print(f"\n{Path(path).name}: D = {base:.0f} frames/s")
        for name, rate in by_row.items():
            print(f"  {name:<44} " + (f"{rate / base:6.2f} D" if rate else "not covered"))


if __name__ == "__main__":
    main()
