"""ViViT (model 1) checkpoints of Hugging Face transformers: the 4.x key layout of the hub, and the one of 5.x."""

from __future__ import annotations

from videotx.models.checkpoints.layout import Layout, Rule

_SHARED = (
    Rule(r"vivit\.embeddings\.cls_token", "encoder.cls", lambda token: token.flatten()),
    Rule(r"vivit\.embeddings\.position_embeddings", "encoder.positions.weight", lambda table: table.squeeze(0)),
    Rule(r"vivit\.embeddings\.patch_embeddings\.projection\.(weight|bias)", r"embedding.\1"),
    Rule(r"vivit\.layernorm\.(weight|bias)", r"encoder.norm.\1"),
    Rule(r"classifier\.(weight|bias)", r"head.targets.label.\1"),
)


def _rows(block: str, names: tuple[str, str, str]) -> tuple[Rule, ...]:
    return tuple(
        Rule(rf"{block}\.{name}\.(weight|bias)", rf"encoder.blocks.\1.attention.qkv.\2[{i}/3]")
        for i, name in enumerate(names)
    )


_BLOCK_4 = r"vivit\.encoder\.layer\.(\d+)"
VIVIT_HF_4 = Layout(
    name="ViViT, Hugging Face transformers 4.x",
    marker=_BLOCK_4 + r"\..*",
    rules=(
        *_SHARED,
        *_rows(rf"{_BLOCK_4}\.attention\.attention", ("query", "key", "value")),
        Rule(rf"{_BLOCK_4}\.attention\.output\.dense\.(weight|bias)", r"encoder.blocks.\1.attention.proj.\2"),
        Rule(rf"{_BLOCK_4}\.layernorm_before\.(weight|bias)", r"encoder.blocks.\1.norm1.\2"),
        Rule(rf"{_BLOCK_4}\.layernorm_after\.(weight|bias)", r"encoder.blocks.\1.norm2.\2"),
        Rule(rf"{_BLOCK_4}\.intermediate\.dense\.(weight|bias)", r"encoder.blocks.\1.mlp.fc1.\2"),
        Rule(rf"{_BLOCK_4}\.output\.dense\.(weight|bias)", r"encoder.blocks.\1.mlp.fc2.\2"),
    ),
)

_BLOCK_5 = r"vivit\.layers\.(\d+)"
VIVIT_HF_5 = Layout(
    name="ViViT, Hugging Face transformers 5.x",
    marker=_BLOCK_5 + r"\..*",
    rules=(
        *_SHARED,
        *_rows(rf"{_BLOCK_5}\.attention", ("q_proj", "k_proj", "v_proj")),
        Rule(rf"{_BLOCK_5}\.attention\.o_proj\.(weight|bias)", r"encoder.blocks.\1.attention.proj.\2"),
        Rule(rf"{_BLOCK_5}\.layernorm_before\.(weight|bias)", r"encoder.blocks.\1.norm1.\2"),
        Rule(rf"{_BLOCK_5}\.layernorm_after\.(weight|bias)", r"encoder.blocks.\1.norm2.\2"),
        Rule(rf"{_BLOCK_5}\.mlp\.(fc1|fc2)\.(weight|bias)", r"encoder.blocks.\1.mlp.\2.\3"),
    ),
)
