"""Fills :class:`VideoInfo` from the container and the headers of its stream."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from videotx.extract.colour import colour_matrix_of, is_full_range
from videotx.extract.h264_headers import SequenceParameters, find_sequence_parameters
from videotx.extract.info import VideoInfo
from videotx.extract.mpeg4_headers import find_video_object_layer
from videotx.extract.rotation import read_rotation

BARE_MPEG4 = "m4v"
"""libavformat's name for an MPEG-4 Part 2 stream without a container."""

# The most that H.264 allows (Table A-1 with clause A.3.1); assumed where no parameter set can be read.
_MAX_REFERENCE_FRAMES = 16


def probe_stream(path: str, container: InputContainer, stream: VideoStream, warnings: list[str]) -> VideoInfo:
    """Read the facts of ``stream``; what is missing or contradictory goes to ``warnings``."""
    context = stream.codec_context
    sps = find_sequence_parameters(context.extradata) if context.name == "h264" else None
    width, height = context.width, context.height
    coded_width, coded_height, crop_left, crop_top = _coded_size(sps, width, height)
    has_b_frames, num_references = _references(stream, sps)
    # A bare MPEG-4 stream has no times of its own: its average rate is what the demuxer assumes, 25.
    bare = container.format.name == BARE_MPEG4
    fps = (stream.guessed_rate if bare else stream.average_rate) or stream.average_rate or stream.guessed_rate
    duration = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    return VideoInfo(
        path=path,
        container_format=container.format.name,
        codec=context.name,
        profile=stream.profile,
        width=width,
        height=height,
        coded_width=coded_width,
        coded_height=coded_height,
        crop_left=crop_left,
        crop_top=crop_top,
        pixel_format=context.pix_fmt or "unknown",
        fps=Fraction(fps) if fps else None,
        time_base=Fraction(stream.time_base or Fraction(1, av.time_base)),
        num_frames=stream.frames or None,
        duration_seconds=duration,
        rotation_degrees=read_rotation(path, container.format.name, stream.index, warnings),
        num_reference_frames=num_references,
        has_b_frames=has_b_frames,
        colour_matrix=colour_matrix_of(context.colorspace, context.pix_fmt),
        full_range=is_full_range(context.color_range, context.pix_fmt),
        sample_aspect_ratio=Fraction(stream.sample_aspect_ratio or 1),
        metadata=MappingProxyType({**container.metadata, **stream.metadata}),
    )


def _coded_size(sps: SequenceParameters | None, width: int, height: int) -> tuple[int, int, int, int]:
    if sps is not None:
        cropped_width = sps.coded_width - sps.crop_left - sps.crop_right
        cropped_height = sps.coded_height - sps.crop_top - sps.crop_bottom
        if (cropped_width, cropped_height) == (width, height):
            return sps.coded_width, sps.coded_height, sps.crop_left, sps.crop_top
    return -(-width // 16) * 16, -(-height // 16) * 16, 0, 0


def _references(stream: VideoStream, sps: SequenceParameters | None) -> tuple[bool, int]:
    context = stream.codec_context
    has_b_frames = bool(context.has_b_frames)
    if context.name == "h264":
        return has_b_frames, sps.max_num_ref_frames if sps is not None else _MAX_REFERENCE_FRAMES
    if context.name == "mpeg4":
        layer = find_video_object_layer(context.extradata)
        has_b_frames = has_b_frames and not (layer is not None and layer.low_delay)
        return has_b_frames, 2 if has_b_frames else 1
    return has_b_frames, 1
