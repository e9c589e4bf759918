"""Prediction plus the native reader's residual gives the decoder's pictures, bit for bit, on inter macroblocks.

The prediction is a small motion compensation written for this test (ISO/IEC 14496-2, 7.6): half-pel with rounding
control, the 8-tap quarter-pel filter with its mirrored block edges, chroma vectors, bi-prediction. Macroblocks that it
does not cover, global motion and field prediction, are left out, and those left in are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import pytest

from videotx.extract._native import CodedPicture
from videotx.extract.mpeg4_headers import VideoObjectLayer, find_video_object_layer, find_vop

Ints = npt.NDArray[np.int32]
INTER = (5, 6, 7, 8, 9)  # macroblock classes with translational motion
Limit = tuple[int, int, int] | None  # height, width and the nearest begin of a block


@dataclass
class Clip:
    """Decoded planes (extended to whole macroblocks where the decoder shows them) and packets of one file."""

    planes: list[tuple[Ints, Ints, Ints]]
    packets: list[bytes]
    layer: VideoObjectLayer
    field_predicted: list[npt.NDArray[np.bool_]]  # macroblocks that the decoder exports as two fields
    height: int
    width: int


def _plane(plane: av.video.plane.VideoPlane, width: int) -> Ints:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, :width].astype(np.int32)


def _load(path: Path, num_frames: int) -> Clip:
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
        extradata = container.streams.video[0].codec_context.extradata
    planes, fields = [], []
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        # Without bitexact, libavcodec rounds some 8x8 predictions from black samples wrongly.
        context.options = {"flags": "+bitexact", "flags2": "+export_mvs"}
        for frame in container.decode(video=0):
            columns = -(-frame.width // 16)
            assert all(p.line_size >= columns * 16 // (1 if i == 0 else 2) for i, p in enumerate(frame.planes))
            y, cb, cr = (_plane(p, columns * (16 if i == 0 else 8)) for i, p in enumerate(frame.planes))
            planes.append((y, cb, cr))
            field = np.zeros((-(-frame.height // 16), columns), np.bool_)
            if (side_data := frame.side_data.get("MOTION_VECTORS")) is not None:
                vectors = side_data.to_ndarray()
                halves = vectors[(vectors["w"] == 16) & (vectors["h"] == 8)]
                field[halves["dst_y"] // 16, halves["dst_x"] // 16] = True
            fields.append(field)
            if len(planes) == num_frames:
                break
    layer = find_video_object_layer(extradata) or find_video_object_layer(packets[0])
    assert layer is not None
    return Clip(planes, packets, layer, fields, frame.height, frame.width)


def _windows(plane: Ints, y: Ints, x: Ints, size: int) -> Ints:
    """Windows of (size + 1)^2 samples at integer positions, clamped at the picture's edges: (n, size + 1, size + 1)."""
    rows = np.clip(y[:, None] + np.arange(size + 1), 0, plane.shape[0] - 1)
    columns = np.clip(x[:, None] + np.arange(size + 1), 0, plane.shape[1] - 1)
    return plane[rows[:, :, None], columns[:, None, :]]


def _half_pel(window: Ints, half_x: Ints, half_y: Ints, rounding: int) -> Ints:
    a, b = window[:, :-1, :-1], window[:, :-1, 1:]
    c, d = window[:, 1:, :-1], window[:, 1:, 1:]
    horizontal, vertical = half_x.astype(bool)[:, None, None], half_y.astype(bool)[:, None, None]
    return np.select(
        [horizontal & vertical, horizontal, vertical],
        [(a + b + c + d + 2 - rounding) >> 2, (a + b + 1 - rounding) >> 1, (a + c + 1 - rounding) >> 1],
        a,
    )


def _quarter_rows(window: Ints, fraction: Ints, rounding: int) -> Ints:
    """Interpolate along the last axis, which loses its last sample: 8 taps, mirrored at the block's edges."""
    size = window.shape[2] - 1
    taps = np.array([-1, 3, -6, 20, 20, -6, 3, -1])
    places = np.arange(size)[:, None] + np.arange(-3, 5)
    places = np.where(places < 0, -1 - places, places)
    places = np.where(places > size, 2 * size + 1 - places, places)
    half = np.clip((window[:, :, places] @ taps + 16 - rounding) >> 5, 0, 255)
    near, far = window[:, :, :-1], window[:, :, 1:]
    f = fraction[:, None, None]
    return np.select(
        [f == 1, f == 2, f == 3], [(near + half + 1 - rounding) >> 1, half, (far + half + 1 - rounding) >> 1], near
    )


