"""Clips of shards as one small file that NumPy and a JPEG decoder can open: for experiments that read few clips often.

    python examples/packed_clips.py shards.zarr clips.npz [--stride 2]

Every video gives one clip of 8 frames, ``--stride`` apart, about its middle, shown in 64 x 64 pixels with patches of
8. A clip takes 20 kB: frames are kept as JPEG, motion within sub-clips of 4 frames alone, displacements in steps of
1/16 pixel and residuals in whole RGB units.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from torch import Tensor

if TYPE_CHECKING:  # what it packs is read without the package
    from videotx.datasets import Clip

NUM_FRAMES, SIDE, PATCH, SUBCLIP = 8, 64, 8, 4
STEPS_PER_PIXEL = 16
JPEG_QUALITY = 85


@dataclass(frozen=True)
class PackedClips:
    """Clips in memory, a row of every tensor each.

    ``rgb`` uint8 (clip, t, h, w, 3). Motion is that from frame t to the others of its sub-clip, the k-th being k + 1
    frames on, in a circle: ``displacement`` float32 (clip, t, k, row, column, 2) in pixels, ``valid`` bool (clip, t, k,
    row, column), ``residual`` float32 (clip, t, k, row, column, 6) in RGB units. ``label`` and ``number`` int64
    (clip,): clips are in the order of their numbers. ``class_names`` are those of the labels.
    """

    rgb: Tensor
    displacement: Tensor
    valid: Tensor
    residual: Tensor
    label: Tensor
    number: Tensor
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: Tensor) -> PackedClips:
        return self._mapped(lambda tensor: tensor[rows])

    def to(self, device: torch.device | str) -> PackedClips:
        return self._mapped(lambda tensor: tensor.to(device))

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> PackedClips:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {name: change(value) for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **changed)


def other_frames() -> npt.NDArray[np.int64]:
    """For each frame the others of its sub-clip, the next one first, int64 (t, k)."""
    start, place = np.divmod(np.arange(NUM_FRAMES), SUBCLIP)
    return start[:, None] * SUBCLIP + (place[:, None] + np.arange(1, SUBCLIP)) % SUBCLIP


def between_all(pairs: Tensor) -> Tensor:
    """(clip, t, k, ...) of a sub-clip's frames as (clip, t, t', ...) of all; zero where sub-clips differ."""
    whole = pairs.new_zeros(pairs.shape[0], NUM_FRAMES, NUM_FRAMES, *pairs.shape[3:])
    frame = torch.arange(NUM_FRAMES, device=pairs.device)[:, None]
    whole[:, frame, torch.from_numpy(other_frames()).to(pairs.device)] = pairs
    return whole


def pack(shards: Path, out: Path, stride: int) -> int:
    """Write the clips of ``shards`` to ``out``, their frames ``stride`` apart; returns how many.

    Raises ValueError where a video's file name is no number.
    """
    from videotx.datasets import ClipDataset, ClipSpec, open_shards
    from videotx.datasets.clips import Geometry
    from videotx.datasets.crops import WholePicture

    source = open_shards(shards)
    clips = ClipDataset(
        source,
        ClipSpec(NUM_FRAMES, stride),
        streams=("rgb", "motion", "residual"),
        train=False,
        crop=WholePicture(SIDE, SIDE),
        geometry=Geometry(patch=PATCH),
    )
    rows = sorted((_row(clips[i]) for i in range(len(clips))), key=lambda row: row["number"])
    jpegs = [jpeg for row in rows for jpeg in row.pop("jpeg")]
    arrays: dict[str, Any] = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    np.savez_compressed(
        out,
        jpeg=np.frombuffer(b"".join(jpegs), np.uint8),
        jpeg_bytes=[len(jpeg) for jpeg in jpegs],
        class_names=source.class_names,
        **arrays,
    )
    return len(rows)


def _row(clip: Clip) -> dict[str, Any]:
    """What the file holds of a clip."""
    number = Path(clip.video).stem
    if not number.isdecimal():
        raise ValueError(f"expected a number as the file name, got {clip.video}")
    frames, *motion = (getattr(clip, name).numpy() for name in ("rgb", "displacement", "valid", "residual"))
    pairs = (np.arange(NUM_FRAMES)[:, None], other_frames())
    displacement, valid, residual = (array[pairs] for array in motion)  # t k row column ...
    return {
        "jpeg": [simplejpeg.encode_jpeg(frame, JPEG_QUALITY, colorsubsampling="420") for frame in frames],
        "displacement": np.rint(STEPS_PER_PIXEL * displacement).astype(np.int16),
        "valid": np.packbits(valid),
        "residual": np.clip(np.rint(residual), -127, 127).astype(np.int8),
        "label": clip.label,
        "number": int(number),
    }


def load(path: Path) -> PackedClips:
    """The clips that `pack` wrote."""
    with np.load(path) as file:
        arrays = dict(file)
    ends = np.cumsum(arrays["jpeg_bytes"])
    whole = memoryview(arrays["jpeg"])
    frames = [
        simplejpeg.decode_jpeg(whole[end - size : end]) for end, size in zip(ends, arrays["jpeg_bytes"], strict=True)
    ]
    shape = arrays["displacement"].shape[:-1]
    valid = np.unpackbits(arrays["valid"], axis=1).reshape(shape).astype(bool)
    return PackedClips(
        rgb=torch.from_numpy(np.stack(frames)).unflatten(0, (-1, NUM_FRAMES)),
        displacement=torch.from_numpy(arrays["displacement"]).float() / STEPS_PER_PIXEL,
        valid=torch.from_numpy(valid),
        residual=torch.from_numpy(arrays["residual"]).float(),
        label=torch.from_numpy(arrays["label"]),
        number=torch.from_numpy(arrays["number"]),
        class_names=tuple(arrays["class_names"].tolist()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stride", type=int, default=2, help="frames from one frame of a clip to the next")
    options = parser.parse_args(arguments)
    print(f"{options.out}: {pack(options.shards, options.out, options.stride)} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
