"""VidTr checkpoints of gluonmm: full (a grid with two kinds of class tokens) and compact."""

from __future__ import annotations

from videotx.models.checkpoints.layout import Layout, Rule

_LAYER = r"encoder\.layers\.(\d+)"
_SHARED = (
    Rule(r"conv_stem\.(weight|bias)", r"embedding.\1"),
    Rule("pos_embedding", "positions.weight", lambda table: table.squeeze(0)),
    Rule(rf"{_LAYER}\.self_attn\.in_proj_(weight|bias)", r"blocks.\1.attention.qkv.\2"),
    Rule(rf"{_LAYER}\.self_attn\.out_proj\.(weight|bias)", r"blocks.\1.attention.proj.\2"),
    Rule(rf"{_LAYER}\.linear([12])\.(weight|bias)", r"blocks.\1.mlp.fc\2.\3"),
    Rule(rf"{_LAYER}\.norm([12])\.(weight|bias)", r"blocks.\1.norm\2.\3"),
    Rule(r"encoder\.norm\.(weight|bias)", r"norm.\1"),
    Rule(r"fc\.(weight|bias)", r"head.targets.label.\1"),
)

VIDTR_GLUONMM = Layout(
    name="VidTr, gluonmm",
    marker="cls_t",
    rules=(
        Rule("cls_s", "cls_of_steps.weight", lambda tokens: tokens.squeeze(1)),
        Rule("cls_t", "cls_of_places.weight", lambda tokens: tokens.squeeze(0)),
        *_SHARED,
    ),
)

COMPACT_VIDTR_GLUONMM = Layout(
    name="compact VidTr, gluonmm",
    marker="cls",
    rules=(Rule("cls", "cls", lambda token: token.flatten()), *_SHARED),
)
