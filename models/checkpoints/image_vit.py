"""Video models that start from an image ViT (ViViT, section 3.4; VidTr, section 4.1; DVT, the recipe is ours).

An image model knows one frame: its patch filters are inflated to tubelets, its positions repeated over time, and what
it has no weights for keeps the model's own initialisation, each key with its reason in the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from videotx.models.checkpoints.layout import CheckpointError, Layout, Rule, Weights, WeightsReport, rename
from videotx.models.checkpoints.load import fit
from videotx.models.checkpoints.read import read_weights
from videotx.models.compact_vidtr import CompactVidTr
from videotx.models.dvt import DVT
from videotx.models.layers.positions import Grid, resize_grid
from videotx.models.video_model import VideoModel
from videotx.models.vidtr import VidTr
from videotx.models.vivit import ViViT

TubeletStart = Literal["central", "average"]

_IGNORED = (
    Rule(r"(?:head|fc_norm|pre_logits|classifier)\..*", None, reason="the image classifier"),
    Rule(r"(?:vit\.)?pooler\..*", None, reason="the image pooler"),
)
_HF = r"(?:vit\.)?"
_HF_BLOCK = _HF + r"(?:encoder\.layer|layers)\.(\d+)"

IMAGE_TIMM = Layout(
    name="image ViT, timm",
    marker=r"blocks\.0\.attn\.qkv\.weight",
    rules=(
        Rule(r"patch_embed\.proj\.(weight|bias)", r"embedding.\1"),
        Rule(r"cls_token", "cls", lambda token: token.flatten()),
        Rule(r"pos_embed", "positions", lambda table: table.squeeze(0)),
        Rule(r"blocks\.(\d+)\.attn\.(qkv|proj)\.(weight|bias)", r"blocks.\1.attention.\2.\3"),
        Rule(r"blocks\.(\d+)\.(norm1|norm2|mlp\.fc1|mlp\.fc2)\.(weight|bias)", r"blocks.\1.\2.\3"),
        Rule(r"norm\.(weight|bias)", r"norm.\1"),
        *_IGNORED,
    ),
)

IMAGE_HF = Layout(
    name="image ViT, Hugging Face transformers",
    marker=_HF + r"embeddings\.patch_embeddings\.projection\.weight",
    rules=(
        Rule(_HF + r"embeddings\.patch_embeddings\.projection\.(weight|bias)", r"embedding.\1"),
        Rule(_HF + r"embeddings\.cls_token", "cls", lambda token: token.flatten()),
        Rule(_HF + r"embeddings\.position_embeddings", "positions", lambda table: table.squeeze(0)),
        *(
            Rule(rf"{_HF_BLOCK}\.attention\.(?:attention\.{name}|{short}_proj)\.(weight|bias)", target)
            for name, short, target in (
                ("query", "q", r"blocks.\1.attention.qkv.\2[0/3]"),
                ("key", "k", r"blocks.\1.attention.qkv.\2[1/3]"),
                ("value", "v", r"blocks.\1.attention.qkv.\2[2/3]"),
            )
        ),
        Rule(rf"{_HF_BLOCK}\.attention\.(?:output\.dense|o_proj)\.(weight|bias)", r"blocks.\1.attention.proj.\2"),
        Rule(rf"{_HF_BLOCK}\.layernorm_before\.(weight|bias)", r"blocks.\1.norm1.\2"),
        Rule(rf"{_HF_BLOCK}\.layernorm_after\.(weight|bias)", r"blocks.\1.norm2.\2"),
        Rule(rf"{_HF_BLOCK}\.(?:intermediate\.dense|mlp\.fc1)\.(weight|bias)", r"blocks.\1.mlp.fc1.\2"),
        Rule(rf"{_HF_BLOCK}\.(?:output\.dense|mlp\.fc2)\.(weight|bias)", r"blocks.\1.mlp.fc2.\2"),
        Rule(_HF + r"layernorm\.(weight|bias)", r"norm.\1"),
        *_IGNORED,
    ),
)


def initialise_from_image(
    model: VideoModel[Any], path: str | Path, *, tubelet: TubeletStart = "central"
) -> WeightsReport:
    """Start ``model`` from an image ViT of the same width and depth (timm or Hugging Face), and report every key.

    ``tubelet`` says how a patch filter becomes a tubelet filter: on the central frame alone, the others at zero, or
    divided evenly among the frames. Raises CheckpointError, with the model untouched, where the weights do not fit.
    """
    tensors, _ = read_weights(path)
    layout = next((layout for layout in (IMAGE_TIMM, IMAGE_HF) if layout.recognises(tensors)), None)
    inflate = INFLATIONS.get(type(model))
    if layout is None:
        raise CheckpointError(f"{path}: expected an image ViT of timm or Hugging Face, got {', '.join([*tensors][:5])}")
    if inflate is None:
        known = ", ".join(kind.__name__ for kind in INFLATIONS)
        raise CheckpointError(f"expected a model that starts from an image ViT ({known}), got {type(model).__name__}")
    weights, report = rename(tensors, layout)
    image = {"cls", "positions", "embedding.weight"} - weights.keys()
    if image:
        raise CheckpointError(f"{path}: expected an image ViT with {', '.join(sorted(image))}", report)
    depth = 1 + max((int(key.split(".")[1]) for key in weights if key.startswith("blocks.")), default=-1)
    if depth < model.config.depth:
        raise CheckpointError(f"{path}: expected an image ViT of {model.config.depth} blocks, got {depth}", report)
    num_frames = model.state_dict()["embedding.weight"].shape[2]
    weights["embedding.weight"] = inflated_tubelet(weights["embedding.weight"], num_frames, tubelet)
    weights = inflate(weights, model, report)
    for key, value in model.state_dict().items():
        if key not in weights:
            weights[key] = value
            report.kept.setdefault(key, "an image model has no such weights")
    fitted = fit(weights, model, model.config, report)
    if not report.complete:
        raise CheckpointError(f"{path} does not fit {type(model).__name__}", report)
    model.load_state_dict(fitted)
    return report


def inflated_tubelet(patch: Tensor, num_frames: int, start: TubeletStart) -> Tensor:
    """Filters (d, channels, h, w) of an image as filters (d, channels, t, h, w) of ``num_frames`` frames."""
    if start == "average":
        return patch[:, :, None].expand(-1, -1, num_frames, -1, -1) / num_frames
    tubelet = patch.new_zeros(*patch.shape[:2], num_frames, *patch.shape[2:])
    tubelet[:, :, num_frames // 2] = patch
    return tubelet


def repeated_positions(table: Tensor, grid: Grid, *, num_prefix: int) -> Tensor:
    """An image's table (1+h*w, d) over the time steps of ``grid``, (num_prefix+t*h*w, d), interpolated over space."""
    side = math.isqrt(table.shape[0] - 1)
    if side * side != table.shape[0] - 1:
        raise CheckpointError(f"expected positions of a class token and a square of patches, got {table.shape[0]}")
    places = resize_grid(table[1:].unflatten(0, (1, side, side)), (1, *grid[1:]))
    return torch.cat([table[:num_prefix], places.expand(grid[0], -1, -1, -1).flatten(0, 2)])


