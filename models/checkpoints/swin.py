"""Video Swin checkpoints (official, mmaction2 0.x and 1.x, torchvision), and 2-D Swin ones (official, timm)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import torch

from videotx.models.checkpoints.layout import Layout, Rule, Weights, WeightsReport
from videotx.models.layers.window import WindowPositionBias
from videotx.models.video_model import VideoModel

_COMPUTED = "computed from the window's size, not learned"


def _block(theirs: str, ours: Callable[[re.Match[str]], str], fc1: str, fc2: str) -> tuple[Rule, ...]:
    """Rules of a block; ``ours`` names it from a match whose last two groups are free for the names inside."""

    def inside(name: str) -> Callable[[re.Match[str]], str]:
        return lambda match: f"{ours(match)}.{match.expand(name)}"

    return (
        Rule(rf"{theirs}\.attn\.relative_position_bias_table", inside("attention.position_bias.weight")),
        Rule(rf"{theirs}\.attn\.relative_position_index", None, reason=_COMPUTED),
        Rule(rf"{theirs}\.attn_mask", None, reason=_COMPUTED),
        Rule(rf"{theirs}\.attn\.(qkv|proj)\.(weight|bias)", inside(r"attention.\3.\4")),
        Rule(rf"{theirs}\.(norm[12])\.(weight|bias)", inside(r"\3.\4")),
        Rule(rf"{theirs}\.mlp\.{fc1}\.(weight|bias)", inside(r"mlp.fc1.\3")),
        Rule(rf"{theirs}\.mlp\.{fc2}\.(weight|bias)", inside(r"mlp.fc2.\3")),
    )


def _stage_block(match: re.Match[str]) -> str:
    return match.expand(r"stages.\1.\2")


def _feature_block(match: re.Match[str]) -> str:
    return f"stages.{int(match[1]) // 2}.{match[2]}"  # torchvision numbers stages and mergings in one sequence


def _inflate(weights: Weights, model: VideoModel[Any], report: WeightsReport) -> None:
    """2-D weights to 3-D ones (the paper, section 3.3), with which a clip of one repeated image gives the image's
    logits.

    The tubelets' filter is the patches', repeated over the frames and divided by their number; the bias of an offset in
    space is that of this offset at every distance in time.
    """
    kernel = weights.get("embedding.weight")
    if kernel is None or kernel.ndim != 4:  # d 3 h w
        return
    frames = model.config.tubelet[0]
    weights["embedding.weight"] = (kernel / frames)[:, :, None].expand(-1, -1, frames, -1, -1)
    report.reshaped["embedding.weight"] = f"inflated over {frames} frames"
    for name, table in model.named_modules():
        key = f"{name}.weight"
        if not isinstance(table, WindowPositionBias) or key not in weights:
            continue
        bias = weights[key]
        side = (math.isqrt(bias.shape[0]) + 1) // 2
        with torch.device("meta"):
            flat = WindowPositionBias((1, side, side), bias.shape[1])
        if bias.shape == flat.weight.shape:  # if not, it is reported as mismatched
            weights[key] = table.resized_from(bias, flat)
            report.interpolated[key] = f"{tuple(bias.shape)} -> {tuple(weights[key].shape)}"


_BACKBONE = r"(?:backbone\.)?"
_EMBEDDING = (
    Rule(rf"{_BACKBONE}patch_embed\.proj\.(weight|bias)", r"embedding.\1"),
    Rule(rf"{_BACKBONE}patch_embed\.norm\.(weight|bias)", r"embedding_norm.\1"),
)
_BLOCKS = _block(rf"{_BACKBONE}layers\.(\d+)\.blocks\.(\d+)", _stage_block, "fc1", "fc2")
_MERGING = rf"{_BACKBONE}layers\.(\d+)\.downsample\.(reduction|norm)\.(weight|bias)"

SWIN_OFFICIAL = Layout(
    name="Swin, official or mmaction2",
    marker=rf"{_BACKBONE}layers\.0\.blocks\.0\.attn\.qkv\.weight",
    rules=(
        *_EMBEDDING,
        *_BLOCKS,
        Rule(_MERGING, r"mergings.\1.\2.\3"),
        Rule(rf"{_BACKBONE}norm\d*\.(weight|bias)", r"norm.\1"),  # mmaction2 1.x appends the stage's number
        Rule(r"(?:cls_head\.fc_cls|head)\.(weight|bias)", r"head.targets.label.\1"),
    ),
    adapt=_inflate,
)

SWIN_TIMM = Layout(
    name="2-D Swin, timm",
    marker=r"head\.fc\.weight|layers\.3\.downsample\..*",
    rules=(
        *_EMBEDDING,
        *_BLOCKS,
        # timm puts a merging at the beginning of the stage behind it.
        Rule(_MERGING, lambda match: f"mergings.{int(match[1]) - 1}.{match[2]}.{match[3]}"),
        Rule(r"norm\.(weight|bias)", r"norm.\1"),
        Rule(r"head\.fc\.(weight|bias)", r"head.targets.label.\1"),
    ),
    adapt=_inflate,
)

SWIN_TORCHVISION = Layout(
    name="Video Swin, torchvision",
    marker=r"features\.0\.0\.attn\.qkv\.weight",
    rules=(
        *_EMBEDDING,
        *_block(r"features\.(\d+)\.(\d+)", _feature_block, "0", "3"),
        Rule(
            r"features\.(\d+)\.(reduction|norm)\.(weight|bias)",
            lambda match: f"mergings.{int(match[1]) // 2}.{match[2]}.{match[3]}",
        ),
        Rule(r"norm\.(weight|bias)", r"norm.\1"),
        Rule(r"head\.(weight|bias)", r"head.targets.label.\1"),
    ),
)
