"""Video Swin beyond its originals: inflation of image weights, windows of another length, clips of another size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from videotx.models.checkpoints import CheckpointError, load_pretrained
from videotx.models.video_swin import VideoSwin, VideoSwinConfig

TINY = VideoSwinConfig(
    num_classes=5, num_frames=8, resolution=(32, 32), dim=16, depths=(2, 2), num_heads=(2, 4), window=(2, 4, 4)
)


def swin_2d() -> VideoSwin:
    """A 2-D Swin is a Video Swin of one frame; its tables are made large enough to matter."""
    torch.manual_seed(1)
    model = VideoSwin(replace(TINY, num_frames=1, tubelet=(1, 4, 4), window=(1, 4, 4))).eval()
    for name, parameter in model.named_parameters():
        if "position_bias" in name or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.5)
    return model


def official_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a one-frame Video Swin as the 2-D Swin repository would save it."""
    renamed = {"layers.0.blocks.1.attn_mask": torch.zeros(4, 16, 16)}
    for ours, tensor in state.items():
        key = ours.replace("embedding_norm", "patch_embed.norm").replace("embedding.", "patch_embed.proj.")
        key = key.replace("attention.position_bias.weight", "attn.relative_position_bias_table")
        key = key.replace("attention.", "attn.").replace("head.targets.label", "head")
        parts = key.split(".")
        if parts[0] == "stages":
            key = ".".join(["layers", parts[1], "blocks", *parts[2:]])
        elif parts[0] == "mergings":
            key = ".".join(["layers", parts[1], "downsample", *parts[2:]])
        renamed[key] = tensor.squeeze(2) if key == "patch_embed.proj.weight" else tensor
    return renamed


def timm_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for key, tensor in official_keys(state).items():
        if key.startswith("head."):
            renamed[key.replace("head.", "head.fc.")] = tensor
        elif ".downsample." in key:
            parts = key.split(".")
            renamed[".".join(["layers", str(int(parts[1]) + 1), *parts[2:]])] = tensor
        else:
            renamed[key] = tensor
    return renamed


@pytest.mark.parametrize("layout", [official_keys, timm_keys])
def test_inflated_image_weights_see_a_still_clip_as_its_image(layout: Any, tmp_path: Path) -> None:
    image_model = swin_2d()
    torch.save({"model": layout(image_model.state_dict())}, tmp_path / "swin.pth")
    model = VideoSwin(TINY).eval()
    report = load_pretrained(model, tmp_path / "swin.pth")
    assert report.complete
    assert report.ignored["layers.0.blocks.1.attn_mask"]
    assert report.reshaped["embedding.weight"] == "inflated over 2 frames"
    assert len(report.interpolated) == 4  # one table per block

    image = torch.randn(2, 3, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(image.expand(-1, -1, 8, -1, -1)), image_model(image), rtol=0, atol=1e-5)


def test_a_head_for_other_classes_is_an_error_unless_a_new_one_is_asked_for(tmp_path: Path) -> None:
    torch.save(official_keys(swin_2d().state_dict()), tmp_path / "swin.pth")
    model = VideoSwin(replace(TINY, num_classes=7))
    with pytest.raises(CheckpointError, match=r"head\.targets\.label\.weight: expected \(7, 32\), got \(5, 32\)"):
        load_pretrained(model, tmp_path / "swin.pth")
    report = load_pretrained(model, tmp_path / "swin.pth", new_head=True)
    assert set(report.kept) == {"head.targets.label.weight", "head.targets.label.bias"}


def test_weights_of_another_window_are_interpolated_and_reported(tmp_path: Path) -> None:
    short = VideoSwin(TINY)
    torch.save(official_keys(short.state_dict()), tmp_path / "short.pth")
    longer = VideoSwin(replace(TINY, window=(4, 4, 4)))
    with pytest.raises(CheckpointError, match="position_bias"):
        load_pretrained(longer, tmp_path / "short.pth")
    report = load_pretrained(longer, tmp_path / "short.pth", source=TINY)
    assert report.interpolated["stages.1.0.attention.position_bias.weight"] == "(147, 4) -> (343, 4)"


@pytest.mark.parametrize("size", [(8, 32, 32), (3, 32, 32), (8, 17, 40), (1, 8, 8), (16, 64, 20)])
def test_clips_of_any_size_are_taken(size: tuple[int, int, int]) -> None:
    model = VideoSwin(TINY).eval()
    with torch.no_grad():
        tokens = model.forward_features(torch.randn(2, 3, *size))
    t, h, w = -(-size[0] // 2), -(-size[1] // 4), -(-size[2] // 4)
    assert tokens.shape == (2, t * -(-h // 2) * -(-w // 2), 32)


def test_stages_without_heads_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"same stages, got \(2, 2\) and \(2,\)"):
        replace(TINY, num_heads=(2,))
