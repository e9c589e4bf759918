"""MViT checkpoints: SlowFast and the MViTv2 image repository (fused and split qkv), pytorchvideo, torchvision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from videotx.models.checkpoints.layout import Layout, Rule, Weights, WeightsReport
from videotx.models.video_model import VideoModel


def _without_batch(table: Tensor) -> Tensor:
    return table.squeeze(0)  # 1 n d -> n d


def _flat(token: Tensor) -> Tensor:
    return token.flatten()


def _one_row(token: Tensor) -> Tensor:
    return token.view(1, -1)


def _with_time(kernel: Tensor) -> Tensor:
    return kernel.unsqueeze(2) if kernel.ndim == 4 else kernel  # image models: out in h w -> out in 1 h w


def _join_positions(weights: Weights, model: VideoModel[Any], report: WeightsReport) -> None:
    """Tables over space and over time into the one joint table of a model that has it: the sum at every place."""
    if not model.config.joint_positions or not {"positions.weight", "time_positions.weight"} <= weights.keys():
        return
    prefix, space = weights["positions.weight"][:1], weights["positions.weight"][1:]
    time = weights.pop("time_positions.weight")
    weights["positions.weight"] = torch.cat([prefix, (time[:, None] + space).flatten(0, 1)])
    report.sources["positions.weight"] += report.sources.pop("time_positions.weight")
    report.reshaped["positions.weight"] = f"{len(time)} time steps and {len(space)} places, joined"


_BLOCK, _OURS = r"blocks\.(\d+)", r"blocks.\1"
_WEIGHT = "(weight|bias)"
_SHARED = (
    Rule(rf"{_BLOCK}\.(norm[12])\.{_WEIGHT}", rf"{_OURS}.\2.\3"),
    Rule(rf"{_BLOCK}\.attn\.qkv\.{_WEIGHT}", rf"{_OURS}.attention.qkv.\2"),
    *(Rule(rf"{_BLOCK}\.attn\.{name}\.{_WEIGHT}", rf"{_OURS}.attention.qkv.\2[{i}/3]") for i, name in enumerate("qkv")),
    Rule(rf"{_BLOCK}\.attn\.rel_pos_([thw])", rf"{_OURS}.attention.position_bias.\2.weight"),
)
_SLOWFAST_BLOCK = (
    *_SHARED,
    Rule(rf"{_BLOCK}\.attn\.proj\.{_WEIGHT}", rf"{_OURS}.attention.proj.\2"),
    Rule(rf"{_BLOCK}\.attn\.pool_([qkv])\.weight", rf"{_OURS}.attention.pool_\2.pool.weight", _with_time),
    Rule(rf"{_BLOCK}\.attn\.norm_([qkv])\.{_WEIGHT}", rf"{_OURS}.attention.pool_\2.norm.\3"),
    Rule(rf"{_BLOCK}\.mlp\.(fc[12])\.{_WEIGHT}", rf"{_OURS}.mlp.\2.\3"),
    Rule(rf"{_BLOCK}\.proj\.{_WEIGHT}", rf"{_OURS}.skip.\2"),
)

MVIT_SLOWFAST = Layout(
    name="MViT, SlowFast",
    marker=r"patch_embed\.proj\.weight",
    rules=(
        Rule("cls_token", "cls", _flat),
        Rule("pos_embed", "positions.weight", _without_batch),
        Rule("pos_embed_class", "positions.weight[0/2]", _without_batch),
        Rule("pos_embed_spatial", "positions.weight[1/2]", _without_batch),
        Rule("pos_embed_temporal", "time_positions.weight", _without_batch),
        Rule(r"patch_embed\.proj\.weight", "embedding.weight", _with_time),
        Rule(r"patch_embed\.proj\.bias", "embedding.bias"),
        *_SLOWFAST_BLOCK,
        Rule(rf"norm\.{_WEIGHT}", r"norm.\1"),
        Rule(rf"head\.projection\.{_WEIGHT}", r"head.targets.label.\1"),
    ),
)

MVIT_PYTORCHVIDEO = Layout(
    name="MViT, pytorchvideo",
    marker=r"patch_embed\.patch_model\.weight",
    rules=(
        Rule(r"cls_positional_encoding\.cls_token", "cls", _flat),
        Rule(r"cls_positional_encoding\.pos_embed_class", "positions.weight[0/2]", _without_batch),
        Rule(r"cls_positional_encoding\.pos_embed_spatial", "positions.weight[1/2]", _without_batch),
        Rule(r"cls_positional_encoding\.pos_embed_temporal", "time_positions.weight", _without_batch),
        Rule(r"patch_embed\.patch_model\.weight", "embedding.weight", _with_time),
        Rule(r"patch_embed\.patch_model\.bias", "embedding.bias"),
        Rule(
            rf"{_BLOCK}\.attn\._attention_pool_.*",
            None,
            reason="a second name of the weights of attn.pool and attn.norm",
        ),
        *_SLOWFAST_BLOCK,
        Rule(rf"norm_embed\.{_WEIGHT}", r"norm.\1"),
        Rule(rf"head\.proj\.{_WEIGHT}", r"head.targets.label.\1"),
    ),
    adapt=_join_positions,
)

MVIT_TORCHVISION = Layout(
    name="MViT, torchvision",
    marker=r"conv_proj\.weight",
    rules=(
        Rule(r"pos_encoding\.class_token", "cls"),
        Rule(r"pos_encoding\.class_pos", "positions.weight[0/2]", _one_row),
        Rule(r"pos_encoding\.spatial_pos", "positions.weight[1/2]"),
        Rule(r"pos_encoding\.temporal_pos", "time_positions.weight"),
        Rule(rf"conv_proj\.{_WEIGHT}", r"embedding.\1"),
        *_SHARED,
        Rule(rf"{_BLOCK}\.attn\.project\.0\.{_WEIGHT}", rf"{_OURS}.attention.proj.\2"),
        Rule(rf"{_BLOCK}\.attn\.pool_([qkv])\.pool\.weight", rf"{_OURS}.attention.pool_\2.pool.weight"),
        Rule(rf"{_BLOCK}\.attn\.pool_([qkv])\.norm_act\.0\.{_WEIGHT}", rf"{_OURS}.attention.pool_\2.norm.\3"),
        Rule(rf"{_BLOCK}\.mlp\.0\.{_WEIGHT}", rf"{_OURS}.mlp.fc1.\2"),
        Rule(rf"{_BLOCK}\.mlp\.3\.{_WEIGHT}", rf"{_OURS}.mlp.fc2.\2"),
        Rule(rf"{_BLOCK}\.project\.{_WEIGHT}", rf"{_OURS}.skip.\2"),
        Rule(rf"norm\.{_WEIGHT}", r"norm.\1"),
        Rule(rf"head\.1\.{_WEIGHT}", r"head.targets.label.\1"),
    ),
)
