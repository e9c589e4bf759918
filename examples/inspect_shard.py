"""Draw what a shard holds of one clip, and where DVT looks in it.

    python examples/inspect_shard.py shards.zarr clip.png --video SOX5yA1l24A --start 40
    python examples/inspect_shard.py shards.zarr clip.png --from-run run        # where the trained model looks

One column per frame, four rows: the pictures with the encoder's motion (an arrow is what moves in as many frames as lie
between two columns; red is where a block has no vector, as in key frames), the residual, some patches of the first
frame followed along that motion (dotted where they were lost), and the places that a block of DVT samples for them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from data import NORMALISE, model_inputs, open_data
from evaluate import Evaluation, defaults_of, trained_model
from videotx.datasets import Clip, ClipDataset, Shards, collate, open_shards
from videotx.datasets.clips import Geometry
from videotx.datasets.crops import WholePicture
from videotx.models import create_model
from videotx.models.dvt import DVT, SampledLocations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATCH = 16
COLOURS = ("#ffd400", "#00e5ff", "#ff5df0", "#7dff5a", "#ff8c1a", "#b48cff")
STILL_PX = 0.2  # motion per frame below which no arrow is drawn


@dataclass(frozen=True)
class At:
    """Frames from ``start`` on, every ``stride``-th, of whatever video."""

    start: int
    num_frames: int
    stride: int

    def draw(self, seconds: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.int64]:
        del random
        return self.view(seconds, 0, 1)

    def view(self, seconds: npt.NDArray[np.float64], index: int, num_views: int) -> npt.NDArray[np.int64]:
        del index, num_views
        frames = self.start + self.stride * np.arange(self.num_frames)
        if frames[-1] >= len(seconds):
            raise ValueError(f"expected frames below {len(seconds)}, got some up to {frames[-1]}")
        return frames


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("picture", type=Path, help="PNG to write")
    parser.add_argument("--video", default="", help="part of the video's path; the first that has it is drawn")
    parser.add_argument("--start", type=int, default=0, help="first frame")
    parser.add_argument("--stride", type=int, default=4, help="frames from one column to the next")
    parser.add_argument(
        "--patches", type=int, nargs="*", default=(), help="row column row column ...; else moving ones"
    )
    parser.add_argument("--from-run", type=Path, help="a training run of DVT; else an untrained dvt_base")
    parser.add_argument("--block", type=int, default=-1, help="which block of the model")
    options = parser.parse_args(argv)
    shards = open_shards(options.shards)
    model = trained_dvt(options.from_run) if options.from_run else untrained_dvt()
    num_frames = model.config.subclip_frames
    clip = read_clip(shards, row_of(shards, options.video), At(options.start, num_frames, options.stride))
    patches = [*zip(options.patches[::2], options.patches[1::2], strict=True)] or moving_patches(clip, len(COLOURS))
    looks = sampled(model, clip, options.from_run)
    draw_clip(clip, patches, looks, options.block).savefig(options.picture, dpi=110)
    print(f"{clip.video}, frames {clip.frames.tolist()}: drawn in {options.picture}")
    return 0


def row_of(shards: Shards, part: str) -> int:
    """The first readable video whose path holds ``part``."""
    rows = [int(row) for row in shards.readable() if part in str(shards.videos["path"][row])]
    if not rows:
        raise ValueError(f"{shards.path}: expected a readable video with {part!r} in its path, there is none")
    return rows[0]


def read_clip(shards: Shards, row: int, frames: At) -> Clip:
    """The whole picture, at about its stored size, in whole patches."""
    stored = shards.read(row, [frames.start], ["rgb"]).rgb
    assert stored is not None
    height, width = (max(side // PATCH, 1) * PATCH for side in stored.shape[1:3])
    clips = ClipDataset(
        shards,
        frames,
        streams=("rgb", "motion", "residual"),
        train=False,
        crop=WholePicture(height, width),
        select=[row],
        geometry=Geometry(patch=PATCH),
    )
    return clips[0]


def untrained_dvt() -> DVT:
    """The published size. It looks along the motion before it has learned anything."""
    torch.manual_seed(0)
    model = create_model("dvt_base", num_frames=4, depth=1)
    assert isinstance(model, DVT)
    return model.eval()


def trained_dvt(run: Path) -> DVT:
    settings = Evaluation(**defaults_of(run), from_run=run)
    model = trained_model(settings, open_data(settings).targets).eval()
    if not isinstance(model, DVT):
        raise ValueError(f"{run}: expected a run of DVT, got one of {type(model).__name__}")
    return model


def sampled(model: DVT, clip: Clip, run: Path | None) -> SampledLocations:
    """Where the model looks in the clip."""
    kind = defaults_of(run)["normalise"] if run else "kinetics"
    rgb, *motion = model_inputs(NORMALISE[kind](collate([clip])), model)
    return model.sampled_locations(rgb, *motion)


def moving_patches(clip: Clip, count: int) -> list[tuple[int, int]]:
    """(row, column) of patches of the first frame that can be followed longest and move most, well apart."""
    assert clip.displacement is not None
    assert clip.valid is not None
    way = torch.where(clip.valid[0, ..., None], clip.displacement[0], 0.0)
    moved = way.norm(dim=-1).amax(0)  # row column
    followed = clip.valid[0].sum(0)
    moved = torch.where(followed == followed.max(), moved, -1.0)
    moved[[0, -1]] = -1.0
    moved[:, [0, -1]] = -1.0
    apart = max(min(moved.shape) // 5, 2)
    found: list[tuple[int, int]] = []
    for place in moved.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, moved.shape[1])
        if moved[row, column] >= 0 and all(max(abs(row - r), abs(column - c)) >= apart for r, c in found):
            found.append((row, column))
        if len(found) == count:
            break
    return found


def draw_clip(clip: Clip, patches: Sequence[tuple[int, int]], looks: SampledLocations, block: int) -> Figure:
    """The four rows."""
    assert clip.rgb is not None
    num_frames, height, width = clip.rgb.shape[:3]
    side = 3.2
    figure = Figure(figsize=(side * num_frames, 4 * side * height / width + 0.3))
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.01)
    axes = figure.subplots(4, num_frames)
    for t in range(num_frames):
        motion, residual, traced, sampled_places = axes[:, t]
        motion.set_title(f"frame {int(clip.frames[t])}, {float(clip.seconds[t]):.2f} s", fontsize=9)
        _draw_motion(motion, clip, t)
        _draw_residual(residual, clip, t)
        for panel in (traced, sampled_places):
            _show(panel, _faded(clip.rgb[t].numpy()))
        for colour, patch in zip(COLOURS, patches, strict=False):
            _draw_trace(traced, clip, t, patch, color=colour)
            _draw_places(sampled_places, looks, t, patch, block=block, color=colour)
        for panel in (motion, residual, traced, sampled_places):
            panel.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    names = ("motion in the bitstream", "residual", "patches followed", "where DVT samples")
    for panel, name in zip(axes[:, 0], names, strict=True):
        panel.set_ylabel(name, fontsize=10)
    return figure


def _show(axes: Axes, picture: npt.NDArray[np.uint8]) -> None:
    """A picture whose pixel (i, j) covers [i, i + 1) x [j, j + 1), as everywhere in videotx."""
    axes.imshow(picture, extent=(0, picture.shape[1], picture.shape[0], 0))


def _faded(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Greyer and darker, so that colours on top stand out."""
    grey = rgb.mean(-1, keepdims=True)
    return np.asarray(0.7 * (0.5 * grey + 0.5 * rgb), np.uint8)


