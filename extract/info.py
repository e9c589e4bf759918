"""What a file says about its video before a frame is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Facts of one video stream.

    ``width`` x ``height`` is the native (cropped, displayed, not rotated) size in luma samples; the coded size is the
    macroblock-aligned one, and ``crop_left``/``crop_top`` say where the native picture begins inside it.
    ``container_format`` is libavformat's name of it. ``num_frames`` is the container's own count and may be absent
    (None) or wrong. ``num_reference_frames`` is max_num_ref_frames of the H.264 SPS, 1 for MPEG-4 Part 2 without
    B-VOPs and 2 with. ``rotation_degrees``, counterclockwise, is reported and applied to nothing. ``colour_matrix``
    is the effective one ("bt601", "bt709", ...) and ``full_range`` the effective range; streams that do not say are
    BT.601 of limited range.
    """

    path: str
    container_format: str
    codec: str
    profile: str | None
    width: int
    height: int
    coded_width: int
    coded_height: int
    crop_left: int
    crop_top: int
    pixel_format: str
    fps: Fraction | None
    time_base: Fraction
    num_frames: int | None
    duration_seconds: float | None
    rotation_degrees: int
    num_reference_frames: int
    has_b_frames: bool
    colour_matrix: str
    full_range: bool
    sample_aspect_ratio: Fraction
    metadata: Mapping[str, str]
