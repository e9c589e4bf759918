"""The native reader's values decode: motion compensation from them, plus the residual, gives libavcodec's samples.

libavcodec decodes with ``skip_loop_filter=all``, so that references and result are both unfiltered. A small motion
compensation in NumPy (clause 8.4.2) from its pictures with our vectors, references and weights, plus our residual,
must then equal its next picture bit for bit in every inter macroblock: in real streams, and in streams that x264 makes
here over a grid of its settings.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from videotx.extract import _native

Plane = npt.NDArray[np.int32]
PAD = 16  # by which pictures are extended
EDGE = 5  # of these, the outer ones are spoilt by rolling; from there on an extended picture does not change any more
INTER = (5, 6, 7, 8, 9)

FAST = [
    "conformance/CVFC1_Sony_C.jsv",
    "conformance/FRExt2_Panasonic.avc",
    "conformance/HCAFF1_HHI.264",
    "conformance/HCAMFF1_HHI.264",
    "h264_features/x264_high_weightp2_b_pyramid_ref16.mp4",
]
SLOW = [
    "action/R6llTwEh07w.mp4",
    "action/SOX5yA1l24A.mp4",
    "action/intel_walk.mkv",
    "action/mmaction2_demo.mp4",
    "action/sample_demo_1.mp4",
    "action/vid_h264.264",
    "conformance/BA1_FT_C.264",
    "conformance/FREXT02_JVC_C.264",
    "conformance/FRExt_MMCO4_Sony_B.264",
    "conformance/Freh1_B.264",
    "conformance/Freh2_B.264",
    "conformance/HCAFR2_HHI.264",
    "conformance/HPCA_BRCM_C.264",
    "conformance/HPCV_BRCM_A.264",
    "conformance/freh5.264",
    "conformance/MR1_BT_A.h264",
    "conformance/MR2_TANDBERG_E.264",
    "conformance/test_cif_P_CABAC_slice.264",
    "h264_features/x264_high444pred_lossless.mp4",
    "h264_features/x264_high_spatial_direct_cavlc.mp4",
    "h264_features/x264_high_temporal_direct.mp4",
    "h264_features/x264_main_mbaff_tff.mp4",
    "h264_features/x264_main_multislice8_b.mp4",
    "h264_features/x264_qp1_pcm_noise.mp4",
]


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


def read_native(path: Path) -> list[_native.CodedPicture]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        reader = _native.H264Reader(stream.codec_context.extradata or b"", residual=True, weights=True)
        packets = [packet for packet in container.demux(stream) if packet.size]
        pictures = [p for i, packet in enumerate(packets) for p in reader.feed(bytes(packet), i)]
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


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_prediction_plus_residual_is_the_picture(name: str, shared_videos: Path) -> None:
    check_clip(shared_videos / name, 60 if name in SLOW else 16)


def test_wrong_vectors_are_noticed(shared_videos: Path) -> None:
    path = shared_videos / "conformance" / "CVFC1_Sony_C.jsv"
    frames = decode_unfiltered(path, 4)
    picture = read_native(path)[1]
    inter, wrong = Reconstruction(frames, shift_qpel=1).count_wrong(1, picture)
    assert wrong > 0.5 * inter


GRID = {
    "baseline": "no-cabac=1:bframes=0:ref=1:8x8dct=0:weightp=0",
    "cavlc_all_partitions": "no-cabac=1:bframes=2:ref=3:partitions=all:8x8dct=1",
    "temporal_direct": "bframes=3:direct=temporal:ref=4:partitions=all",
    "spatial_direct": "bframes=3:direct=spatial:ref=4:b-pyramid=none",
    "auto_direct_pyramid": "bframes=8:direct=auto:b-pyramid=normal:ref=16:b-adapt=0",
    "no_direct": "bframes=3:direct=none:ref=2:weightb=0",
    "strict_pyramid": "bframes=5:b-pyramid=strict:b-adapt=0:ref=5",
    "weightp2": "bframes=2:weightp=2:ref=5",
    "weightp1": "bframes=0:weightp=1:ref=2",
    "slices": "slices=5:bframes=3:ref=3",
    "slice_size": "slice-max-size=200:bframes=2",
    "intra_refresh": "intra-refresh=1:bframes=0:keyint=8",
    "open_gop": "open-gop=1:keyint=6:min-keyint=2:bframes=3",
    "lossless": "qp=0:bframes=2",
    "coarse": "qp=45:bframes=3:8x8dct=1",
    "fine": "qp=4:bframes=3:8x8dct=1:partitions=all",
    "jvt_matrices": "cqm=jvt:bframes=2:8x8dct=1",
    "aq_chroma_offset": "aq-mode=1:aq-strength=2:chroma-qp-offset=-6:bframes=1",
    "fake_interlaced": "fake-interlaced=1:bframes=3:direct=temporal",
    "fake_interlaced_spatial": "fake-interlaced=1:bframes=3:direct=spatial:no-cabac=1",
    "mbaff": "tff=1:bframes=3:ref=4:b-pyramid=normal:partitions=all:8x8dct=1",
    "mbaff_spatial": "tff=1:bframes=3:direct=spatial:ref=3:partitions=all:b-adapt=0",
    "mbaff_temporal": "bff=1:bframes=3:direct=temporal:ref=4:partitions=all:b-adapt=0",
    "mbaff_temporal_pyramid": "tff=1:bframes=7:direct=temporal:ref=8:b-pyramid=normal:b-adapt=0",
    "mbaff_cavlc": "bff=1:no-cabac=1:bframes=3:direct=temporal:ref=3:partitions=all:8x8dct=1",
    "mbaff_cavlc_spatial": "tff=1:no-cabac=1:bframes=2:direct=spatial:ref=2:8x8dct=0",
    "mbaff_p_only": "tff=1:bframes=0:ref=16:weightp=0:8x8dct=1:partitions=all",
    "mbaff_slices": "tff=1:slices=3:bframes=3:ref=3:direct=auto",
    "mbaff_unweighted": "tff=1:bframes=3:weightb=0:direct=none:ref=5",
    "mbaff_lossless": "tff=1:qp=0:bframes=2",
    "mbaff_fine": "bff=1:qp=4:bframes=3:cqm=jvt:partitions=all",
    "mbaff_coarse": "tff=1:qp=45:bframes=3:direct=temporal",
    "mbaff_coarse_cavlc": "tff=1:qp=45:bframes=3:direct=temporal:no-cabac=1",
    "mbaff_open_gop": "tff=1:open-gop=1:keyint=6:min-keyint=2:bframes=3",
}


def synthetic_clip(path: Path, parameters: str, width: int, height: int, num_frames: int) -> None:
    """A textured background that pans, a fast square, a fade and some noise; of two moments where it is interlaced."""
    generator = np.random.default_rng(7)
    texture = generator.integers(0, 256, (height // 8 + 12, width // 8 + 12)).astype(float)
    texture = np.kron(texture, np.ones((8, 8)))
    texture = (texture + np.roll(texture, 3, 0) + np.roll(texture, 5, 1)) / 3
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"x264-params": f"{parameters}:threads=1:scenecut=0", "preset": "medium"}

        def moment(t: int) -> npt.NDArray[np.float64]:
            luma = texture[t : t + height, 2 * t : 2 * t + width] * (0.5 + 0.5 * t / num_frames)
            luma = luma + generator.normal(0, 3, (height, width))
            luma[20 + 3 * t : 52 + 3 * t, 10 + 5 * t : 42 + 5 * t] = 220 - 4 * t
            return luma

        for t in range(num_frames):
            luma = moment(t)
            if "ff=1" in parameters:  # here and there; the rest is better coded as frame macroblocks
                y, x = np.indices(luma.shape)
                luma = np.where((y % 2 == 1) & ((y // 40 + x // 56 + t) % 2 == 0), moment(t + 1), luma)
            picture = np.stack([luma, np.roll(luma, 9, 1), luma[::-1]], axis=-1).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", GRID)
def test_streams_of_x264(name: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    width, height = (178, 142) if name in ("slices", "weightp2") else (176, 144)
    synthetic_clip(path, GRID[name], width, height, 14)
    pictures = read_native(path)
    assert len(pictures) == 14
    assert not any(picture.damaged for picture in pictures)
    check_clip(path, 14)
    check_export(path, pictures)


def check_export(path: Path, pictures: list[_native.CodedPicture]) -> None:
    """libavcodec's vectors are ours, or fillers of lists that a block does not use.

    Field macroblocks stand one above the other in its export as in ours, and their vectors count lines of the field;
    those of 16x8 and 8x16 macroblocks alone it gives in lines of the frame.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"flags2": "+export_mvs"}
        for frame, picture in zip(container.decode(stream), pictures, strict=True):
            vectors = frame.side_data.get("MOTION_VECTORS")
            if vectors is None:
                assert not np.any(picture.ref)
                continue
            exported = vectors.to_ndarray()
            columns = (exported["dst_x"] - exported["w"] // 2) // 4
            rows = (exported["dst_y"] - exported["h"] // 2) // 4
            lists = (exported["source"] > 0).astype(int)
            mv = np.stack([exported["motion_x"], exported["motion_y"]], axis=-1)
            ours = (picture.mv if picture.coded_mv is None else picture.coded_mv)[lists, rows, columns].astype(int)
            if picture.field_macroblock is not None:
                field = picture.field_macroblock[rows // 4, columns // 4] != 0
                ours[:, 1] *= np.where(field & (exported["w"] != exported["h"]), 2, 1)
            np.testing.assert_array_equal(ours, mv)
