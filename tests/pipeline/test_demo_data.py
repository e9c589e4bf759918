"""The made set does what its table says, and is the same every time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from videotx.extract.reader import open_video
from videotx.pipeline.demo_data import CLASSES, CameraMotion, camera_frames, demo_clips, make_demo_set, random_texture


def test_a_set_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_demo_set(tmp_path / name, num_clips=9, num_frames=3, width=64, height=48, seed=5)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_table_lists_every_clip_and_both_codecs(tmp_path: Path) -> None:
    make_demo_set(tmp_path / "set", num_clips=2 * len(CLASSES), num_frames=2, width=64, height=48)
    with (tmp_path / "set" / "motion.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["label"], row["codec"]) for row in rows} == {(c, k) for c in CLASSES for k in ("libx264", "mpeg4")}
    for row in rows:
        with open_video(tmp_path / "set" / row["path"]) as reader:
            assert reader.info.codec == {"libx264": "h264", "mpeg4": "mpeg4"}[row["codec"]]
            assert len(list(reader)) == 2


def test_a_longer_set_begins_like_a_shorter_one() -> None:
    assert demo_clips(20, seed=1)[:9] == demo_clips(9, seed=1)
    assert demo_clips(9, seed=2) != demo_clips(9, seed=1)


def test_content_moves_as_declared() -> None:
    texture = random_texture(np.random.default_rng(0))
    first, second = camera_frames(texture, CameraMotion(dx_px=3, dy_px=-2), 2, 64, 48)
    np.testing.assert_array_equal(second[:-2, 3:], first[2:, :-3])
    first, second = camera_frames(texture, CameraMotion(rotation_degrees=90), 2, 65, 65)
    np.testing.assert_allclose(second, np.rot90(first, k=-1), atol=1)  # k=-1 is clockwise
    first, second = camera_frames(texture, CameraMotion(zoom_percent=100), 2, 65, 65)
    np.testing.assert_allclose(second[::2, ::2], first[16:49, 16:49], atol=1)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="expected a new or empty folder"):
        make_demo_set(tmp_path)
