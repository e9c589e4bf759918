"""How the papers trained and tested each family, as settings: ``train.py --recipe NAME`` takes them as its defaults.

A recipe names its source. Where the source does something that these settings cannot say, a comment tells what stands
in its place; batch sizes are those of all processes together, and ``lr_batch`` scales the learning rate to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Settings that differ from the defaults, and where they are written."""

    settings: dict[str, Any]
    source: str


SCENIC = "scenic, projects/vivit/configs"
GLUONMM = "gluonmm, scripts/action_recognition/config"
VIDEO_SWIN = "Video-Swin-Transformer, configs/recognition/swin"
SLOWFAST = "SlowFast, configs"

# Colours change with probability 0.8 in scenic, in the manner of SimCLR; here always, and half as strongly.
_VIVIT: dict[str, Any] = {
    "num_frames": 32,
    "stride": 2,
    "crop": "jitter",
    "short_side": (230, 340),  # 256, times 0.9 to 1.33
    "normalise": "minus_one_to_one",
    "colour_jitter": 0.2,
    "optimiser": "sgd",
    "lr_batch": 64,
    "weight_decay": 0.0,
    "epochs": 30,
    "warmup_epochs": 2.5,
    "clip_norm": 1.0,
    "test_views": (4, 3),
    "test_average": "logits",
}

_VIDEO_SWIN: dict[str, Any] = {
    "num_frames": 32,
    "stride": 2,
    "crop": "resized",
    "normalise": "imagenet",
    "head_dropout": 0.5,
    "optimiser": "adamw",
    "lr_batch": 64,
    "backbone_lr": 0.1,
    "epochs": 30,
    "warmup_epochs": 2.5,
    "test_views": (4, 3),
    "test_short_side": 224,
    "test_average": "probabilities",
}

_MVIT: dict[str, Any] = {
    "crop": "resized",
    "normalise": "kinetics",
    "rand_augment": (4, 7),
    "erasing": 0.25,
    "mixup": 0.8,
    "cutmix": 1.0,
    "label_smoothing": 0.1,
    "repeats": 2,
    "optimiser": "adamw",
    "lr": 1.6e-3,
    "lr_batch": 512,
    "weight_decay": 0.05,
    "epochs": 200,
    "warmup_epochs": 30.0,
    "warmup_from": 1e-6 / 1.6e-3,
    "final_lr": 1e-6 / 1.6e-3,
    "clip_norm": 1.0,
    "test_views": (5, 1),
    "test_average": "probabilities",
}

RECIPES: dict[str, Recipe] = {
    # Starts from ViT-B/16 of ImageNet-21k (--init-image), as all of ViViT does.
    "vivit_k400": Recipe(
        {**_VIVIT, "model": "vivit_base_model1", "lr": 0.1}, f"{SCENIC}/kinetics400/vivit_base_k400.py"
    ),
    "vivit_factorised_k400": Recipe(
        {**_VIVIT, "model": "vivit_base_model2", "lr": 0.05}, f"{SCENIC}/kinetics400/vivit_base_factorised_encoder.py"
    ),
    # RandAugment of magnitude 15 there, on a scale to 10 here; its temporal encoder has 4 layers, not the variant's 24.
    "vivit_epic_kitchens": Recipe(
        {
            **_VIVIT,
            "model": "vivit_large_model2",
            "model_settings": {"temporal_depth": 4},
            "targets": "verb_noun",
            "num_classes": (97, 300),
            "stride": 1,
            "colour_jitter": 0.0,
            "rand_augment": (2, 10),
            "mixup": 0.1,
            "label_smoothing": 0.2,
            "drop_path": 0.2,
            "lr": 0.5,
            "epochs": 50,
        },
        f"{SCENIC}/epic_kitchens/vivit_large_factorised_encoder.py",
    ),
    "vidtr_k400": Recipe(
        {
            "model": "vidtr_small",
            "crop": "jitter",
            "normalise": "imagenet",
            "optimiser": "sgd",
            "lr": 0.01,
            "lr_batch": 24,  # three clips on each of eight GPUs
            "weight_decay": 1e-5,
            "epochs": 50,
            "lr_drops": (25, 40),
            "test_views": (10, 3),
            "test_short_side": 224,
            "test_average": "probabilities",
        },
        f"{GLUONMM}/vidtr_s_8x8_patch16_224_k400.yaml; arXiv 2104.11746, section 4",
    ),
    "video_swin_tiny_k400": Recipe(
        {**_VIDEO_SWIN, "model": "video_swin_tiny", "lr": 1e-3, "weight_decay": 0.02},
        f"{VIDEO_SWIN}/swin_tiny_patch244_window877_kinetics400_1k.py; arXiv 2106.13230, section 4.1",
    ),
    "video_swin_base_k400": Recipe(
        {**_VIDEO_SWIN, "model": "video_swin_base", "lr": 3e-4, "weight_decay": 0.05},
        f"{VIDEO_SWIN}/swin_base_patch244_window877_kinetics400_22k.py; arXiv 2106.13230, section 4.1",
    ),
    # Starts from the model of Kinetics-400 (--init-video).
    "video_swin_base_ssv2": Recipe(
        {
            **_VIDEO_SWIN,
            "model": "video_swin_base_ssv2",
            "sampling": "segments",
            "flip": 0.0,
            "rand_augment": (4, 7),
            "erasing": 0.25,
            "label_smoothing": 0.1,
            "drop_path": 0.4,
            "lr": 3e-4,
            "weight_decay": 0.05,
            "epochs": 60,
            "test_views": (1, 3),
        },
        f"{VIDEO_SWIN}/swin_base_patch244_window1677_sthv2.py",
    ),
    "mvit_k400": Recipe(
        {**_MVIT, "model": "mvit_base_16x4"},
        f"arXiv 2104.11227, appendix D.1; {SLOWFAST}/Kinetics/MVIT_B_16x4_CONV.yaml",
    ),
    "mvit_v2_k400": Recipe({**_MVIT, "model": "mvit_v2_small_16x4"}, f"{SLOWFAST}/Kinetics/MVITv2_S_16x4.yaml"),
    # Starts from the model of Kinetics-400 (--init-video).
    "mvit_v2_ssv2": Recipe(
        {
            **_MVIT,
            "model": "mvit_v2_small_16x4",
            "sampling": "segments",
            "crop": "jitter",
            "flip": 0.0,
            "repeats": 1,
            "drop_path": 0.4,
            "optimiser": "sgd",
            "lr": 0.0025,
            "lr_batch": 16,
            "weight_decay": 1e-4,
            "epochs": 100,
            "warmup_epochs": 3.0,
            "warmup_from": 1e-4 / 0.0025,
            "final_lr": 1e-6 / 0.0025,
            "clip_norm": None,
            "test_views": (1, 3),
        },
        f"{SLOWFAST}/SSv2/MVITv2_S_16x4.yaml",
    ),
    # The paper's recipe is not public. This one is ours: that of image ViTs that are fine-tuned.
    "dvt_k400": Recipe(
        {
            "model": "dvt_base",
            "crop": "resized",
            "crop_area": (0.3, 1.0),
            "normalise": "imagenet",
            "rand_augment": (2, 9),
            "label_smoothing": 0.1,
            "drop_path": 0.1,
            "optimiser": "adamw",
            "lr": 1e-3,
            "lr_batch": 256,
            "layer_decay": 0.75,
            "epochs": 30,
            "warmup_epochs": 2.5,
            "clip_norm": 1.0,
            "test_views": (4, 3),
            "test_average": "probabilities",
        },
        "ours",
    ),
}
