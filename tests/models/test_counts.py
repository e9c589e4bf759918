"""Every published variant has the size and the cost of its original, counted without allocating a weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from videotx.models import MODELS
from videotx.models.macs import count_gmacs, count_params

COUNTED_ON_ORIGINALS = {
    ("vivit", "B16x2_model1"): "vivit_base_model1",
    ("vivit", "B16x2_model2"): "vivit_base_model2",
    ("vivit", "B16x2_model3"): "vivit_base_model3",
    ("vivit", "B16x2_model4"): "vivit_base_model4",
    ("vivit", "B16x2_model2_average"): "vivit_base_average",
    ("vivit", "L16x2_model1_224"): "vivit_large_model1",
    ("vivit", "L16x2_model2_temporal24"): "vivit_large_model2",
    ("vidtr", "VidTr-S"): "vidtr_small",
    ("vidtr", "VidTr-M"): "vidtr_medium",
    ("vidtr", "VidTr-L"): "vidtr_large",
    ("vidtr", "C-VidTr-S"): "compact_vidtr_small",
    ("vidtr", "C-VidTr-M"): "compact_vidtr_medium",
    ("video_swin", "T"): "video_swin_tiny",
    ("video_swin", "S"): "video_swin_small",
    ("video_swin", "B"): "video_swin_base",
    ("video_swin", "L"): "video_swin_large",
    ("video_swin", "L_384"): "video_swin_large_384",
    ("video_swin", "B_SSv2"): "video_swin_base_ssv2",
    ("mvit", "MViT-B_16x4_conv"): "mvit_base_16x4",
    ("mvit", "MViT-B_16x4_max"): "mvit_base_16x4_max",
    ("mvit", "MViT-B_32x3"): "mvit_base_32x3",
    ("mvit", "MViT-B_64x3"): "mvit_base_64x3",
    ("mvit", "MViT-B-24_32x3"): "mvit_base_24_32x3",
    ("mvit", "MViTv2-S_16x4"): "mvit_v2_small_16x4",
    ("mvit", "MViTv2-B_32x3"): "mvit_v2_base_32x3",
    ("mvit", "image_MViT-B-16_conv"): "mvit_image_base_16",
    ("mvit", "image_MViT-B-16_max"): "mvit_image_base_16_max",
    ("mvit", "image_MViT-B-24_conv"): "mvit_image_base_24",
    ("mvit", "image_MViT-B-24_max"): "mvit_image_base_24_max",
    ("mvit", "image_MViT-B-24-wide-320_conv"): "mvit_image_base_24_wide_320",
    ("mvit", "image_MViT-B-24-wide-320_max"): "mvit_image_base_24_wide_320_max",
    ("mvit", "image_MViTv2-T"): "mvit_v2_image_tiny",
    ("mvit", "image_MViTv2-S"): "mvit_v2_image_small",
    ("mvit", "image_MViTv2-B"): "mvit_v2_image_base",
}


@pytest.mark.parametrize("name", MODELS)
def test_the_registry_tells_the_true_size_and_cost(name: str) -> None:
    spec = MODELS[name]
    with torch.device("meta"):
        assert count_params(spec.model(spec.config)) == spec.num_params
    assert count_gmacs(spec.model, spec.config) == pytest.approx(spec.gmacs, rel=1e-4)


@pytest.mark.parametrize(("original", "name"), COUNTED_ON_ORIGINALS.items(), ids=str)
def test_size_and_cost_are_those_of_the_original(original: tuple[str, str], name: str, shared_reference: Path) -> None:
    counted = json.loads((shared_reference / "full_counts.json").read_text())[original[0]][original[1]]
    assert MODELS[name].num_params == counted["params"]
    assert MODELS[name].gmacs == pytest.approx(counted["gmac"], rel=1e-2)