def _quarter_pel(window: Ints, x: Ints, y: Ints, rounding: int) -> Ints:
    across = _quarter_rows(window, x, rounding)
    return _quarter_rows(across.swapaxes(1, 2), y, rounding).swapaxes(1, 2)


def _luma(plane: Ints, y: Ints, x: Ints, mv: Ints, *, size: int, quarter: bool, rounding: int, limit: Limit) -> Ints:
    y, fraction_y = _limited(y + (mv[:, 1] >> 2), mv[:, 1] & 3, limit, 0)
    x, fraction_x = _limited(x + (mv[:, 0] >> 2), mv[:, 0] & 3, limit, 1)
    window = _windows(plane, y, x, size)
    if quarter:
        return _quarter_pel(window, fraction_x, fraction_y, rounding)
    return _half_pel(window, fraction_x >> 1, fraction_y >> 1, rounding)


def _limited(position: Ints, fraction: Ints, limit: Limit, axis: int) -> tuple[Ints, Ints]:
    """libavcodec lets blocks of four-vector macroblocks begin no further outside than the shown picture's far edge."""
    if limit is None:
        return position, fraction
    far = limit[axis]
    clipped = np.clip(position, limit[2], far)
    return clipped, np.where(clipped == far, 0, fraction)


def _chroma_vector(mv: Ints, four: bool) -> Ints:
    """Half-pel chroma vectors (n, 2) of macroblocks with vectors (n, 4, 2) in qpel (7.6.2.1 and 7.6.2.2)."""
    stream = np.trunc(mv / 2).astype(np.int32)  # half luma samples; quarter-pel vectors are halved towards zero
    if not four:
        return np.asarray((stream[:, 0] >> 1) | (stream[:, 0] & 1), np.int32)
    table = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2])  # Table 7-6, sixteenths
    total = stream.sum(axis=1)
    magnitude = np.abs(total)
    return np.asarray(np.sign(total) * (table[magnitude & 15] + ((magnitude >> 3) & ~1)), np.int32)


