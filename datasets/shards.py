"""The videos of an output folder, and their frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from videotx.datasets.geometry import Window
from videotx.datasets.residual import ResidualCells, ResidualGrid, ResidualPictures
from videotx.datasets.shard_files import DataFile, FileCache, ShardReadError, read_column
from videotx.pipeline.store import FORMAT, STREAM_ARRAYS, VERSION, VIDEO_COLUMNS, ShardFormatError

STREAMS: Final = frozenset(STREAM_ARRAYS)
_MOST_FRAME_TABLES: Final = 64


@dataclass(frozen=True, slots=True)
class StoredFrames:
    """Frames of one video as stored; streams that were not asked for are None.

    ``rgb`` uint8 ``(frame, y, x, 3)``; ``motion`` int16 ``(frame, list, row, column, xy)`` and ``ref`` int8
    ``(frame, list, row, column)`` as in :class:`videotx.extract.frame.MotionField`; ``residual`` with its map to RGB
    units; ``qp`` int8 ``(frame, row, column)``.
    """

    rgb: npt.NDArray[np.uint8] | None = None
    motion: npt.NDArray[np.int16] | None = None
    ref: npt.NDArray[np.int8] | None = None
    residual: ResidualPictures | None = None
    qp: npt.NDArray[np.int8] | None = None


class Shards:
    """An output folder open for reading. It can be pickled, forked and shared by threads.

    ``videos`` is the table of videos: one array per column of :data:`videotx.pipeline.store.VIDEO_COLUMNS`, failures
    included (their ``error`` says what failed). Before ``finalise`` it holds the videos of the shards that are there.
    ``class_names``, ``verb_names`` and ``noun_names`` are those the labels index, ``recipe`` the settings of the
    extraction.
    """

    def __init__(
        self,
        path: Path,
        videos: dict[str, npt.NDArray[Any]],
        class_names: tuple[str, ...] = (),
        recipe: Mapping[str, Any] | None = None,
        *,
        verb_names: tuple[str, ...] = (),
        noun_names: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.videos = videos
        self.class_names = class_names
        self.recipe = dict(recipe or {})
        self.verb_names = verb_names
        self.noun_names = noun_names
        self._files = FileCache(path)

    def __len__(self) -> int:
        """How many rows ``videos`` has."""
        return len(self.videos["path"])

    def __repr__(self) -> str:
        return f"Shards({str(self.path)!r}, {len(self)} videos, {int(self.videos['num_frames'].sum())} frames)"

    def readable(self) -> npt.NDArray[np.int64]:
        """Rows of the videos that have frames."""
        return np.flatnonzero((self.videos["error"] == "") & (self.videos["num_frames"] > 0))

    def split(self, word: str) -> npt.NDArray[np.int64]:
        """Rows of a split, such as ``train``, or ``test1`` of a data set with several rounds.

        Raises ValueError, naming those that there are, where no video is of this split.
        """
        words = [text.split() for text in self.videos["split"]]
        rows = np.flatnonzero([word in of_video for of_video in words])
        if not rows.size:
            known = ", ".join(sorted({name for of_video in words for name in of_video})) or "no splits at all"
            raise ValueError(f"{self.path}: expected a split that videos are of, got {word!r}; there are {known}")
        return rows

    def native_size(self, video: int) -> tuple[int, int]:
        """(height, width) of the video in luma samples."""
        return int(self.videos["height"][video]), int(self.videos["width"][video])

    def seconds(self, video: int) -> npt.NDArray[np.float64]:
        """Time of each frame since the start of the video, float64 ``(frame,)``."""
        first, count = self._place(video, ())
        column = _frame_column(self.path / f"{int(self.videos['shard'][video]):06d}" / "frames", "pts_seconds")
        if len(column) < first + count:
            raise ShardReadError(f"{self._name(video)}: the shard's table of frames ends at {len(column)}")
        return column[first : first + count]

    def picture_size(self, video: int, stream: str) -> tuple[int, int]:
        """(height, width) of the pictures of ``stream`` (rgb or residual) as stored.

        Raises ShardReadError when the video's shard has none.
        """
        with self._named(video, "its pictures"):
            height, width, _ = self._files.open(int(self.videos["shard"][video]), stream).array.shape
        return height, width

    def read(
        self,
        video: int,
        frames: Sequence[int] | npt.NDArray[np.int64],
        streams: Iterable[str],
        window: Window | None = None,
    ) -> StoredFrames:
        """Frames ``frames`` (in any order, repeats allowed) of row ``video`` of the table.

        ``streams`` is a subset of rgb, motion (with ref), residual and qp. Of rgb and residual, where a ``window`` is
        given, what it shows is decoded alone, at the size it is shown at but not mirrored. Raises ValueError for an
        unknown stream, a failed video, or a window of another picture or of parts of pixels, IndexError for a frame
        that the video does not have, and ShardReadError, naming shard, video and frame, for anything missing or damaged
        on disk.
        """
        first, _ = self._place(video, frames)
        wanted = np.asarray(frames, np.int64)
        distinct, position = np.unique(wanted, return_inverse=True)
        arrays: dict[str, Any] = {}
        for stream in sorted(streams):
            if stream not in STREAM_ARRAYS:
                raise ValueError(f"expected streams of {', '.join(sorted(STREAMS))}, got {stream!r}")
            for name in STREAM_ARRAYS[stream]:
                with self._named(video, f"frames {wanted.tolist()}"):
                    file = self._files.open(int(self.videos["shard"][video]), name)
                    values = file.read(first + distinct, window if name in ("rgb", "residual") else None)
                    arrays[name] = values if np.array_equal(distinct, wanted) else values[position]
                    if name == "residual":
                        arrays[name] = ResidualPictures(arrays[name], *_units(file))
        return StoredFrames(**arrays)

    def reduce_residual(
        self,
        video: int,
        frames: range,
        grid: ResidualGrid,
        sampled: npt.NDArray[np.int64],
        window: Window,
    ) -> tuple[ResidualCells, ResidualPictures]:
        """The residual of a run of frames reduced to cells, and what ``window`` shows of those that are ``sampled``.

        Equal to reading and reducing whole pictures, at a fraction of the cost. Raises as :meth:`read` does.
        """
        first, _ = self._place(video, (frames[0], frames[-1], *sampled.tolist()))
        distinct, position = np.unique(sampled, return_inverse=True)
        with self._named(video, f"frames {frames[0]} to {frames[-1]}"):
            file = self._files.open(int(self.videos["shard"][video]), "residual")
            pictures = np.empty((len(distinct), *window.out_size, 3), file.array.dtype)
            shown = {first + frame: pictures[i] for i, frame in enumerate(distinct.tolist())}
            values = file.reduce(first + np.array(frames), grid, _units(file), shown, window)
            if not np.array_equal(distinct, sampled):
                pictures = pictures[position]
            return ResidualCells(values, grid), ResidualPictures(pictures, *_units(file))

    @contextmanager
    def _named(self, video: int, what: str) -> Iterator[None]:
        """Errors inside name shard, video and, where they know it, frame, otherwise ``what``."""
        try:
            yield
        except (ShardFormatError, OSError) as error:
            frame = getattr(error, "frame", None)
            which = what if frame is None else f"frame {int(frame) - int(self.videos['first_frame'][video])}"
            raise ShardReadError(f"{self._name(video)}, {which}: {error}", frame) from error

    def _place(self, video: int, frames: Sequence[int] | npt.NDArray[np.int64]) -> tuple[int, int]:
        if not 0 <= video < len(self):
            raise IndexError(f"expected a video in [0, {len(self)}), got {video}")
        count = int(self.videos["num_frames"][video])
        if self.videos["error"][video] or count == 0:
            raise ValueError(f"{self._name(video)} has no frames: {self.videos['message'][video]}")
        if len(frames) and not (min(frames) >= 0 and max(frames) < count):
            raise IndexError(f"{self._name(video)}: expected frames in [0, {count}), got {list(frames)}")
        return int(self.videos["first_frame"][video]), count

    def _name(self, video: int) -> str:
        return f"shard {int(self.videos['shard'][video]):06d} of {self.path}, video {self.videos['path'][video]}"


def open_shards(path: str | Path) -> Shards:
    """Open an output folder, finalised or not.

    Raises ShardFormatError when it is not one of this format and version, or when a shard that the finalised table
    names is missing.
    """
    folder = Path(path)
    attributes = _attributes(folder)
    if (attributes.get("format"), attributes.get("version")) != (FORMAT, VERSION):
        raise ShardFormatError(
            f"{folder}: expected {FORMAT} {VERSION}, got {attributes.get('format')} {attributes.get('version')}"
        )
    if (folder / "videos" / "zarr.json").exists():
        group = zarr.open_group(folder / "videos", mode="r")
        videos = {name: np.asarray(group[name][:]) for name in VIDEO_COLUMNS}  # type: ignore[index]
        for shard in np.unique(videos["shard"][videos["num_frames"] > 0]):
            if not (folder / f"{shard:06d}" / "zarr.json").exists():
                lost = ", ".join(videos["path"][videos["shard"] == shard][:3])
                raise ShardReadError(f"{folder}: shard {shard:06d} is missing, with the videos {lost}...")
    else:
        names = sorted(p.name for p in folder.iterdir() if p.name.isdigit() and (p / "zarr.json").exists())
        rows = [row for name in names for row in _attributes(folder / name)["videos"]]
        videos = {column: _column([row[column] for row in rows], dtype) for column, dtype in VIDEO_COLUMNS.items()}
    classes, verbs, nouns = (tuple(attributes.get(f"{kind}_names", ())) for kind in ("class", "verb", "noun"))
    return Shards(folder, videos, classes, attributes.get("recipe"), verb_names=verbs, noun_names=nouns)


def _attributes(folder: Path) -> dict[str, Any]:
    path = folder / "zarr.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["attributes"]
    except FileNotFoundError as error:
        raise ShardFormatError(f"{folder}: expected a folder of shards, there is no zarr.json") from error
    except (json.JSONDecodeError, KeyError) as error:
        raise ShardFormatError(f"{path}: expected the metadata of a Zarr group, got {error!r}") from error
    return found


def _column(values: list[Any], dtype: str) -> npt.NDArray[Any]:
    return np.array(values, dtype=object if dtype == "string" else dtype)


@lru_cache(maxsize=_MOST_FRAME_TABLES)
def _frame_column(table: Path, name: str) -> npt.NDArray[Any]:
    return read_column(table, name)


def _units(file: DataFile) -> tuple[int, int]:
    """The affine map of the format, value = stored * scale_factor + add_offset, as a zero point and a whole scale."""
    attributes = file.array.attributes
    scale, offset = int(attributes["scale_factor"]), int(attributes["add_offset"])
    if scale < 1 or offset % scale:
        raise ShardFormatError(f"{file.path}: expected a whole residual scale and zero point, got {scale} and {offset}")
    return -offset // scale, scale
