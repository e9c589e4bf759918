"""Video Swin against the original implementations: same weights, same clip, same logits."""

from __future__ import annotations

from typing import Any

import pytest

from videotx.models.video_swin import VideoSwin, VideoSwinConfig

FIXTURES = [
    "swin_shift_official",
    "swin_shift_mmaction2",
    "swin_shift_torchvision",
    "swin_pad_official",
    "swin_pad_torchvision",
    "swin_tshort_official",
    "swin_tshort_torchvision",
    "swin_sshort_quirk_official",
    "swin_sshort_quirk_torchvision",
]


def video_swin_config_of(facts: dict[str, Any], **settings: Any) -> VideoSwinConfig:
    return VideoSwinConfig(
        num_classes=facts["num_classes"],
        num_frames=facts["num_frames"],
        resolution=(facts["height"], facts["width"]),
        dim=facts["dim"],
        depths=tuple(facts["depths"]),
        num_heads=tuple(facts["num_heads"]),
        tubelet=tuple(facts["patch"]),
        window=tuple(facts["window"]),
        mlp_ratio=facts["mlp_ratio"],
        **settings,
    )


@pytest.mark.parametrize("name", FIXTURES)
def test_video_swin_equals_its_original(name: str, load_reference: Any, check_parity: Any) -> None:
    reference = load_reference(name)
    model = VideoSwin(video_swin_config_of(reference.facts, truncate_position_bias="quirk" in name))
    check_parity(model, model.stages[0][0], reference)
