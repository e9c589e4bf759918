"""Reading shards: the same as zarr-python, from any process, and never anything else than what was written."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr

from videotx.datasets import shard_files
from videotx.datasets.clips import ClipDataset, ClipIndex
from videotx.datasets.geometry import Window
from videotx.datasets.sample import Clip
from videotx.datasets.shards import ShardReadError, Shards, open_shards
from videotx.pipeline.store import ShardFormatError

STREAMS = ["rgb", "motion", "residual", "qp"]
ARRAYS = ["rgb", "motion", "ref", "residual", "qp"]


def as_zarr_reads(path: Path, shards: Shards, video: int, name: str) -> np.ndarray:
    first, count = int(shards.videos["first_frame"][video]), int(shards.videos["num_frames"][video])
    group = zarr.open_group(path / f"{shards.videos['shard'][video]:06d}", mode="r")
    return np.asarray(group[name][first : first + count])


@pytest.mark.parametrize("finalised", [True, False])
@pytest.mark.parametrize("residual", ["jpeg", "lossless"])
def test_every_stream_is_what_zarr_reads(make_shards: Any, residual: str, finalised: bool) -> None:
    path = make_shards(residual=residual, finalised=finalised)
    shards = open_shards(path)
    assert len(shards.readable()) == 5
    for video in shards.readable():
        frames = np.array([3, 0, 3, int(shards.videos["num_frames"][video]) - 1])
        read = shards.read(int(video), frames, STREAMS)
        for name in ARRAYS:
            found = read.residual.stored if name == "residual" and read.residual else getattr(read, name)
            expected = as_zarr_reads(path, shards, int(video), name)[frames]
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


def test_residual_comes_with_its_units(make_shards: Any) -> None:
    shards = open_shards(make_shards(residual="jpeg"))
    read = shards.read(0, [2], ["residual"]).residual
    assert read is not None
    np.testing.assert_array_equal(read.in_rgb_units(), 2 * (read.stored.astype(int) - 128))


def test_streams_that_are_not_asked_for_are_not_read(make_shards: Any) -> None:
    path = make_shards()
    shutil.rmtree(path / "000000" / "motion")
    read = open_shards(path).read(0, [0], ["rgb"])
    assert read.rgb is not None
    assert read.motion is None
    assert read.qp is None


def test_seconds_are_those_of_the_video(make_shards: Any) -> None:
    shards = open_shards(make_shards())
    for video in shards.readable():
        np.testing.assert_allclose(shards.seconds(int(video)), np.arange(shards.videos["num_frames"][video]) / 30)


def data_file(path: Path, name: str) -> Path:
    return next(p for p in (path / "000000" / name / "c").rglob("*") if p.is_file())


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("seed", range(6))
def test_one_flipped_bit_is_an_error_that_says_where(make_shards: Any, name: str, seed: int) -> None:
    path = make_shards()
    file = data_file(path, name)
    data = bytearray(file.read_bytes())
    position = int(np.random.default_rng(seed).integers(len(data) * 8))
    data[position // 8] ^= 1 << position % 8
    file.write_bytes(data)
    shards = open_shards(path)
    failures = []
    for video in np.flatnonzero(shards.videos["shard"] == 0):
        for frame in range(int(shards.videos["num_frames"][video])):
            try:
                shards.read(int(video), [frame], STREAMS)
            except ShardReadError as error:
                failures.append((str(shards.videos["path"][video]), frame, str(error)))
    assert len(failures) in (1, 99)  # the frame that holds the bit, or all of them when it is in the index
    for name_, frame, message in failures:
        place = f"frame {frame}:" if len(failures) == 1 else f"frames [{frame}]:"
        assert f"shard 000000 of {path}, video {name_}, {place}" in message


@pytest.mark.parametrize("name", ARRAYS)
def test_a_truncated_file_is_an_error(make_shards: Any, name: str) -> None:
    path = make_shards()
    file = data_file(path, name)
    file.write_bytes(file.read_bytes()[:-40])
    shards = open_shards(path)
    with pytest.raises(ShardReadError, match=r"shard 000000 of .*, video a/0\.mp4, frames \[1\]: .*checksum"):
        shards.read(0, [1], STREAMS)


def test_a_missing_shard_is_an_error(make_shards: Any) -> None:
    path = make_shards(finalised=True)
    shards = open_shards(path)
    shutil.rmtree(path / "000001")
    last = int(shards.readable()[-1])
    with pytest.raises(ShardReadError, match=r"shard 000001 .*video b/4\.mp4, frames \[0\]"):
        shards.read(last, [0], ["rgb"])
    with pytest.raises(ShardReadError, match=r"shard 000001 is missing"):
        open_shards(path)


def test_a_folder_that_holds_no_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShardFormatError, match=r"there is no zarr\.json"):
        open_shards(tmp_path)
    (tmp_path / "zarr.json").write_text(json.dumps({"attributes": {"format": "videotx-shards", "version": 99}}))
    with pytest.raises(ShardFormatError, match="got videotx-shards 99"):
        open_shards(tmp_path)


def test_wrong_requests_are_refused(make_shards: Any) -> None:
    shards = open_shards(make_shards())
    with pytest.raises(IndexError, match=r"frames in \[0, 20\)"):
        shards.read(0, [20], ["rgb"])
    with pytest.raises(ValueError, match="streams of motion, qp, residual, rgb"):
        shards.read(0, [0], ["depth"])
    with pytest.raises(ValueError, match="window of pictures of"):
        shards.read(0, [0], ["rgb"], Window.whole(20, 20))
    failed = int(np.flatnonzero(shards.videos["error"] != "")[0])
    with pytest.raises(ValueError, match="has no frames: cut short"):
        shards.read(failed, [0], ["rgb"])


def checksums(dataset: ClipDataset) -> list[int]:
    return [clip_checksum(dataset[ClipIndex(1, i)]) for i in range(len(dataset))]


def clip_checksum(clip: Clip) -> int:
    assert clip.rgb is not None
    assert clip.displacement is not None
    return hash((clip.rgb.numpy().tobytes(), clip.displacement.numpy().tobytes(), clip.video))


def wire_checksum(clip: Clip) -> tuple[str, int, float]:
    assert clip.rgb is not None
    assert clip.displacement is not None
    return clip.video, int(clip.rgb.long().sum()), float(clip.displacement.double().sum())


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_of_every_kind_see_the_same(make_shards: Any, method: str) -> None:
    dataset = ClipDataset(open_shards(make_shards()), streams=("rgb", "motion"), train=True)
    expected = [wire_checksum(dataset[ClipIndex(0, i)]) for i in range(len(dataset))]
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=None, num_workers=2, multiprocessing_context=multiprocessing.get_context(method)
    )
    assert [wire_checksum(clip) for clip in loader] == expected


def test_threads_see_the_same(make_shards: Any) -> None:
    dataset = ClipDataset(open_shards(make_shards()), streams=("rgb", "motion"), train=True)
    expected = checksums(dataset)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: checksums(dataset), range(8))) == [expected] * 8


def test_pickled_shards_read_the_same(make_shards: Any) -> None:
    shards = open_shards(make_shards())
    again = pickle.loads(pickle.dumps(shards))
    np.testing.assert_array_equal(again.read(1, [2], ["rgb"]).rgb, shards.read(1, [2], ["rgb"]).rgb)


def num_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_files_do_not_pile_up(make_shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_files, "MOST_OPEN_FILES", 3)
    shards = open_shards(make_shards())
    before = num_open_files()
    for i in range(2500):
        shards.read(
            int(shards.readable()[i % 5]), [i % 7], ["motion", "qp", "rgb"] if i % 50 == 0 else ["motion", "qp"]
        )
    assert num_open_files() <= before + 3
