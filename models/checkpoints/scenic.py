"""ViViT checkpoints of scenic (Flax): kernels are stored input first, attention by head."""

from __future__ import annotations

from torch import Tensor

from videotx.models.checkpoints.layout import Layout, Rule


def _transposed(kernel: Tensor) -> Tensor:
    return kernel.t()  # in out -> out in


def _from_heads(kernel: Tensor) -> Tensor:
    return kernel.flatten(1).t()  # d heads d/heads -> (heads d/heads) d


def _to_output(kernel: Tensor) -> Tensor:
    return kernel.flatten(0, 1).t()  # heads d/heads d -> d (heads d/heads)


def _flat(tensor: Tensor) -> Tensor:
    return tensor.flatten()


def _without_batch(table: Tensor) -> Tensor:
    return table.squeeze(0)  # 1 n d -> n d


def _norm(flax: str, ours: str) -> tuple[Rule, ...]:
    return Rule(f"{flax}/scale", rf"{ours}.weight"), Rule(f"{flax}/bias", rf"{ours}.bias")


def _dense(flax: str, ours: str) -> tuple[Rule, ...]:
    return Rule(f"{flax}/kernel", rf"{ours}.weight", _transposed), Rule(f"{flax}/bias", rf"{ours}.bias")


def _attention(flax: str, ours: str) -> tuple[Rule, ...]:
    parts = tuple(
        rule
        for i, name in enumerate(("query", "key", "value"))
        for rule in (
            Rule(f"{flax}/{name}/kernel", rf"{ours}.qkv.weight[{i}/3]", _from_heads),
            Rule(f"{flax}/{name}/bias", rf"{ours}.qkv.bias[{i}/3]", _flat),
        )
    )
    out = Rule(f"{flax}/out/kernel", rf"{ours}.proj.weight", _to_output), Rule(f"{flax}/out/bias", rf"{ours}.proj.bias")
    return parts + out


def _encoder(flax: str, ours: str) -> tuple[Rule, ...]:
    block, our_block = rf"{flax}/encoderblock_(\d+)", rf"{ours}.blocks.\1"
    return (
        Rule(f"{flax}/posembed_input/pos_embedding", f"{ours}.positions.weight", _without_batch),
        *_norm(f"{flax}/encoder_norm", f"{ours}.norm"),
        *_norm(f"{block}/LayerNorm_0", f"{our_block}.norm1"),
        *_norm(f"{block}/LayerNorm_1", f"{our_block}.norm2"),
        *_attention(f"{block}/MultiHeadDotProductAttention_0", f"{our_block}.attention"),
        *_dense(f"{block}/MlpBlock(?:_0)?/Dense_0", f"{our_block}.mlp.fc1"),
        *_dense(f"{block}/MlpBlock(?:_0)?/Dense_1", f"{our_block}.mlp.fc2"),
        *_model3_block(block, our_block),
    )


def _model3_block(flax: str, ours: str) -> tuple[Rule, ...]:
    norms = (_norm(f"{flax}/LayerNorm_{part}", f"{ours}.norm_{part}") for part in ("time", "space", "mlp"))
    attentions = (
        _attention(f"{flax}/MultiHeadDotProductAttention_{axis}", f"{ours}.attention_{axis}")
        for axis in ("time", "space")
    )
    return tuple(rule for rules in (*norms, *attentions) for rule in rules)


VIVIT_SCENIC = Layout(
    name="ViViT, scenic",
    marker=r"(Spatial)?Transformer/encoder_norm/scale",
    rules=(
        Rule("embedding/kernel", "embedding.weight", lambda kernel: kernel.permute(4, 3, 0, 1, 2)),
        Rule("embedding/bias", "embedding.bias"),
        Rule("cls(_SpatialTransformer)?", "encoder.cls", _flat),
        Rule("cls_TemporalTransformer", "temporal_encoder.cls", _flat),
        *_encoder("(?:Spatial)?Transformer", "encoder"),
        *_encoder("TemporalTransformer", "temporal_encoder"),
        *_dense("output_projection", "head.targets.label"),
    ),
)
