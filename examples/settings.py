"""Every setting of a training run. `train.py --help` prints them; `recipes.py` holds those of the papers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from flags import setting

TargetKind = Literal["single", "multiple", "verb_noun"]
Precision = Literal["float32", "bfloat16", "float16"]

# What may differ between the two parts of a run that was interrupted: nothing here changes what is learned.
FREE_TO_CHANGE = frozenset(
    {
        "out",
        "test_views",
        "test_short_side",
        "test_average",
        "workers",
        "device",
        "save_every",
        "keep",
        "log_every",
        "tensorboard",
        "progress",
        "plots",
        "threads",
    }
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a training run; empty, 0 or None mean what the help of the field says."""

    # Data
    shards: Path = setting(Path("shards.zarr"), "shards to train on")
    out: Path = setting(Path("run"), "folder for checkpoints, logs, plots and weights")
    val_shards: Path | None = setting(None, "shards to evaluate on; else a split or a share of the training shards")
    val_share: float = setting(0.1, "share of the videos kept for evaluation where no split is given")
    annotations: Path | None = setting(None, "CSV or TSV of labels; else those stored in the shards")
    targets: TargetKind | None = setting(
        None, "one class per video, several, or a verb and a noun; else what is stored"
    )
    video_column: str = setting("video", "column of --annotations with the videos' names")
    label_columns: tuple[str, ...] = setting((), "its column of labels, or of verbs and of nouns")
    split_column: str | None = setting(None, "its column that tells splits apart")
    train_split: str = setting("train", "split of videos to train on: a value there, or a split stored in the shards")
    val_split: str = setting("val", "split of videos to evaluate on")
    class_names: Path | None = setting(None, "file of class names, one a line, in the order of the logits")
    num_classes: tuple[int, ...] = setting((), "number of classes, or of verbs and of nouns; else found in the data")

    # Model
    model: str = setting("dvt_tiny", "a name of videotx.models; `videotx models` lists them")
    model_settings: dict[str, Any] = setting({}, "fields of its config to change: dim=64 depth=2")
    init_image: Path | None = setting(None, "image ViT to start from (timm, Hugging Face)")
    init_video: Path | None = setting(
        None, "video checkpoint to start from, of any layout videotx knows; new classifier"
    )
    drop_path: float | None = setting(None, "stochastic depth of the last block; else the variant's")
    head_dropout: float | None = setting(None, "dropout before the classifier; else the variant's")
    checkpoint_activations: bool = setting(False, "recompute blocks in the backward pass: less memory, a third slower")

    # Clips
    num_frames: int | None = setting(None, "frames of a clip; else the variant's")
    size: int | None = setting(None, "side of the crop in pixels; else the variant's")
    sampling: Literal["dense", "segments", "rate"] = setting(
        "dense", "every stride-th frame, one per segment, or --fps"
    )
    stride: int | None = setting(None, "frames from one sampled frame to the next; else the variant's")
    fps: float = setting(7.5, "frames per second, for --sampling rate")
    streams: tuple[str, ...] = setting((), "of rgb, motion, residual; else those the model reads")
    crop: Literal["resized", "jitter", "centre", "whole"] = setting(
        "resized", "how the window of a training clip is drawn"
    )
    crop_area: tuple[float, float] = setting((0.08, 1.0), "share of the picture of --crop resized")
    crop_aspect: tuple[float, float] = setting((0.75, 4 / 3), "aspect ratios of --crop resized")
    short_side: tuple[int, int] = setting((256, 320), "lengths of the short side of --crop jitter, for a size of 224")
    flip: float = setting(0.5, "probability of mirroring; 0 where left and right are classes")
    normalise: Literal["kinetics", "imagenet", "minus_one_to_one"] = setting("kinetics", "mean and deviation of RGB")
    cached_draws: int = setting(
        0, "decode this many random clips per video once, into memory, and train on those alone"
    )

    # Augmentation of values
    rand_augment: tuple[int, int] = setting((0, 9), "changes per clip and their magnitude (0 to 10)")
    colour_jitter: float = setting(0.0, "brightness, contrast, saturation within 1 +- this")
    erasing: float = setting(0.0, "probability of erasing a rectangle")
    mixup: float = setting(0.0, "alpha of MixUp")
    cutmix: float = setting(0.0, "alpha of CutMix; with MixUp too, each batch takes one of them")
    label_smoothing: float = setting(0.0, "share of the target given to all classes")

    # Optimisation
    epochs: int = setting(30, "times every video is seen")
    steps: int | None = setting(None, "optimiser steps, in place of --epochs")
    batch_size: int = setting(8, "clips of a forward pass of one process")
    accumulate: int = setting(1, "forward passes per optimiser step")
    repeats: int = setting(
        1, "random clips of each video in a batch (repeated augmentation); epochs take so much longer"
    )
    optimiser: Literal["adamw", "sgd"] = setting("adamw", "")
    lr: float = setting(1e-3, "learning rate after warm-up")
    lr_batch: int | None = setting(None, "clips per step that --lr is for: other numbers scale it linearly")
    betas: tuple[float, float] = setting((0.9, 0.999), "of AdamW")
    momentum: float = setting(0.9, "of SGD")
    weight_decay: float = setting(0.05, "not applied to norms, biases and tables of positions")
    layer_decay: float = setting(1.0, "factor of the learning rate from each block to the one before it")
    backbone_lr: float = setting(1.0, "factor of the learning rate of all but the classifier")
    warmup_epochs: float = setting(0.0, "epochs over which the learning rate rises from --warmup-from")
    warmup_from: float = setting(0.0, "share of the learning rate that warm-up begins with")
    final_lr: float = setting(0.0, "share of the learning rate that the cosine ends with")
    lr_drops: tuple[int, ...] = setting(
        (), "epochs at which the learning rate falls to a tenth, in place of the cosine"
    )
    clip_norm: float | None = setting(None, "largest norm of the gradient")
    ema: float = setting(0.0, "decay of a moving average of the weights, which then is what is evaluated and kept")

    # Testing, with evaluate.py
    test_views: tuple[int, int] = setting((1, 1), "temporal and spatial views of a video")
    test_short_side: int | None = setting(None, "short side before cropping; else 8/7 of the size")
    test_average: Literal["probabilities", "logits"] = setting("probabilities", "what is averaged over the views")

    # The run
    seed: int = setting(0, "")
    device: str = setting("auto", "cpu, cuda, or auto")
    precision: Precision = setting("float32", "of activations; float16 scales the loss")
    compile: bool = setting(False, "torch.compile the model")
    workers: int = setting(2, "processes that load clips, per process that trains")
    threads: int | None = setting(None, "threads of torch on the CPU; else torch's choice")
    evaluate_every: int | None = setting(None, "steps between evaluations; else once an epoch")
    save_every: int | None = setting(None, "steps between checkpoints; else once an epoch")
    keep: int = setting(2, "how many checkpoints stay")
    log_every: int = setting(10, "steps between writes to the log, which has a line for each step")
    tensorboard: bool = setting(False, "write TensorBoard events too")
    progress: bool = setting(True, "show a progress bar")
    plots: bool = setting(True, "draw loss and accuracy at the end")

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "repeats", "keep", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, got {getattr(self, name)}")
        if self.batch_size % self.repeats:
            raise ValueError(f"expected a batch of whole sets of {self.repeats} clips, got {self.batch_size}")
        if self.init_image is not None and self.init_video is not None:
            raise ValueError("expected one of init_image and init_video, got both")
        if self.targets == "multiple" and self.annotations is not None and self.class_names is None:
            raise ValueError("targets 'multiple' of a file need class_names, a file with a name per line")

    def plain(self) -> dict[str, Any]:
        """The settings in types of JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Settings:
        """The settings that `plain` gave, from JSON too."""
        paths = {field.name for field in fields(cls) if "Path" in str(field.type)}
        settings: dict[str, Any] = {}
        for name, value in values.items():
            settings[name] = tuple(value) if isinstance(value, list) else value
            if name in paths and value is not None:
                settings[name] = Path(value)
        return cls(**settings)
