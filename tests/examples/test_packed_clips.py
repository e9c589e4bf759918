"""What is packed comes back: exactly, or as near as the file's steps are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from packed_clips import NUM_FRAMES, PATCH, SIDE, SUBCLIP, PackedClips, between_all, load, main, other_frames
from videotx.datasets import Clip, ClipDataset, ClipSpec, open_shards
from videotx.datasets.clips import Geometry
from videotx.datasets.crops import WholePicture
from videotx.models.motion_embedding import other_frames as model_other_frames


def clips_of(shards: Path, stride: int) -> list[Clip]:
    """The clips that are packed, by number."""
    clips = ClipDataset(
        open_shards(shards),
        ClipSpec(NUM_FRAMES, stride),
        streams=("rgb", "motion", "residual"),
        train=False,
        crop=WholePicture(SIDE, SIDE),
        geometry=Geometry(patch=PATCH),
    )
    return sorted((clips[i] for i in range(len(clips))), key=lambda clip: int(Path(clip.video).stem))


@pytest.fixture(scope="module")
def originals(object_shards: Path) -> list[Clip]:
    return clips_of(object_shards, 2)


@pytest.fixture(scope="module")
def clips(packed: Path) -> PackedClips:
    return load(packed)


def of_pairs(between: torch.Tensor) -> torch.Tensor:
    """Of motion (t, t', ...) the pairs that the models look at, (t, k, ...)."""
    return torch.stack([between[t, others] for t, others in enumerate(model_other_frames(NUM_FRAMES, SUBCLIP))])


def test_the_others_are_those_that_models_look_at() -> None:
    assert other_frames().tolist() == model_other_frames(NUM_FRAMES, SUBCLIP)


def test_pictures_come_back_as_near_as_jpeg_is(originals: list[Clip], clips: PackedClips) -> None:
    expected = torch.stack([clip.rgb for clip in originals])
    assert clips.rgb.shape == (12, NUM_FRAMES, SIDE, SIDE, 3)
    assert clips.rgb.dtype == torch.uint8
    error = (clips.rgb.float() - expected.float()).square().mean((1, 2, 3, 4))
    assert 10 * torch.log10(255**2 / error).min() > 30  # PSNR, dB


def test_motion_comes_back_to_half_a_step(originals: list[Clip], clips: PackedClips) -> None:
    valid = torch.stack([of_pairs(clip.valid) for clip in originals])
    displacement = torch.stack([of_pairs(clip.displacement) for clip in originals])
    residual = torch.stack([of_pairs(clip.residual) for clip in originals])
    assert torch.equal(clips.valid, valid)
    assert 0.3 < valid.float().mean() < 1
    assert displacement[valid].abs().max() > 2
    assert (clips.displacement - displacement).abs().max() <= 1 / 32
    assert (clips.residual - residual.clamp(-127, 127)).abs().max() <= 0.5


def test_clips_are_in_the_order_of_their_numbers(originals: list[Clip], clips: PackedClips) -> None:
    assert len(clips) == 12
    assert clips.number.tolist() == list(range(12))
    assert [clips.class_names[label] for label in clips.label] == [Path(clip.video).parent.name for clip in originals]


def test_rows_are_picked_from_every_tensor(clips: PackedClips) -> None:
    some = clips[torch.tensor([4, 1])]
    assert some.number.tolist() == [4, 1]
    assert torch.equal(some.rgb[1], clips.rgb[1])
    assert torch.equal(some.residual[0], clips.residual[4])
    assert some.class_names == clips.class_names


def test_motion_between_all_frames_is_zero_but_within_sub_clips(originals: list[Clip], clips: PackedClips) -> None:
    whole = between_all(clips.valid)
    assert whole.shape == (12, NUM_FRAMES, NUM_FRAMES, SIDE // PATCH, SIDE // PATCH)
    frame = torch.arange(NUM_FRAMES)
    looked_at = (frame[:, None] // SUBCLIP == frame // SUBCLIP) & (frame[:, None] != frame)
    for clip, valid in zip(originals, whole, strict=True):
        assert torch.equal(valid[looked_at], clip.valid[looked_at])
    assert not whole[:, ~looked_at].any()
    assert between_all(clips.displacement).shape == (*whole.shape, 2)


def test_names_that_are_no_numbers_are_refused(
    object_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stem", property(lambda path: f"clip_{path.name}"))
        with pytest.raises(ValueError, match=r"expected a number as the file name, got \w+/\d+\.mp4"):
            main([f"{object_shards}", f"{tmp_path / 'clips.npz'}"])
    assert not (tmp_path / "clips.npz").exists()


def test_the_command_says_how_it_is_used(
    packed: Path, object_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "shards out" in capsys.readouterr().err
    assert main([f"{object_shards}", f"{tmp_path / 'again.npz'}"]) == 0
    assert "again.npz: 12 clips" in capsys.readouterr().out
    with np.load(packed) as one, np.load(tmp_path / "again.npz") as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)


def test_frames_may_be_next_to_each_other(object_shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "near.npz"
    main([f"{object_shards}", f"{out}", "--stride", "1"])
    near, originals = load(out), clips_of(object_shards, 1)
    valid = torch.stack([of_pairs(clip.valid) for clip in originals])
    displacement = torch.stack([of_pairs(clip.displacement) for clip in originals])
    assert torch.equal(near.valid, valid)
    assert (near.displacement - displacement)[valid].abs().max() <= 1 / 32