def _inflate_vivit(weights: Weights, model: ViViT, report: WeightsReport) -> Weights:
    inflated = {key if key.startswith("embedding.") else f"encoder.{key}": value for key, value in weights.items()}
    positions, encoder = inflated.pop("encoder.positions"), model.encoder
    inflated["encoder.positions.weight"] = repeated_positions(
        positions, encoder.positions.grid, num_prefix=encoder.positions.num_prefix
    )
    if encoder.cls is None:
        inflated.pop("encoder.cls")
        report.ignored["class token"] = "this model has none"
    return _factorised_blocks(inflated, model, report) if model.config.model == 3 else inflated


def _factorised_blocks(weights: Weights, model: ViViT, report: WeightsReport) -> Weights:
    names = {"norm1": "norm_space", "attention": "attention_space", "norm2": "norm_mlp", "mlp": "mlp"}
    block = re.compile(r"(encoder\.blocks\.\d+)\.(norm1|attention|norm2|mlp)\.(.*)")
    inflated = {block.sub(lambda m: f"{m[1]}.{names[m[2]]}.{m[3]}", key): value for key, value in weights.items()}
    # With its output at zero the attention along time adds nothing at first, and still learns.
    for key, value in model.state_dict().items():
        if ".attention_time.proj." in key:
            inflated[key] = torch.zeros_like(value)
            report.kept[key] = "zero: attention along time adds nothing at first"
    return inflated