def _predict(
    clip: Clip, index: int, row: Ints, column: Ints, mv: Ints, *, four: bool, rounding: int
) -> tuple[Ints, Ints, Ints]:
    """Prediction of macroblocks (n,) with vectors (n, 4, 2) from a picture: luma (n, 16, 16), Cb and Cr (n, 8, 8)."""
    planes, quarter = clip.planes[index], clip.layer.quarter_sample
    limit = (clip.height, clip.width, -16) if four else None
    chroma_limit = (clip.height // 2, clip.width // 2, -8) if four else None
    if four:
        luma = np.zeros((len(row), 16, 16), np.int32)
        for block in range(4):
            y, x = 8 * (block >> 1), 8 * (block & 1)
            at = (16 * row + y, 16 * column + x)
            part = _luma(planes[0], *at, mv[:, block], size=8, quarter=quarter, rounding=rounding, limit=limit)
            luma[:, y : y + 8, x : x + 8] = part
    else:
        at = (16 * row, 16 * column)
        luma = _luma(planes[0], *at, mv[:, 0], size=16, quarter=quarter, rounding=rounding, limit=None)
    c = _chroma_vector(mv, four)
    y, half_y = _limited(8 * row + (c[:, 1] >> 1), c[:, 1] & 1, chroma_limit, 0)
    x, half_x = _limited(8 * column + (c[:, 0] >> 1), c[:, 0] & 1, chroma_limit, 1)
    cb, cr = (_half_pel(_windows(plane, y, x, 8), half_x, half_y, rounding) for plane in planes[1:])
    return luma, cb, cr


def _macroblocks(plane: npt.NDArray[np.integer], row: Ints, column: Ints, size: int) -> Ints:
    y, x = size * row[:, None] + np.arange(size), size * column[:, None] + np.arange(size)
    return np.asarray(plane[y[:, :, None], x[:, None, :]], np.int32)


def _bad_macroblocks(clip: Clip, index: int, picture: CodedPicture) -> tuple[int, int]:
    """Macroblocks whose prediction plus residual is not the decoded picture, and how many were compared."""
    inter = np.isin(picture.macroblock_class, INTER)
    hidden_rows = clip.height % 16 != 0
    if clip.layer.interlaced:
        if picture.type == "B":
            return 0, 0
        inter &= ~clip.field_predicted[index]
    if hidden_rows:
        inter[-1] = False  # its own last rows are not shown
    row, column = (np.asarray(i, np.int32) for i in np.nonzero(inter))
    if picture.type == "I" or len(row) == 0:
        return 0, 0
    vop = find_vop(clip.packets[picture.packet], clip.layer)
    rounding = vop.rounding if vop is not None and picture.type in "PS" else 0
    ref = picture.ref[:, 4 * row, 4 * column]
    cells = [(4 * row + 2 * (b >> 1), 4 * column + 2 * (b & 1)) for b in range(4)]
    mv = np.stack([picture.mv[:, y, x] for y, x in cells], axis=2).astype(np.int32)  # list, n, block, xy
    keep = np.ones(len(row), np.bool_)
    if hidden_rows:  # nor are the rows that they may read
        lowest = (16 * row[:, None] + (mv[:, :, :, 1] >> 2) + 18).max(axis=(0, 2))
        keep &= lowest < clip.planes[0][0].shape[0]
    good = np.zeros(len(row), np.bool_)
    residual = [picture.residual_y, picture.residual_cb, picture.residual_cr]
    for four in (False, True):  # vectors alone do not tell 16x16 from four equal vectors, whose filters differ
        wrong = ~keep
        total = [np.zeros((len(row), s, s), np.int32) for s in (16, 8, 8)]
        for direction in (0, 1):
            for distance in np.unique(ref[direction]):
                used = np.flatnonzero(ref[direction] == distance)
                if distance == 0:
                    continue
                source = index + int(distance)
                vectors = mv[direction][used]
                arrays = _predict(clip, source, row[used], column[used], vectors, four=four, rounding=rounding)
                for part, array in zip(total, arrays, strict=True):
                    part[used] += array
        both = (ref != 0).all(axis=0)[:, None, None]
        for part, extra, decoded, size in zip(total, residual, clip.planes[index], (16, 8, 8), strict=True):
            assert extra is not None
            predicted = np.where(both, (part + 1) >> 1, part)
            mine = np.clip(predicted + _macroblocks(extra, row, column, size), 0, 255)
            there = _macroblocks(np.pad(decoded, ((0, 16), (0, 0))), row, column, size)
            wrong |= (mine != there).any(axis=(1, 2))
        good |= ~wrong
    return int((keep & ~good).sum()), int(keep.sum())


def _check(clip: Clip, pictures: Iterator[CodedPicture]) -> tuple[int, int]:
    bad = compared = 0
    for index, picture in zip(range(len(clip.planes)), pictures, strict=False):
        if index + int(picture.ref.max()) >= len(clip.planes):
            break
        wrong, seen = _bad_macroblocks(clip, index, picture)
        bad += wrong
        compared += seen
    return bad, compared


FAST = [
    "action/RATRACE_wave_f_nm_np1_fr_goo_37.avi",  # DivX, packed B-VOPs
    "action/mmaction2_test_xvid.avi",  # Xvid's inverse DCT
    "mpeg4/m4_asp_qpel_bvop.avi",
    "mpeg4/m4_asp_mpegquant_slices.mp4",
    "mpeg4/m4_sp_datapart_resync.mp4",
    "mpeg4/xvid_asp_gmc_qpel_bvop.avi",
]
SLOW = [
    "action/SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi",
    "action/paddlevideo_example.avi",
    "action/v_SoccerJuggling_g23_c01.avi",
    "action/vid_mpeg4_part2.mp4",
    "mpeg4/MPEG4_SP_176x144_12fps_92kbps_AMRNB_8KHz_12.2kbps_m_0_27.3gp",
    "mpeg4/MPEG4_SP_640x480_30fps_512Kbps_0_23.3gp",
    "mpeg4/Sunset.240p.mp4",
    "mpeg4/count_video.cmp",
    "mpeg4/frame0123.m4v",  # a matrix of its own
    "mpeg4/m4_asp_interlaced_bvop.avi",
    "mpeg4/m4_asp_qpel_bvop_4mv.mp4",
    "mpeg4/m4_coviar_style.mp4",
    "mpeg4/m4_odd_175x143.mp4",
    "mpeg4/m4_sp_4mv.avi",
    "mpeg4/packed_bframes.avi",
    "mpeg4/test_qcif_200_aac_64.mp4",
    "mpeg4/xvid_asp_gmc.avi",
    "mpeg4/xvid_sp_4mv.avi",
]


@pytest.mark.parametrize(
    ("name", "num_frames"),
    [(name, 12) for name in FAST] + [pytest.param(name, 80, marks=pytest.mark.slow) for name in FAST + SLOW],
)
def test_prediction_plus_residual_is_the_picture(
    name: str, num_frames: int, shared_videos: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]
) -> None:
    clip = _load(shared_videos / name, num_frames)
    bad, compared = _check(clip, read_mpeg4(shared_videos / name, residual=True))
    assert compared > 500
    assert bad == 0


