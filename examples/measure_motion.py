"""Read shards with zarr alone and compare the motion in them with what the demo clips are known to do.

usage: python examples/measure_motion.py demo/videos demo/shards.zarr demo/motion.png

Prints one line per clip, draws the vectors of one clip per class, and exits with 1 when a measurement is off.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import av
import numpy as np
import zarr

TOLERANCES = {"dx_px": 0.3, "dy_px": 0.3, "zoom_percent": 0.3, "rotation_degrees": 0.2}
ENLARGE = 3


def block_motion(mv, ref):
    """Pixels per frame of every block whose motion is known, (rows, columns, 2), and which blocks those are.

    A vector points from a block to its source, `ref` frames away: content that moves by v per frame is at
    position + ref * v there, so v = mv / 4 / ref.
    """
    known = (ref != 0) & (ref != -128)
    per_frame = mv / 4 / np.where(known, ref, 1)[..., None]  # list row column xy
    both = np.where(known[..., None], per_frame, 0).sum(0) / np.maximum(known.sum(0), 1)[..., None]
    return both, known.any(0)


def fit_camera(motion, known, block, width, height):
    """Shift, zoom and rotation that explain the blocks' motion best, leaving out blocks that fit badly."""
    rows, columns = np.nonzero(known)
    x = (columns + 0.5) * block - width / 2
    y = (rows + 0.5) * block - height / 2
    one, zero = np.ones_like(x), np.zeros_like(x)
    # (vx, vy) = (dx, dy) + zoom * (x, y) + rotation * (-y, x)
    design = np.concatenate([np.stack([one, zero, x, -y], 1), np.stack([zero, one, y, x], 1)])
    target = np.concatenate([motion[rows, columns, 0], motion[rows, columns, 1]])
    keep = np.ones(len(target), bool)
    for _ in range(5):
        solution = np.linalg.lstsq(design[keep], target[keep], rcond=None)[0]
        error = np.abs(design @ solution - target)
        keep = error < max(0.3, 2 * np.median(error))
    dx, dy, zoom, rotation = solution
    return {"dx_px": dx, "dy_px": dy, "zoom_percent": 100 * zoom, "rotation_degrees": np.rad2deg(rotation)}


def draw(rgb, motion, known, block):
    """The picture, enlarged, with a line from each block along its motion over the next four frames."""
    canvas = rgb.repeat(ENLARGE, 0).repeat(ENLARGE, 1) // 2
    for row, column in zip(*np.nonzero(known), strict=True):
        start = (np.array([column, row]) + 0.5) * block * ENLARGE
        for step in np.linspace(0, 1, 40):
            x, y = (start + step * 4 * ENLARGE * motion[row, column]).astype(int)
            if 0 <= y < canvas.shape[0] and 0 <= x < canvas.shape[1]:
                canvas[y, x] = (255, 255 - int(120 * step), int(255 * step))
    return canvas


def write_png(path, rgb):
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", width=rgb.shape[1], height=rgb.shape[0], pix_fmt="rgb24")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


def main(source, shards, picture):
    with (Path(source) / "motion.csv").open(newline="") as file:
        truth = {row["path"]: row for row in csv.DictReader(file)}
    root = zarr.open_group(shards, mode="r")
    videos = {name: root["videos"][name][:] for name in root["videos"]}
    pictures, num_wrong = {}, 0
    print(f"{'clip':<40} {'measured: dx, dy, zoom %, rotation deg per frame':<50} known")
    for path, shard, first, count, width, height in zip(
        *(videos[name] for name in ("path", "shard", "first_frame", "num_frames", "width", "height")), strict=True
    ):
        group = root[f"{shard:06d}"]
        block = group["motion"].attrs["block"]
        mv, ref = group["motion"][first : first + count], group["ref"][first : first + count]
        fits = []
        for frame in range(count):
            motion, known = block_motion(mv[frame], ref[frame])
            if known.mean() > 0.5:
                fits.append(fit_camera(motion, known, block, width, height))
                shown = frame, motion, known
        row = truth[str(path)]
        measured = {name: np.median([fit[name] for fit in fits]) for name in TOLERANCES}
        wrong = any(abs(measured[name] - float(row[name])) > TOLERANCES[name] for name in TOLERANCES)
        num_wrong += wrong
        numbers = " ".join(f"{measured[name]:+8.2f}" for name in TOLERANCES)
        known_text = " ".join(f"{float(row[name]):+8.2f}" for name in TOLERANCES)
        print(f"{path:<40} {numbers:<50} {known_text} {'  WRONG' if wrong else ''}")
        if row["label"] not in pictures:
            frame, motion, known = shown
            pictures[row["label"]] = draw(group["rgb"][first + frame], motion, known, block)
    ordered = [pictures[label] for label in sorted(pictures)]
    ordered += [np.zeros_like(ordered[0])] * (-len(ordered) % 4)
    write_png(picture, np.concatenate([np.concatenate(ordered[i : i + 4], 1) for i in range(0, len(ordered), 4)]))
    print(f"{len(videos['path']) - num_wrong} of {len(videos['path'])} clips move as they should; drawn in {picture}")
    return 1 if num_wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