def velocity(clip: Clip, t: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Motion per frame of each cell, (row, column, xy) in pixels, the mean of its lists, and whether it has any."""
    assert clip.motion is not None
    assert clip.ref is not None
    vectors, ref = clip.motion[t].numpy(), clip.ref[t].numpy()
    known = (ref != 0) & (ref != -128)
    per_frame = vectors / np.where(known, ref, 1)[..., None]
    total = np.where(known[..., None], per_frame, 0).sum(0)
    return np.asarray(total / np.maximum(known.sum(0), 1)[..., None], np.float32), known.any(0)


def _draw_motion(axes: Axes, clip: Clip, t: int) -> None:
    assert clip.rgb is not None
    _show(axes, _faded(clip.rgb[t].numpy()))
    moving, known = velocity(clip, t)
    cell = clip.rgb.shape[1] / known.shape[0]
    unknown = np.zeros((*known.shape, 4))
    unknown[~known] = (1.0, 0.15, 0.1, 0.35)
    axes.imshow(unknown, extent=(0, clip.rgb.shape[2], clip.rgb.shape[1], 0), interpolation="nearest")
    rows, columns = np.nonzero(known & (np.hypot(*np.moveaxis(moving, -1, 0)) > STILL_PX))
    rows, columns = (values[(rows % 2 == 0) & (columns % 2 == 0)] for values in (rows, columns))
    gap = int(clip.frames[1] - clip.frames[0])
    dx, dy = (gap * moving[rows, columns, i] for i in (0, 1))
    style: dict[str, Any] = {
        "angles": "xy",
        "scale_units": "xy",
        "scale": 1,
        "width": 0.004,
        "headwidth": 4,
        "headlength": 4.5,
    }
    axes.quiver((columns + 0.5) * cell, (rows + 0.5) * cell, dx, dy, color="#ffe14d", **style)


def _draw_residual(axes: Axes, clip: Clip, t: int) -> None:
    """Grey where nothing was added, four times as strong as it is."""
    assert clip.frame_residual is not None
    shown = np.clip(128 + 4 * clip.frame_residual[t].numpy().astype(np.int32), 0, 255)
    _show(axes, shown.astype(np.uint8))


def _draw_trace(axes: Axes, clip: Clip, t: int, patch: tuple[int, int], *, color: str) -> None:
    """The patch in this frame, with its way since the first."""
    assert clip.displacement is not None
    assert clip.valid is not None
    row, column = patch
    start = (np.array([column, row]) + 0.5) * PATCH
    way = start + clip.displacement[0, : t + 1, row, column].numpy()
    axes.plot(way[:, 0], way[:, 1], color=color, linewidth=1.2)
    known = bool(clip.valid[0, t, row, column]) or t == 0
    style = {"edgecolor": color, "facecolor": "none", "linewidth": 1.6, "linestyle": "-" if known else ":"}
    axes.add_patch(_square(way[t], **style))


def _draw_places(
    axes: Axes, looks: SampledLocations, t: int, patch: tuple[int, int], *, block: int, color: str
) -> None:
    """In the first frame the patch that asks; in the others where its heads look, by weight."""
    row, column = patch
    if t == 0:
        axes.add_patch(_square((np.array([column, row]) + 0.5) * PATCH, facecolor=color, alpha=0.9))
        return
    other = looks.frames[0].tolist().index(t)
    xy = looks.xy_px[block, 0, 0, row, column, :, other].flatten(0, 1).numpy()  # places xy
    weight = looks.weights[block, 0, 0, row, column, :, other].flatten().numpy()
    axes.scatter(xy[:, 0], xy[:, 1], s=150 * weight, color=color, alpha=0.75, linewidths=0)


def _square(centre: npt.NDArray[Any], **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    corner = (float(centre[0]) - PATCH / 2, float(centre[1]) - PATCH / 2)
    return Rectangle(corner, PATCH, PATCH, **style)


if __name__ == "__main__":
    sys.exit(main())