def _inflate_vidtr(weights: Weights, model: VidTr | CompactVidTr, report: WeightsReport) -> Weights:
    inflated = dict(weights)
    positions = inflated.pop("positions")
    t, h, w = model.embedding.grid(model.config.num_frames, *model.config.resolution)
    if isinstance(model, VidTr) and model.config.separable:
        cls = inflated.pop("cls")
        inflated["cls_of_steps.weight"] = cls.expand(t, -1)
        inflated["cls_of_places.weight"] = cls.expand(1 + h * w, -1)
        row = repeated_positions(positions, (1, h, w), num_prefix=1)  # 1+s d
        inflated["positions.weight"] = row.repeat(1 + t, 1)
        return inflated
    inflated["positions.weight"] = repeated_positions(positions, (t, h, w), num_prefix=1)
    pooled = {key.removesuffix(".pooling") for key, _ in model.named_modules() if key.endswith(".pooling")}
    return {_inside(key, pooled): value for key, value in inflated.items()}


def _inside(key: str, pooled: set[str]) -> str:
    """Where a block stands in front of a pooling, its keys are one level deeper."""
    match = re.fullmatch(r"(blocks\.\d+)\.(.*)", key)
    return f"{match[1]}.block.{match[2]}" if match and match[1] in pooled else key


def _inflate_dvt(weights: Weights, model: DVT, report: WeightsReport) -> Weights:
    inflated, wanted = dict(weights), model.state_dict()
    inflated.pop("cls")
    report.ignored["class token"] = "this model has none"
    _, h, w = model.embedding.grid(model.config.num_frames, *model.config.resolution)
    inflated["positions_in_space.weight"] = repeated_positions(inflated.pop("positions"), (1, h, w), num_prefix=0)
    if model.config.attention not in ("divided", "joint"):
        for i in range(model.config.depth):
            _deformable_attention(inflated, wanted, f"blocks.{i}.attention", report)
    for key, value in wanted.items():
        if re.search(r"positions_in_time|attention_time\.proj|motion_value|fusion\.mix_\w+\.fc2", key):
            inflated[key] = torch.zeros_like(value)
            report.kept[key] = "zero: at first frames look alike, attention along time and what motion adds are off"
    return inflated


def _deformable_attention(weights: Weights, wanted: Weights, attention: str, report: WeightsReport) -> None:
    """Give each branch the values of softmax attention, and the fusion its projection, shared among the branches."""
    for kind in ("weight", "bias"):
        value = weights.pop(f"{attention}.qkv.{kind}").chunk(3)[2]
        report.ignored[f"{attention}.qkv.{kind}, queries and keys"] = "deformable attention compares nothing"
        for branch in ("space_time", "multi_scale"):
            if f"{attention}.{branch}.value.{kind}" in wanted:
                weights[f"{attention}.{branch}.value.{kind}"] = value
    proj = weights.pop(f"{attention}.proj.weight")
    shares = max(wanted[f"{attention}.fusion.proj.weight"].shape[1] // proj.shape[1], 1)
    weights[f"{attention}.fusion.proj.weight"] = torch.cat([proj / shares] * shares, dim=1)
    weights[f"{attention}.fusion.proj.bias"] = weights.pop(f"{attention}.proj.bias")


INFLATIONS: dict[type[VideoModel[Any]], Callable[[Weights, Any, WeightsReport], Weights]] = {
    ViViT: _inflate_vivit,
    VidTr: _inflate_vidtr,
    CompactVidTr: _inflate_vidtr,
    DVT: _inflate_dvt,
}
