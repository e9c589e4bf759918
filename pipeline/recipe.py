"""Every setting that shapes the stored data. Two runs with the same recipe make the same shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, Self

from videotx.pipeline.presets import PresetName
from videotx.pipeline.store import STREAM_ARRAYS, FrameArray, JpegFrames, ZstdFrames

Stream = Literal["motion", "qp", "residual", "rgb"]
STREAMS: Final[tuple[Stream, ...]] = ("motion", "qp", "residual", "rgb")


class RecipeMismatchError(ValueError):
    """The output was made with other settings. The message lists them."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is stored of each video, and how.

    ``short_side`` bounds the shorter side of RGB and residual (None keeps the native size; nothing is ever enlarged).
    ``residual`` is the kind to store: ``coded`` and ``difference`` fail a video that has no such residual, ``auto``
    takes ``coded`` where the native reader covers the video and ``difference`` elsewhere, in shards apart, so that one
    array never mixes the two. ``frame_stride`` keeps every n-th frame of a video; references still count the video's
    own frames. ``transcode`` makes a file anew by ``preset`` first: always, or where the streams cannot be read from
    it (``auto``).
    """

    streams: tuple[Stream, ...] = STREAMS
    short_side: int | None = 256
    rgb: Literal["jpeg", "lossless"] = "jpeg"
    quality: int = 90
    residual: Literal["auto", "coded", "difference"] = "auto"
    residual_codec: Literal["jpeg", "lossless"] = "jpeg"
    block: Literal[8, 4] = 8
    reader: Literal["auto", "native", "libav"] = "auto"
    frame_stride: int = 1
    videos_per_shard: int = 128
    transcode: Literal["auto", "always", "never"] = "never"
    preset: PresetName = "h264"

    def __post_init__(self) -> None:
        unknown = set(self.streams) - set(STREAMS)
        if unknown or not self.streams or list(self.streams) != sorted(set(self.streams)):
            raise ValueError(f"expected streams from {', '.join(STREAMS)}, sorted, each once, got {self.streams}")
        for name, least in (("short_side", 16), ("quality", 1), ("frame_stride", 1), ("videos_per_shard", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"expected {name} of at least {least}, got {value}")
        if self.quality > 100:
            raise ValueError(f"expected quality of at most 100, got {self.quality}")

    def to_dict(self) -> dict[str, Any]:
        """As stored in the output's attributes."""
        return asdict(self) | {"streams": list(self.streams)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; raises ValueError for settings that this version does not know."""
        known = {f.name for f in fields(cls)}
        if set(stored) != known:
            raise ValueError(f"expected the settings {sorted(known)}, got {sorted(stored)}")
        return cls(**{**stored, "streams": tuple(stored["streams"])})

    def check_same(self, stored: Self, where: str) -> None:
        """Raise RecipeMismatchError, naming every difference, unless ``stored`` is this recipe."""
        ours, theirs = self.to_dict(), stored.to_dict()
        differences = [
            f"{name}: {theirs[name]} there, {ours[name]} asked for" for name in ours if ours[name] != theirs[name]
        ]
        if differences:
            raise RecipeMismatchError(f"{where} was made with other settings ({'; '.join(differences)})")

    def stored_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of RGB and residual for a native size, to the nearest pixel."""
        short = min(width, height)
        if self.short_side is None or short <= self.short_side:
            return width, height
        return tuple(max(1, (2 * side * self.short_side + short) // (2 * short)) for side in (width, height))  # type: ignore[return-value]

    def arrays(self, width: int, height: int, residual_kind: str) -> tuple[FrameArray, ...]:
        """The arrays of a shard of videos of one native size."""
        x, y = self.stored_size(width, height)
        grid = (-(-height // self.block), -(-width // self.block))
        macroblocks = (-(-height // 16), -(-width // 16))
        numbers, subsampled = ZstdFrames(), JpegFrames(self.quality, "4:2:0")
        every = {
            "motion": FrameArray(
                "motion", "int16", (2, *grid, 2), numbers, {"unit": "quarter luma sample", "block": self.block}
            ),
            "ref": FrameArray("ref", "int8", (2, *grid), numbers, {"unit": "frame", "none": 0, "unknown": -128}),
            "qp": FrameArray("qp", "int8", macroblocks, numbers),
            "residual": self._residual_array((y, x, 3), residual_kind),
            "rgb": FrameArray("rgb", "uint8", (y, x, 3), subsampled if self.rgb == "jpeg" else numbers),
        }
        return tuple(every[name] for stream in self.streams for name in STREAM_ARRAYS[stream])

    def _residual_array(self, shape: tuple[int, int, int], kind: str) -> FrameArray:
        named = {"residual_kind": kind}
        if self.residual_codec == "lossless":
            return FrameArray("residual", "int16", shape, ZstdFrames(), named | {"scale_factor": 1, "add_offset": 0})
        # r/2 + 128 holds the whole signed range of a residual in a byte.
        affine = {"scale_factor": 2, "add_offset": -256}
        return FrameArray("residual", "uint8", shape, JpegFrames(self.quality, "4:4:4"), named | affine)
