"""Transcoding through videotx against the bare ffmpeg command, and what each preset does to real files.

    python benchmarks/transcode.py FOLDER [--out DIR] [--extract]

Each file of FOLDER goes through each preset, then through the same ffmpeg command alone, run to run beside each other.
Times are CPU seconds of all processes that take part. Frame counts and times of display are compared with the source's;
with ``--extract`` the ``simple`` output is read with the libav reader, whose references must then be exact.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from videotx.extract import open_video
from videotx.extract.errors import VideoError
from videotx.pipeline.ffmpeg import find_ffmpeg
from videotx.pipeline.isolation import DecoderProcess, Limits, VideoFailedError
from videotx.pipeline.presets import PRESETS
from videotx.pipeline.sources import find_sources
from videotx.pipeline.transcode import Transcode, transcode_command, transcode_probed


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def frame_times(path: Path) -> list[float]:
    """Seconds of every frame since the first."""
    with open_video(path, streams={"rgb"}) as video:
        return [frame.seconds for frame in video]


def compare(preset: str, name: str, source: Path, target: Path) -> str:
    """What differs between the frames of source and target, nothing where all are kept."""
    before, after = frame_times(source), frame_times(target)
    if len(before) != len(after):
        return f"{preset} {name}: {len(before)} frames became {len(after)}"
    worst = float(np.abs(np.array(before) - np.array(after)).max())
    return f"{preset} {name}: a frame moved by {1000 * worst:.2f} ms" if worst > 1e-4 else ""


def exact_by_libav(path: Path) -> bool:
    """Whether the libav reader knows every reference, one frame back."""
    with open_video(path, reader="libav") as video:
        refs = {int(ref) for frame in video if frame.motion is not None for ref in np.unique(frame.motion.ref)}
        return video.motion_exact and refs <= {-1, 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="Keep the files here.")
    parser.add_argument("--extract", action="store_true")
    options = parser.parse_args()
    program = find_ffmpeg()
    paths = find_sources(options.folder).paths
    with tempfile.TemporaryDirectory() as scratch, DecoderProcess(Limits()) as decoder:
        out = options.out or Path(scratch)
        print(f"ffmpeg {program.describe}; {len(paths)} files")
        for name, preset in PRESETS.items():
            ours = bare = 0.0
            frames = num_bytes = num_exact = num_made = 0
            failures, differences = Counter[str](), []
            for path in paths:
                work = Transcode(options.folder / path, out / name / f"{path}.mp4", preset)
                started = cpu_seconds()
                try:
                    transcode_probed(decoder, program, work)
                except (VideoFailedError, VideoError) as error:
                    failures[error.code] += 1
                    continue
                ended = cpu_seconds()
                alone = Transcode(work.source, Path(scratch) / "bare.mp4", preset)
                subprocess.run(transcode_command(program, alone), check=True, capture_output=True)
                ours, bare = ours + ended - started, bare + cpu_seconds() - ended
                num_made += 1
                num_bytes += work.target.stat().st_size
                times = frame_times(work.target)
                frames += len(times)
                differences += filter(None, [compare(name, path, work.source, work.target)])
                if name == "simple" and options.extract:
                    num_exact += exact_by_libav(work.target)
            rate, ratio = frames / max(ours, 1e-9), bare / max(ours, 1e-9)
            print(
                f"| {name} | {num_made} of {len(paths)} | {frames} | {rate:.0f} | {ratio:.2f} | "
                f"{num_bytes / max(frames, 1) / 1000:.2f} | {dict(failures)} |"
            )
            if name == "simple" and options.extract:
                print(f"simple: {num_exact} of {num_made} exact with the libav reader")
            print("\n".join(differences), end="\n" if differences else "")


if __name__ == "__main__":
    main()
