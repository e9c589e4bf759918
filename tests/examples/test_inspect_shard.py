"""The picture of a clip: what is drawn is what moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from train import train
from videotx.datasets import open_shards
from videotx.pipeline.demo_data import KINDS, demo_clips

pytest.importorskip("matplotlib")

from inspect_shard import At, main, moving_patches, read_clip, row_of, velocity


def picture_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_a_clip_is_drawn_without_a_model(demo_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(demo_shards), str(tmp_path / "clip.png"), "--video", "left", "--stride", "2"]) == 0
    assert "left/00001.mp4, frames [0, 2, 4, 6]" in capsys.readouterr().out
    picture = picture_of(tmp_path / "clip.png")
    assert picture.shape[0] > 500
    assert picture.std() > 20


def test_a_trained_model_looks_where_it_has_learned_to(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    tiny = {"dim": 16, "depth": 2, "num_heads": 2, "mlp_dim": 32, "subclip_frames": 2}
    settings = settings_of(model="dvt_tiny", model_settings=tiny, num_frames=4, steps=2, lr=0.05)
    train(settings)
    drawn = [str(settings.shards), str(tmp_path / "clip.png"), "--from-run", str(settings.out), "--patches", "2", "3"]
    assert main(drawn) == 0
    first = picture_of(tmp_path / "clip.png")
    assert main([*drawn, "--block", "0"]) == 0
    assert not np.array_equal(picture_of(tmp_path / "clip.png"), first)


def test_runs_of_other_models_are_refused(settings_of: Callable[..., Any], tmp_path: Path) -> None:
    settings = settings_of(steps=1)
    train(settings)
    with pytest.raises(ValueError, match="expected a run of DVT, got one of ViViT"):
        main([str(settings.shards), str(tmp_path / "clip.png"), "--from-run", str(settings.out)])


@pytest.mark.parametrize("name", ["left", "right", "up", "down"])
def test_arrows_are_the_known_motion(demo_shards: Path, name: str) -> None:
    clip_made = next(clip for clip in demo_clips(KINDS["camera"], 16, 0) if clip.label == name)
    shards = open_shards(demo_shards)
    clip = read_clip(shards, row_of(shards, clip_made.path), At(2, 2, 4))
    moving, known = velocity(clip, 1)
    assert known.mean() > 0.5
    expected = (clip_made.camera.dx_px, clip_made.camera.dy_px)
    np.testing.assert_allclose(np.median(moving[known], axis=0), expected, atol=0.2)


def test_moving_patches_lie_apart(demo_shards: Path) -> None:
    shards = open_shards(demo_shards)
    patches = moving_patches(read_clip(shards, 0, At(0, 4, 2)), 3)
    assert patches
    for i, (row, column) in enumerate(patches):
        assert all(max(abs(row - r), abs(column - c)) >= 2 for r, c in patches[:i])


def test_wrong_places_are_errors(demo_shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a readable video with 'sideways' in its path"):
        main([str(demo_shards), str(tmp_path / "clip.png"), "--video", "sideways"])
    with pytest.raises(ValueError, match=r"expected frames below 12, got some up to 22"):
        main([str(demo_shards), str(tmp_path / "clip.png"), "--start", "10"])
