"""Write the first packets of video files as inputs for the fuzz targets: make_seeds.py VIDEOS OUT.

OUT gets a folder for each codec. Files of other codecs and unreadable ones are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import av.error

NUM_PACKETS = 5
MAX_BYTES = 1200  # of a packet; what is cut off is damage like any other
CODECS = {"h264": "h264", "mpeg4": "mpeg4"}


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


def main() -> None:
    videos, out = map(Path, sys.argv[1:])
    for codec in CODECS:
        (out / codec).mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in videos.rglob("*") if p.is_file()):
        if (seed := seed_of(path)) is not None:
            codec, data = seed
            (out / codec / path.name).write_bytes(data)


if __name__ == "__main__":
    main()
