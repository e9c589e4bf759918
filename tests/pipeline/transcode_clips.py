"""Videos that the tests of transcodes make, and what is in a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from click.testing import CliRunner, Result

from videotx.cli import main


def write_clip(path: Path, stamps: list[int], *, size: tuple[int, int] = (96, 64), rate: int = 25) -> None:
    """A drifting texture as H.264 with B-frames, shown at ``stamps`` milliseconds."""
    texture = np.random.default_rng(0).integers(0, 256, (size[1] + 64, size[0] + 64, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(texture[index : index + size[1], index : index + size[0]], "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def transcode(source: Path, out: Path, preset: str = "simple") -> Result:
    arguments = ["transcode", "--src", source, "--out", out, "--preset", preset, "--executor", "inline"]
    return CliRunner().invoke(main, list(map(str, arguments)))
