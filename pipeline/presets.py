"""What a canonical transcode may contain: the presets, and the mark that a transcoded file carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

PresetName = Literal["h264", "simple", "coviar"]


@dataclass(frozen=True, slots=True)
class Preset:
    """What a transcode keeps and costs.

    ``size`` is the (width, height) of every output; None scales to a short side of 256, keeping the aspect. ``encoder``
    holds ffmpeg's output options. ``time_base`` replaces the source's where the codec cannot hold that (stamps are then
    rounded to it). ``keeps`` and ``costs`` are for people who choose.
    """

    name: PresetName
    size: tuple[int, int] | None
    encoder: Mapping[str, str | int] = field(hash=False)
    time_base: str | None
    keeps: str
    costs: str

    @property
    def scale(self) -> tuple[str, str]:
        """Width and height as ffmpeg's scale filter takes them."""
        if self.size is not None:
            return str(self.size[0]), str(self.size[1])
        return f"if(gt(iw,ih),-2,{_SHORT_SIDE})", f"if(gt(iw,ih),{_SHORT_SIDE},-2)"

    def output_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the output for those of the input: what :attr:`scale` comes to."""
        if self.size is not None:
            return self.size
        if width > height:
            return _even(_SHORT_SIDE * width, height), _SHORT_SIDE
        return _SHORT_SIDE, _even(_SHORT_SIDE * height, width)


_SHORT_SIDE: Final = 256


def _even(numerator: int, denominator: int) -> int:
    """The even number nearest to the quotient, the larger one of two."""
    return (numerator + denominator) // (2 * denominator) * 2


PRESETS: Final[Mapping[str, Preset]] = {
    preset.name: preset
    for preset in (
        Preset(
            name="h264",
            size=None,
            encoder={"c:v": "libx264", "preset": "medium", "crf": 18},
            time_base=None,
            keeps="short side 256; references, B-frames and weights as x264 chooses by default",
            costs="the smallest files; references need the native reader to be exact",
        ),
        Preset(
            name="simple",
            size=None,
            encoder={
                "c:v": "libx264",
                "preset": "medium",
                "crf": 18,
                "bf": 0,
                "refs": 1,
                "x264-params": "weightp=0:no-deblock=1",
            },
            time_base=None,
            keeps="short side 256; one reference, no B-frames, no weights, no loop filter: every vector one frame back",
            costs="larger files than h264 at the same quality, and visible block edges at low rates",
        ),
        Preset(
            name="coviar",
            size=(340, 256),
            encoder={"c:v": "mpeg4", "q:v": 1, "qmin": 1, "g": 12, "bf": 0, "sc_threshold": 1000000000},
            time_base="1/60000",  # vop_time_increment_resolution has 16 bits; this one holds 25, 29.97, 30, 60 exactly
            keeps="340x256 whatever the aspect, MPEG-4 Part 2, a key frame every 12 frames, I and P only",
            costs="several times the bytes; for comparison with the CoViAR literature",
        ),
    )
}
if set(PRESETS) != set(get_args(PresetName)):
    raise AssertionError("PresetName and PRESETS differ")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a transcoded file comes from. It is written into the file, so that it goes wherever the file goes."""

    preset: str
    source_codec: str

    def comment(self) -> str:
        """As it stands in the container's metadata, under ``comment``."""
        return f"videotx transcode preset={self.preset} source_codec={self.source_codec}"


def origin_of(metadata: Mapping[str, str]) -> Origin | None:
    """The origin that a container's metadata tell, None for a file that is no transcode of ours."""
    found = re.fullmatch(r"videotx transcode preset=(\S+) source_codec=(\S+)", metadata.get("comment", ""))
    return None if found is None else Origin(found.group(1), found.group(2))
