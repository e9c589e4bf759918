"""The MPEG-4 reader against what an instrumented decoder used: every array, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from videotx.extract._native import CodedPicture

CLIPS = ["RATRACE_wave_f_nm_np1_fr_goo_37.avi", "v_SoccerJuggling_g23_c01.avi", "vid_mpeg4_part2.mp4"]


@pytest.mark.parametrize("name", CLIPS)
def test_every_array_equals_the_truth(
    name: str, shared_videos: Path, shared_truth: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]
) -> None:
    with np.load(shared_truth / f"{Path(name).stem}.npz") as arrays:
        truth = {key: arrays[key] for key in arrays.files}
    height, width = truth["residual_y"].shape[1:]
    num_compared = 0
    for i, picture in enumerate(read_mpeg4(shared_videos / "action" / name, residual=True)):
        if i == len(truth["pict_type"]):
            break
        assert picture.residual_y is not None
        assert picture.residual_cb is not None
        assert picture.residual_cr is not None
        assert picture.type == truth["pict_type"][i]
        assert not picture.damaged
        assert picture.num_bits == truth["bits"][i]
        np.testing.assert_array_equal(picture.macroblock_class, truth["mb_class"][i])
        np.testing.assert_array_equal(picture.qp, truth["qp"][i])
        np.testing.assert_array_equal(picture.ref, truth["ref"][i])
        np.testing.assert_array_equal(picture.mv, truth["mv"][i])
        np.testing.assert_array_equal(picture.residual_y[:height, :width], truth["residual_y"][i])
        half = (slice(height // 2), slice(width // 2))
        np.testing.assert_array_equal(picture.residual_cb[half], truth["residual_cb"][i])
        np.testing.assert_array_equal(picture.residual_cr[half], truth["residual_cr"][i])
        num_compared += 1
    assert num_compared == len(truth["pict_type"])


@pytest.mark.parametrize("name", CLIPS)
def test_bits_of_macroblocks_fill_the_picture(
    name: str, shared_videos: Path, read_mpeg4: Callable[..., Iterator[CodedPicture]]
) -> None:
    # What is left is the headers and the stuffing at the end.
    for picture in read_mpeg4(shared_videos / "action" / name):
        if picture.id > 0:  # the first one carries the sequence headers
            assert 0 <= picture.num_bits - picture.macroblock_bits.sum() < 400 + 8 * 16 * picture.macroblock_rows
