"""What the tests of the H.264 reader share: packets, what libavcodec shows, and motion compensation in NumPy (8.4.2).

libavcodec decodes with ``skip_loop_filter=all``, so that references and result are both unfiltered. From its pictures,
with the vectors, references and weights of the native reader plus its residual, come libavcodec's next pictures.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from videotx.extract import _native

Plane = npt.NDArray[np.int32]
PAD = 16  # by which pictures are extended
EDGE = 5  # of these, the outer ones are spoilt by rolling; from there on an extended picture does not change any more
INTER = (5, 6, 7, 8, 9)


def clip(values: Plane) -> Plane:
    return np.clip(values, 0, 255)


def six_tap(plane: Plane, axis: int) -> Plane:
    """Half-sample positions to the right of (axis 1) or below (axis 0) each sample, before rounding."""

    def at(step: int) -> Plane:
        return np.roll(plane, -step, axis)

    return at(-2) - 5 * at(-1) + 20 * at(0) + 20 * at(1) - 5 * at(2) + at(3)


def quarter_sample_planes(luma: Plane) -> npt.NDArray[np.int32]:
    """All 16 sample positions of an edge-extended picture: ``[4 * y fraction + x fraction, row, column]``."""
    full = np.pad(luma, PAD, mode="edge")
    horizontal = six_tap(full, 1)
    b = clip((horizontal + 16) >> 5)
    h = clip((six_tap(full, 0) + 16) >> 5)
    j = clip((six_tap(horizontal, 0) + 512) >> 10)
    right, below = np.roll(full, -1, 1), np.roll(full, -1, 0)
    m, s = np.roll(h, -1, 1), np.roll(b, -1, 0)

    def average(p: Plane, q: Plane) -> Plane:
        return (p + q + 1) >> 1

    rows = (
        (full, average(full, b), b, average(right, b)),
        (average(full, h), average(b, h), average(b, j), average(b, m)),
        (h, average(h, j), j, average(j, m)),
        (average(below, h), average(h, s), average(j, s), average(m, s)),
    )
    return np.stack([plane for row in rows for plane in row])


def gather(planes: npt.NDArray[np.int32], which: npt.NDArray[np.int_], y: Plane, x: Plane, size: int) -> Plane:
    """Blocks of ``size`` x ``size`` at (y, x) of an edge-extended picture, out of one plane each."""
    rows = np.clip(y[:, None] + np.arange(size) + PAD, EDGE, planes.shape[1] - EDGE)
    columns = np.clip(x[:, None] + np.arange(size) + PAD, EDGE, planes.shape[2] - EDGE)
    return planes[which[:, None, None], rows[:, :, None], columns[:, None, :]]


def chroma_blocks(plane: Plane, y8: Plane, x8: Plane) -> Plane:
    """2x2 blocks at positions in eighths of a sample, bilinear."""
    padded = np.pad(plane, PAD, mode="edge")[None]
    zero = np.zeros(len(y8), int)
    fy, fx = (y8 & 7)[:, None, None], (x8 & 7)[:, None, None]
    block = gather(padded, zero, y8 >> 3, x8 >> 3, 3)
    a, b, c, d = block[:, :2, :2], block[:, :2, 1:], block[:, 1:, :2], block[:, 1:, 1:]
    return ((8 - fx) * (8 - fy) * a + fx * (8 - fy) * b + (8 - fx) * fy * c + fx * fy * d + 32) >> 6


def weighted(one: Plane, two: Plane, weights: Plane, uses: npt.NDArray[np.bool_]) -> Plane:
    """Sample prediction of clause 8.4.2.3; ``weights`` ``(n, list, [weight, offset, log2 denominator])``."""
    w, offset, shift = (weights[:, :, k, None, None] for k in range(3))
    predictions = np.stack([one, two], axis=1)
    rounding = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    alone = clip(((predictions * w + rounding) >> shift) + offset)
    log2 = shift[:, 0]
    both = clip(
        ((one * w[:, 0] + two * w[:, 1] + (1 << log2)) >> (log2 + 1)) + ((offset[:, 0] + offset[:, 1] + 1) >> 1)
    )
    use0, use1 = uses[:, 0, None, None], uses[:, 1, None, None]
    return np.where(use0 & use1, both, np.where(use0, alone[:, 0], alone[:, 1]))


def decode_unfiltered(path: Path, num_frames: int) -> list[list[Plane]]:
    """Planes of the coded (uncropped) pictures without the loop filter."""
    frames: list[list[Plane]] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"skip_loop_filter": "all", "apply_cropping": "0"}
        for frame in container.decode(stream):
            planes = []
            for plane in frame.planes[:3]:
                values = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
                planes.append(values[: plane.height, : plane.width].astype(np.int32))
            frames.append(planes)
            if len(frames) == num_frames:
                break
    return frames


def coded_packets(path: Path) -> tuple[bytes, list[bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.extradata or b"", [bytes(p) for p in container.demux(stream) if p.size]


def shown_by_libavcodec(path: Path) -> list[tuple[int | None, str]]:
    """Number of the packet and type of each picture, in display order."""
    shown = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        number = 0
        for packet in container.demux(stream):
            if packet.size:
                packet.pts = number
                number += 1
            shown += [
                (f.pts, "?IPBS"[f.pict_type]) for f in stream.codec_context.decode(packet if packet.size else None)
            ]
    return shown


def read_native(path: Path) -> list[_native.CodedPicture]:
    extradata, packets = coded_packets(path)
    reader = _native.H264Reader(extradata, residual=True, weights=True)
    pictures = [p for number, packet in enumerate(packets) for p in reader.feed(packet, number)]
    return pictures + reader.finish()


class Blocks:
    """The 4x4 blocks of a picture's inter macroblocks, as coded: those of field macroblocks lie in a field.

    ``ref`` counts frames and ``structure`` tells what of that frame a vector points into: 0 nothing, 1 the top field,
    2 the bottom field, 3 all of it; both ``(list, block)``, and ``mv`` ``(list, block, xy)``.
    """

    def __init__(self, picture: _native.CodedPicture) -> None:
        self.inter = np.isin(picture.macroblock_class, INTER)
        self.rows, self.columns = np.nonzero(np.kron(self.inter, np.ones((4, 4), bool)))
        mv, ref, structure = picture.mv, picture.ref, np.where(picture.ref != 0, 3, 0)
        self.field = np.zeros(len(self.rows), bool)
        if picture.field_macroblock is not None:
            assert picture.coded_mv is not None
            assert picture.coded_ref is not None
            assert picture.coded_structure is not None
            mv, ref, structure = picture.coded_mv, picture.coded_ref, picture.coded_structure
            self.field = picture.field_macroblock[self.rows // 4, self.columns // 4] != 0
        self.parity = np.where(self.field, self.rows // 4 % 2, 0)
        self.step = np.where(self.field, 2, 1)  # between lines, in lines of the frame
        # The first line, in 4x4 blocks of the frame or of the field.
        self.top = np.where(self.field, self.rows // 8 * 4 + self.rows % 4, self.rows)
        self.mv = mv[:, self.rows, self.columns].astype(np.int32)
        self.ref = ref[:, self.rows, self.columns].astype(int)
        self.structure = structure[:, self.rows, self.columns].astype(int)

    def samples(self, plane: npt.NDArray[np.signedinteger], size: int) -> Plane:
        """The blocks' samples of a plane of the frame, ``(block, size, size)``."""
        lines = self.top[:, None] * size + np.arange(size)
        rows = lines * self.step[:, None] + self.parity[:, None]
        columns = self.columns[:, None] * size + np.arange(size)
        return plane[rows[:, :, None], columns[:, None, :]].astype(np.int32)


