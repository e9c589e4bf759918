"""Write the first packets of video files as inputs for the fuzz targets: make_seeds.py VIDEOS OUT.

OUT gets a folder for each codec. Files of other codecs and unreadable ones are left out. Beside them stand short H.264
streams of macroblock pairs (MBAFF), small enough to be whole.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import av
import av.error
import numpy as np

NUM_PACKETS = 7
MAX_BYTES = 1200  # of a packet; what is cut off is damage like any other
CODECS = {"h264": "h264", "mpeg4": "mpeg4"}
PAIRS = {
    "cabac_spatial": "bframes=2:direct=spatial:partitions=all",
    "cabac_temporal": "bframes=2:direct=temporal:partitions=all:ref=3",
    "cavlc_spatial": "no-cabac=1:bframes=2:direct=spatial:slices=2",
    "cavlc_temporal": "no-cabac=1:bframes=2:direct=temporal:ref=3",
}


def seed_of(path: Path) -> tuple[str, bytes] | None:
    """The codec and the input of a file, None where it offers none."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            codec = stream.codec_context.name
            chunks = [bytes(stream.codec_context.extradata or b"")]
            for packet in container.demux(stream):
                if len(chunks) > NUM_PACKETS:
                    break
                if packet.size:
                    chunks.append(bytes(packet)[:MAX_BYTES])
    except (av.error.FFmpegError, IndexError):
        return None
    if codec not in CODECS or len(chunks) < 2:
        return None
    return codec, b"\x01" + b"".join(len(chunk).to_bytes(2, "big") + chunk for chunk in chunks)


def write_pairs(path: Path, parameters: str) -> None:
    """Seven frames of 96x64 samples whose lines move apart here and there."""
    generator = np.random.default_rng(1)
    texture = np.kron(generator.integers(0, 256, (16, 24)), np.ones((8, 8))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {"x264-params": f"{parameters}:tff=1:qp=38:b-adapt=0:threads=1"}
        for t in range(7):
            luma = texture[t : t + 64, 2 * t : 2 * t + 96].copy()
            luma[1::2, :48] = texture[t + 1 : t + 65, 2 * t + 2 : 2 * t + 98][1::2, :48]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([luma] * 3, -1), format="rgb24")))
        container.mux(stream.encode(None))


def main() -> None:
    videos, out = map(Path, sys.argv[1:])
    for codec in CODECS:
        (out / codec).mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in videos.rglob("*") if p.is_file()):
        if (seed := seed_of(path)) is not None:
            codec, data = seed
            (out / codec / path.name).write_bytes(data)
    with tempfile.TemporaryDirectory() as folder:
        for name, parameters in PAIRS.items():
            path = Path(folder) / "pairs.mp4"
            write_pairs(path, parameters)
            if (seed := seed_of(path)) is not None:
                (out / "h264" / f"pairs_{name}").write_bytes(seed[1])


if __name__ == "__main__":
    main()