def _encode(path: Path, size: tuple[int, int], options: dict[str, str]) -> None:
    """Twelve frames of a drifting, brightening texture with a square that moves against it."""
    width, height = size
    y, x = np.mgrid[: height + 64, : width + 64]
    noise = np.random.default_rng(5).normal(0, 12, x.shape)
    texture = 120 + 50 * np.sin(x / 5.0) * np.cos(y / 7.0) + noise
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.bit_rate = 600_000
        stream.codec_context.options = options | {"threads": "1"}
        for i in range(12):
            luma = texture[2 * i : 2 * i + height, 3 * i : 3 * i + width] + 2 * i
            luma[20:52, 40 - 2 * i : 72 - 2 * i] = texture[:32, :32]
            rgb = np.clip(luma, 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
            rgb[:, :, 2] //= 2
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


SETTINGS: list[tuple[str, dict[str, str]]] = [
    ("p", {}),
    ("b1", {"bf": "1"}),
    ("b3_mv4", {"bf": "3", "flags": "+mv4"}),
    ("qpel", {"flags": "+qpel"}),
    ("qpel_b2_mv4", {"bf": "2", "flags": "+qpel+mv4"}),
    ("mpeg_quant_b2", {"bf": "2", "mpeg_quant": "1"}),
    ("partitioned", {"data_partitioning": "1", "ps": "300"}),
    ("partitioned_mv4_qpel", {"data_partitioning": "1", "ps": "200", "flags": "+mv4+qpel"}),
    ("slices_b2", {"bf": "2", "ps": "150"}),
    ("aic_trellis", {"flags": "+aic", "trellis": "1", "mbd": "rd"}),
    ("interlaced_dct", {"flags": "+ildct", "bf": "1"}),
    ("interlaced", {"flags": "+ildct+ilme"}),
    ("coarse", {"qmin": "20", "qmax": "31", "bf": "2"}),
    ("fine", {"qmin": "1", "qmax": "1"}),
    ("quantiser_changes", {"lumi_mask": "0.4", "bf": "2"}),
]


@pytest.mark.parametrize(("label", "options"), SETTINGS, ids=[label for label, _ in SETTINGS])
@pytest.mark.parametrize("suffix", ["avi", "mp4"])
def test_streams_made_here_are_read_exactly(
    label: str, options: dict[str, str], suffix: str, tmp_path: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]
) -> None:
    path = tmp_path / f"{label}.{suffix}"
    _encode(path, (112, 80) if suffix == "avi" else (90, 80), options)
    clip = _load(path, 100)
    pictures = list(read_mpeg4(path, residual=True))
    assert len(pictures) == len(clip.planes) == 12
    assert not any(picture.damaged for picture in pictures)
    bad, compared = _check(clip, iter(pictures))
    assert compared > 60
    assert bad == 0


def _altered(picture: CodedPicture, **changes: object) -> CodedPicture:
    names = ("type", "packet", "mv", "ref", "macroblock_class", "residual_y", "residual_cb", "residual_cr")
    return cast("CodedPicture", SimpleNamespace(**{name: getattr(picture, name) for name in names} | changes))


def test_the_check_has_teeth(tmp_path: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]) -> None:
    path = tmp_path / "p.avi"
    _encode(path, (112, 80), {"bf": "2"})
    clip = _load(path, 100)
    pictures = list(read_mpeg4(path, residual=True))
    assert _check(clip, iter(pictures))[0] == 0
    without_residual = [_altered(picture, residual_y=np.zeros((80, 112), np.int16)) for picture in pictures]
    assert _check(clip, iter(without_residual))[0] > 20
    moved = [_altered(picture, mv=picture.mv + np.array([2, 0], np.int16)) for picture in pictures]
    assert _check(clip, iter(moved))[0] > 50