def lines_of(plane: Plane, structure: int) -> Plane:
    return plane if structure == 3 else plane[structure - 1 :: 2]


class Reconstruction:
    """Motion compensation of a clip; ``shift_qpel`` is added to every vector, to see the check fail."""

    def __init__(self, frames: list[list[Plane]], shift_qpel: int = 0) -> None:
        self.frames = frames
        self.shift_qpel = shift_qpel
        self.luma = lru_cache(maxsize=30)(
            lambda index, structure: quarter_sample_planes(lines_of(frames[index][0], structure))
        )

    def count_wrong(self, index: int, picture: _native.CodedPicture) -> tuple[int, int]:
        """Inter macroblocks of a picture, and those of which some sample of any plane differs."""
        blocks = Blocks(picture)
        wrong = np.zeros_like(blocks.inter)
        if not np.any(wrong | blocks.inter):
            return 0, 0
        predictions = self._predict(index, blocks, picture)
        residuals = (picture.residual_y, picture.residual_cb, picture.residual_cr)
        for plane, (prediction, residual) in enumerate(zip(predictions, residuals, strict=True)):
            assert residual is not None
            size = prediction.shape[1]
            expected = blocks.samples(self.frames[index][plane], size)
            different = np.any(clip(prediction + blocks.samples(residual, size)) != expected, axis=(1, 2))
            wrong[blocks.rows[different] // 4, blocks.columns[different] // 4] = True
        return int(np.sum(blocks.inter)), int(np.sum(wrong))

    def _predict(self, index: int, blocks: Blocks, picture: _native.CodedPicture) -> list[Plane]:
        assert picture.weights is not None
        mv = blocks.mv + self.shift_qpel
        weights = picture.weights[blocks.rows // 2, blocks.columns // 2].astype(np.int32)
        predictions = []
        for plane in range(3):
            size = 4 if plane == 0 else 2
            lists = np.zeros((2, len(blocks.rows), size, size), np.int32)
            for k in range(2):
                sources = np.stack([blocks.ref[k], blocks.structure[k]])
                for distance, structure in np.unique(sources[:, sources[1] != 0], axis=1).T:
                    chosen = (blocks.ref[k] == distance) & (blocks.structure[k] == structure)
                    x, y = mv[k, chosen, 0], mv[k, chosen, 1]
                    top, left = blocks.top[chosen], blocks.columns[chosen]
                    source = index + int(distance)
                    if plane == 0:
                        at = top * 4 + (y >> 2), left * 4 + (x >> 2)
                        planes = self.luma(source, int(structure))
                        lists[k, chosen] = gather(planes, 4 * (y & 3) + (x & 3), *at, 4)
                    else:
                        # Chroma lines of the fields are a quarter line off where parities differ (Table 8-9).
                        shift = 2 * (blocks.parity[chosen] - (structure - 1)) if structure != 3 else 0
                        reference = lines_of(self.frames[source][plane], int(structure))
                        lists[k, chosen] = chroma_blocks(reference, top * 16 + y + shift, left * 16 + x)
            predictions.append(weighted(lists[0], lists[1], weights[:, :, plane], blocks.structure.T != 0))
        return predictions


def check_clip(path: Path, num_frames: int) -> int:
    frames = decode_unfiltered(path, num_frames)
    pictures = read_native(path)
    reconstruction = Reconstruction(frames)
    num_inter = 0
    for index, picture in enumerate(pictures[: len(frames)]):
        farthest = picture.ref if picture.coded_ref is None else picture.coded_ref
        if index + max(0, int(farthest.max())) >= len(frames):
            break
        inter, wrong = reconstruction.count_wrong(index, picture)
        assert wrong == 0, f"picture {index}: {wrong} of {inter} inter macroblocks differ"
        num_inter += inter
    assert num_inter > 0
    return num_inter
