"""Side data of libavcodec to grids, against painting cell by cell in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotx.extract import REF_UNKNOWN, _native

# AVMotionVector (libavutil/motion_vector.h); the six bytes of padding at its end hold whatever was in memory.
AV_MOTION_VECTOR = np.dtype(
    {
        "names": ["source", "w", "h", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale", "padding"],
        "formats": ["<i4", "u1", "u1", "<i2", "<i2", "<i4", "<i4", "<u2", "V6"],
        "offsets": [0, 4, 5, 10, 12, 24, 28, 32, 34],
        "itemsize": 40,
    }
)

Block = tuple[int, int, int, int, int, int, int]  # list, x, y, w, h, motion x, motion y


def side_data_of(blocks: list[Block], scale: int = 4, padding: int = 0) -> npt.NDArray[np.uint8]:
    records = np.zeros(len(blocks), AV_MOTION_VECTOR)
    for record, (which, x, y, w, h, mx, my) in zip(records, blocks, strict=True):
        record["source"] = 1 if which else -1
        record["w"], record["h"] = w, h
        record["dst_x"], record["dst_y"] = x + w // 2, y + h // 2
        record["motion_x"], record["motion_y"], record["motion_scale"] = mx, my, scale
        record["padding"] = bytes([padding] * 6)
    return records.view(np.uint8)


def paint(
    side_data: npt.NDArray[np.uint8],
    rows: int,
    columns: int,
    *,
    block: int = 8,
    crop: tuple[int, int] = (0, 0),
    lists: tuple[int, int] = (-1, 1),
    field_blocks_unknown: bool = False,
    both_unknown: bool = False,
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int8], int]:
    mv = np.zeros((2, rows, columns, 2), np.int16)
    ref = np.zeros((2, rows, columns), np.int8)
    count, ambiguous = _native.rasterise_vectors(
        side_data,
        mv,
        ref,
        block=block,
        crop_left=crop[0],
        crop_top=crop[1],
        list0=lists[0],
        list1=lists[1],
        field_blocks_unknown=field_blocks_unknown,
        both_unknown=both_unknown,
    )
    assert count == side_data.size // 40
    return mv, ref, ambiguous


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7),
            st.integers(0, 5),
            st.sampled_from([(16, 16), (16, 8), (8, 16), (8, 8)]),
            st.integers(-300, 300),
            st.integers(-300, 300),
        ),
        max_size=20,
    ),
    st.sampled_from([4, 8]),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_each_cell_takes_the_block_that_covers_its_top_left_sample(
    blocks: list[tuple[int, int, tuple[int, int], int, int]], block: int, crop_left: int, crop_top: int
) -> None:
    coded = [(0, 8 * x, 8 * y, *size, mx, my) for x, y, size, mx, my in blocks]
    rows, columns = 48 // block, 64 // block
    expected_mv = np.zeros((rows, columns, 2), np.int16)
    expected_ref = np.zeros((rows, columns), np.int8)
    for _, x, y, w, h, mx, my in coded:
        for row in range(rows):
            for column in range(columns):
                sample_x, sample_y = block * column + crop_left, block * row + crop_top
                if x <= sample_x < x + w and y <= sample_y < y + h:
                    expected_mv[row, column] = (mx, my)
                    expected_ref[row, column] = -3
    mv, ref, _ = paint(side_data_of(coded), rows, columns, block=block, crop=(crop_left, crop_top), lists=(-3, 2))
    assert np.array_equal(mv[0], expected_mv)
    assert np.array_equal(ref[0], expected_ref)
    assert not ref[1].any()


def test_half_sample_vectors_are_doubled() -> None:
    mv, _, _ = paint(side_data_of([(0, 0, 0, 16, 16, -3, 5)], scale=2), 2, 2)
    assert (mv[0] == (-6, 10)).all()


def test_padding_of_the_records_does_not_matter() -> None:
    blocks = [(0, 0, 0, 16, 8, 3, -4), (1, 0, 8, 16, 8, 1, 1)]
    one, other = (paint(side_data_of(blocks, padding=value), 2, 2) for value in (0, 0xA5))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_fillers_of_lists_that_a_partition_may_not_use_are_unknown() -> None:
    """Both lists exported for both 16x8 partitions, one zero in each: either may be real, none is trusted."""
    blocks = [
        (0, 0, 0, 16, 8, 5, 5), (0, 0, 8, 16, 8, 0, 0),
        (1, 0, 0, 16, 8, 0, 0), (1, 0, 8, 16, 8, -7, 2),
    ]  # fmt: skip
    mv, ref, ambiguous = paint(side_data_of(blocks), 2, 2)
    assert ref.tolist() == [[[-1, -1], [REF_UNKNOWN] * 2], [[REF_UNKNOWN] * 2, [1, 1]]]
    assert (mv[1, 0] == 0).all()
    assert ambiguous == 4


def test_zero_vectors_of_whole_macroblocks_are_real() -> None:
    _, ref, ambiguous = paint(side_data_of([(0, 0, 0, 16, 16, 5, 5), (1, 0, 0, 16, 16, 0, 0)]), 2, 2)
    assert (ref[0] == -1).all()
    assert (ref[1] == 1).all()
    assert ambiguous == 0


def test_two_zero_vectors_of_a_partition_are_kept_and_counted() -> None:
    _, ref, ambiguous = paint(side_data_of([(0, 0, 0, 8, 8, 0, 0), (1, 0, 0, 8, 8, 0, 0)]), 2, 2)
    assert ref[:, 0, 0].tolist() == [-1, 1]
    assert ambiguous == 1


def test_unknown_motion_is_stored_as_unknown_and_never_as_a_vector() -> None:
    data = side_data_of([(0, 0, 0, 16, 16, 9, 9), (1, 16, 0, 8, 8, 9, 9)])
    mv, ref, _ = paint(data, 2, 4, lists=(REF_UNKNOWN, REF_UNKNOWN), both_unknown=True)
    assert not mv.any()
    assert (ref[:, :, :2] == REF_UNKNOWN).all()
    assert (ref[:, 0, 2] == REF_UNKNOWN).all()
    assert (ref[:, :, 3] == 0).all()
    field = paint(side_data_of([(0, 0, 0, 16, 8, 9, 9)]), 2, 2, field_blocks_unknown=True)
    assert (field[1][0, 0] == REF_UNKNOWN).all()


def test_vectors_that_do_not_fit_are_unknown() -> None:
    _, ref, _ = paint(side_data_of([(0, 0, 0, 8, 8, 40000, 0), (0, 8, 0, 8, 8, 32767, -32768)]), 1, 2)
    assert ref[0, 0].tolist() == [REF_UNKNOWN, -1]
    _, ref, _ = paint(side_data_of([(0, 0, 0, 8, 8, 1, 1)], scale=0), 1, 1)
    assert ref[0, 0, 0] == REF_UNKNOWN


def test_blocks_outside_the_picture_are_left_out() -> None:
    mv, ref, _ = paint(side_data_of([(0, -16, -16, 16, 16, 1, 1), (0, 640, 0, 16, 16, 1, 1)]), 2, 2)
    assert not ref.any()
    assert not mv.any()


def test_side_data_of_another_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="40-byte"):
        paint(np.zeros(41, np.uint8), 2, 2)
    with pytest.raises(ValueError, match="power of two"):
        paint(side_data_of([]), 2, 2, block=6)


def quantiser_data(blocks: list[tuple[int, int, int]], base: int) -> npt.NDArray[np.uint8]:
    header = np.zeros(64, np.uint8)
    header[0:4] = np.array([len(blocks)], "<u4").view(np.uint8)
    header[8:16] = np.array([64], "<u8").view(np.uint8)
    header[16:24] = np.array([20], "<u8").view(np.uint8)
    header[28:32] = np.array([base], "<i4").view(np.uint8)
    body = np.array([(x, y, 16, 16, delta) for x, y, delta in blocks], "<i4").reshape(-1).view(np.uint8)
    return np.concatenate([header, body])


def test_quantisers_follow_the_crop_and_the_codec() -> None:
    data = quantiser_data([(16 * x, 16 * y, 4 * y + 2 * x) for y in range(3) for x in range(3)], base=10)
    qp = np.zeros((2, 2), np.int8)
    assert _native.rasterise_quantisers(data, qp, crop_left=0, crop_top=0, divisor=1)
    assert qp.tolist() == [[10, 12], [14, 16]]
    assert _native.rasterise_quantisers(data, qp, crop_left=10, crop_top=20, divisor=2)
    assert qp.tolist() == [[7, 8], [9, 10]]


def test_quantisers_of_an_unknown_layout_are_told_apart() -> None:
    qp = np.zeros((2, 2), np.int8)
    data = quantiser_data([(0, 0, 0)], base=10)
    for wrong in (data[:60], data[:-1]):
        assert not _native.rasterise_quantisers(wrong, qp, crop_left=0, crop_top=0, divisor=1)
