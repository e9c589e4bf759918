"""Video Swin checkpoints (official, mmaction2 0.x and 1.x, torchvision), and 2-D Swin ones (official, timm)."""

from __future__ import annotations

import re
from collections.abc import Callable

from videotx.models.checkpoints.layout import Layout, Rule

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
