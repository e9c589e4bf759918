"""One video to encoded frames, as the decoding process does it: nothing here knows Zarr or shards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from videotx.extract.errors import FrameSizeError, UnsupportedCodecError
from videotx.extract.frame import CodedFrame
from videotx.extract.info import VideoInfo
from videotx.extract.probe import BARE_MPEG4
from videotx.extract.reader import VideoReader, open_video
from videotx.extract.segment import Segment
from videotx.pipeline.presets import PRESETS, origin_of
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.store import FrameArray, JpegFrames

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file's header says, as far as planning needs it; ``note`` tells why its residual is not ``coded``.

    ``fps`` is 0 where the file has none. With a ``preset``, the file is to be transcoded by it first; ``width``,
    ``height`` and ``residual_kind`` are then those of the result, ``codec`` is always that of the file. ``bare_mpeg4``:
    it is an MPEG-4 Part 2 stream without a container.
    """

    width: int
    height: int
    residual_kind: str
    expected_frames: int
    note: str = ""
    fps: float = 0.0
    codec: str = ""
    preset: str = ""
    bare_mpeg4: bool = False


class EncodedFrame(NamedTuple):
    """One row of the table ``frames`` (without ``video``) and one encoded frame of every array.

    A tuple, which goes through a pipe at a third of the cost of a dataclass.
    """

    picture_type: str
    key_frame: bool
    pts_seconds: float
    num_bytes: int
    damaged: bool
    arrays: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What is known of a video after its last frame."""

    fps: float | None
    codec: str
    profile: str
    source_codec: str
    preset: str
    reader: str
    motion_exact: bool
    residual_kind: str
    rotation_degrees: int
    sample_aspect_ratio: float
    warnings: str


def probe_video(path: str, recipe: Recipe) -> Probe:
    """Open a video and read its header. Raises VideoError."""
    if recipe.transcode == "always":
        return _probe_transcode(path, recipe, "")
    try:
        return _probe_as_it_is(path, recipe)
    except UnsupportedCodecError as error:
        if recipe.transcode == "never":
            raise
        return _probe_transcode(path, recipe, f"transcoded, since its own streams cannot be read: {error.message}")


def _probe_transcode(path: str, recipe: Recipe, note: str) -> Probe:
    found = _probe(path, replace(recipe, streams=("rgb",), reader="auto"), "")
    width, height = PRESETS[recipe.preset].output_size(found.width, found.height)
    kind = recipe.residual if "residual" in recipe.streams else ""
    if kind == "auto":
        kind = "difference" if recipe.reader == "libav" else "coded"
    return replace(found, width=width, height=height, residual_kind=kind, note=note, preset=recipe.preset)


def _probe_as_it_is(path: str, recipe: Recipe) -> Probe:
    kind = recipe.residual if "residual" in recipe.streams else ""
    if kind == "auto":
        try:
            return _probe(path, recipe, "coded")
        except UnsupportedCodecError as error:
            return replace(_probe(path, recipe, "difference"), note=error.message)
    return _probe(path, recipe, kind)


def _probe(path: str, recipe: Recipe, residual_kind: str) -> Probe:
    with _open(path, recipe, residual_kind) as reader:
        info = reader.info
        fps = float(info.fps or 0)
        return Probe(
            info.width,
            info.height,
            residual_kind,
            expected_frames(info),
            fps=fps,
            codec=info.codec,
            bare_mpeg4=info.container_format == BARE_MPEG4,
        )


def expected_frames(info: VideoInfo) -> int:
    """The container's count of frames, or what duration and rate come to, or 0."""
    if info.num_frames is not None:
        return info.num_frames
    if info.duration_seconds is not None and info.fps is not None:
        return round(info.duration_seconds * info.fps)
    return 0


def _open(
    path: str, recipe: Recipe, residual_kind: str, segment: Segment | None = None
) -> AbstractContextManager[VideoReader]:
    return open_video(
        path,
        streams=frozenset(recipe.streams),
        reader=recipe.reader,
        residual="difference" if residual_kind == "difference" else "coded",
        block=recipe.block,
        segment=segment,
    )


def encode_video(
    path: str, recipe: Recipe, expected: Probe, segment: Segment | None = None
) -> Iterator[EncodedFrame | VideoFacts]:
    """Yield every kept frame of a video, or of a segment of it, encoded, and its facts last.

    Raises VideoError, and FrameSizeError when the video is not of the size it was planned with.
    """
    with _open(path, recipe, expected.residual_kind, segment) as reader:
        info = reader.info
        if (info.width, info.height) != (expected.width, expected.height):
            raise FrameSizeError(
                path, f"expected {expected.width}x{expected.height} as planned, got {info.width}x{info.height}"
            )
        arrays = recipe.arrays(info.width, info.height, expected.residual_kind)
        for frame in reader:
            if frame.index % recipe.frame_stride == 0:
                encoded = tuple(encode_frame(array, frame) for array in arrays)
                yield EncodedFrame(
                    frame.picture_type, frame.key_frame, frame.seconds, frame.num_bytes, frame.damaged, encoded
                )
        origin = origin_of(info.metadata)
        yield VideoFacts(
            fps=float(info.fps) if info.fps else None,
            codec=info.codec,
            profile=info.profile or "",
            source_codec=info.codec if origin is None else origin.source_codec,
            preset="" if origin is None else origin.preset,
            reader=reader.reader,
            motion_exact=reader.motion_exact,
            residual_kind=expected.residual_kind,
            rotation_degrees=info.rotation_degrees,
            sample_aspect_ratio=float(info.sample_aspect_ratio),
            warnings="; ".join(reader.warnings),
        )


def encode_frame(array: FrameArray, frame: CodedFrame) -> bytes:
    """One array's share of a frame, as it is stored."""
    match array.name:
        case "motion":
            return array.encode(_present(frame, "motion", frame.motion).mv)
        case "ref":
            return array.encode(_present(frame, "motion", frame.motion).ref)
        case "qp":
            return array.encode(_present(frame, "qp", frame.qp))
        case "residual":
            return _encode_residual(array, frame)
        case _:
            return _encode_rgb(array, frame)


def _encode_rgb(array: FrameArray, frame: CodedFrame) -> bytes:
    picture = _present(frame, "rgb", frame.picture)
    height, width, _ = array.shape
    if isinstance(array.frames, JpegFrames):
        return array.frames.encode_planes(*picture.jpeg_planes(width, height))
    return array.encode(picture.rgb(width, height))


def _encode_residual(array: FrameArray, frame: CodedFrame) -> bytes:
    residual = _present(frame, "residual", frame.residual)
    height, width, _ = array.shape
    if isinstance(array.frames, JpegFrames):
        return array.frames.encode_planes(*residual.jpeg_planes(width, height))
    return array.encode(residual.rgb(width, height))


def _present(frame: CodedFrame, stream: str, value: T | None) -> T:
    if value is None:
        raise RuntimeError(f"frame {frame.index} came without the stream {stream} that was asked for")
    return value
