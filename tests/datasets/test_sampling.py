"""Which frames make a clip; labels; tubelets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videotx.datasets.labels import AnnotationFile, Annotations
from videotx.datasets.tubelets import join_tubelets, tubelets
from videotx.datasets.views import ClipSpec, FixedRate, Sampling, Segments, Views, WhenShort


def even(count: int, fps: float = 30.0) -> np.ndarray:
    return np.arange(count) / fps


@given(st.integers(1, 200), st.integers(1, 20), st.integers(1, 6), st.integers(0, 99), st.sampled_from(list(WhenShort)))
def test_dense_clips_lie_in_the_video(count: int, num: int, stride: int, seed: int, when_short: WhenShort) -> None:
    frames = ClipSpec(num, stride, when_short).draw(even(count), np.random.default_rng(seed))
    assert frames.shape == (num,)
    assert 0 <= frames.min() <= frames.max() < count
    if (num - 1) * stride < count:
        assert (np.diff(frames) == stride).all()


def test_dense_starts_cover_every_place() -> None:
    random = np.random.default_rng(0)
    starts = {int(ClipSpec(4, 3).draw(even(14), random)[0]) for _ in range(200)}
    assert starts == set(range(5))


def test_short_videos_loop_or_hold() -> None:
    assert ClipSpec(5, 2).view(even(4), 0, 1).tolist() == [0, 2, 0, 2, 0]
    assert ClipSpec(5, 2, WhenShort.HOLD).view(even(4), 0, 1).tolist() == [0, 2, 3, 3, 3]


def test_views_are_spread_evenly_and_one_is_centred() -> None:
    spec = ClipSpec(16, 4)
    assert spec.view(even(300), 0, 1)[0] == (300 - 61) // 2
    assert [int(spec.view(even(300), i, 10)[0]) for i in (0, 9)] == [0, 239]
    assert len({int(spec.view(even(300), i, 10)[0]) for i in range(10)}) == 10


def test_fixed_rate_follows_time_not_frames() -> None:
    seconds = np.concatenate([np.arange(30) / 30, 1 + np.arange(10) / 10])  # 30 fps, then 10
    frames = FixedRate(8, 4.0, WhenShort.HOLD).view(seconds, 0, 1)
    np.testing.assert_allclose(seconds[frames], np.arange(8) / 4, atol=0.1)
    assert (seconds[frames] <= np.arange(8) / 4 + 1e-6).all()
    for fps in (24.0, 29.97, 60.0):
        got = FixedRate(16, 8.0).view(even(500, fps), 0, 3)
        np.testing.assert_allclose(np.diff(got) / fps, 1 / 8, atol=1 / fps)
    assert FixedRate(4, 30.0).view(even(90, 30.0), 0, 3).tolist() == [0, 1, 2, 3]
    assert FixedRate(4, 10.0).view(even(6, 30.0), 0, 1).tolist() == [0, 3, 0, 3]


def test_segments_take_one_frame_of_each_part() -> None:
    frames = Segments(8).draw(even(80), np.random.default_rng(0))
    np.testing.assert_array_equal(frames // 10, np.arange(8))
    assert Segments(8).view(even(80), 0, 1).tolist() == list(range(5, 80, 10))
    assert Segments(4).view(even(2), 0, 1).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("sampling", [ClipSpec(), FixedRate(), Segments()])
def test_a_video_of_one_frame_is_a_clip(sampling: Sampling) -> None:
    assert sampling.view(np.zeros(1), 0, 1).tolist() == [0] * 16
    assert sampling.draw(np.zeros(1), np.random.default_rng(0)).tolist() == [0] * 16


def test_views_count_temporal_then_spatial() -> None:
    assert [Views(2, 3).split(i) for i in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    with pytest.raises(ValueError, match="view in"):
        Views(2, 3).split(6)


def test_single_labels_by_split(tmp_path: Path) -> None:
    path = tmp_path / "annotation.csv"
    path.write_text("video,label,split\nx/a.mp4,run,train\nb,jump,val\nc,jump,train\n")
    file = AnnotationFile(path, split_column="split", split="train")
    annotations = file.single()
    assert annotations.class_names == ("jump", "run")
    found = annotations.join(["x/a.mp4", "y/b.mp4", "z/c.mkv"])
    assert {k: int(v) for k, v in found.items()} == {0: 1, 2: 0}
    with pytest.raises(ValueError, match="class names, got 'run'"):
        file.single(class_names=["jump"])


def test_numbers_are_labels_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "annotation.tsv"
    path.write_text("video\tlabel\na\t17\n")
    assert int(AnnotationFile(path).single().targets["a"]) == 17


def test_charades_and_epic(tmp_path: Path) -> None:
    charades = tmp_path / "charades.csv"
    charades.write_text("id,actions\nA1,c001 0.0 2.5;c002 1.0 3.0\nB2,\n")
    multiple = AnnotationFile(charades, video="id").multiple("actions", ["c000", "c001", "c002"])
    assert [multiple.targets[k].tolist() for k in ("A1", "B2")] == [[0, 1, 1], [0, 0, 0]]
    epic = tmp_path / "epic.csv"
    epic.write_text("narration_id,verb_class,noun_class\nP01_01_0,3,10\n")
    assert AnnotationFile(epic, video="narration_id").verb_and_noun().targets["P01_01_0"].tolist() == [3, 10]
    with pytest.raises(ValueError, match="column 'video', got narration_id"):
        AnnotationFile(epic).verb_and_noun()


def test_joins_that_cannot_be_meant_are_refused() -> None:
    one = Annotations({"a": np.array(1)})
    with pytest.raises(ValueError, match="means two videos"):
        one.join(["x/a.mp4", "y/a.mp4"])
    with pytest.raises(ValueError, match="no video has an annotation"):
        one.join(["x/b.mp4"])


def test_tubelets_are_what_a_tubelet_embedding_multiplies() -> None:
    rgb = torch.randn(2, 4, 32, 48, 3)
    embedding = torch.nn.Conv3d(3, 7, (2, 16, 16), stride=(2, 16, 16))
    tokens = tubelets(rgb)
    assert tokens.shape == (2, 12, 1536)
    weight = embedding.weight.permute(0, 2, 3, 4, 1).flatten(1)  # d (t h w c)
    expected = embedding(rgb.permute(0, 4, 1, 2, 3)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(tokens @ weight.T + embedding.bias, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(join_tubelets(tokens, (4, 32, 48), (2, 16, 16)), rgb)
    with pytest.raises(ValueError, match="do not tile"):
        tubelets(rgb, (3, 16, 16))
    with pytest.raises(ValueError, match="expected 12 tokens"):
        join_tubelets(tokens[:, :-1], (4, 32, 48), (2, 16, 16))
