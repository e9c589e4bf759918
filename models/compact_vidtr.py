"""Compact VidTr (Zhang et al., ICCV 2021, arXiv 2104.11746; gluonmm, vidtr_compact): frames are dropped on the way.

Up to the last pooling layer attention is separable and the class token takes no part in it; from then on every token
attends to every token. The paper's pooling, topk_std, works per head and per place: of the rows of the attention along
time it keeps those that are least uniform over the keys (highest standard deviation), as a frame that looks everywhere
alike adds nothing. Average pooling and a strided convolution along time are the paper's other choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videotx.models.clip import Motion
from videotx.models.layers.block import Block
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.drop_path import DropPath, drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.initialise import initialise
from videotx.models.layers.mlp import MLP
from videotx.models.layers.positions import PositionTable
from videotx.models.layers.tubelet import TubeletEmbedding
from videotx.models.video_model import VideoModel
from videotx.models.vidtr import (
    NORM_EPS,
    JointAttention,
    PositionedAttention,
    VidTrConfig,
    places_first,
    steps_first,
    vidtr_block,
)


@dataclass(frozen=True, kw_only=True)
class CompactVidTrConfig(VidTrConfig):
    """Layer ``pool_layers[i]`` leaves ``pool_drop[i]`` time steps fewer (topk_std), or half of them (the others).

    ``softmax_twice``: the rows that topk_std keeps go through a second softmax, as in the original's code.
    """

    pooling: Literal["topk_std", "average", "convolution"] = "topk_std"
    pool_layers: tuple[int, ...]
    pool_drop: tuple[int, ...] = ()
    softmax_twice: bool = True


class CompactVidTr(VideoModel[CompactVidTrConfig]):
    """Tokens of `forward_features`: the class token, then what is left of the others, time-major."""

    def __init__(self, config: CompactVidTrConfig) -> None:
        super().__init__(config)
        if not config.pool_layers or list(config.pool_layers) != sorted({*config.pool_layers} & {*range(config.depth)}):
            raise ValueError(f"expected pooling layers in rising order below {config.depth}, got {config.pool_layers}")
        if config.pooling == "topk_std" and len(config.pool_drop) != len(config.pool_layers):
            raise ValueError(f"expected one number per pooling layer {config.pool_layers}, got {config.pool_drop}")
        self.embedding = TubeletEmbedding(config.tubelet, config.dim)
        self.cls = nn.Parameter(torch.zeros(config.dim))
        grid = self.embedding.grid(config.num_frames, *config.resolution)
        self.positions = PositionTable(grid, config.dim, num_prefix=1)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = BlockStack(_blocks(config), recompute=config.checkpoint_activations)
        self.norm = nn.LayerNorm(config.dim, NORM_EPS)
        self.head = Head(config.dim, config.num_classes, dropout=config.head_dropout)
        initialise(self)

    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        tokens = self.embedding(rgb)  # b t h w d
        b, t, h, w, d = tokens.shape
        dropped = sum(self.config.pool_drop)
        if self.config.pooling == "topk_std" and t <= dropped:
            raise ValueError(f"expected more time steps than the {dropped} that pooling drops, got {t}")
        x = torch.cat([self.cls.expand(b, 1, d), tokens.flatten(1, 3)], dim=1)  # b 1+n d
        out: Tensor = self.norm(self.blocks(self.dropout(x), self.positions((t, h, w)), h * w))
        return out

    def pool(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


def _blocks(config: CompactVidTrConfig) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for layer, rate in enumerate(drop_path_rates(config.drop_path, config.depth)):
        if layer > config.pool_layers[-1]:
            blocks.append(vidtr_block(config, JointAttention(config, layer), rate))
            continue
        block = vidtr_block(config, SeparableAttentionBesideCls(config, layer), rate)
        if layer not in config.pool_layers:
            blocks.append(block)
        elif config.pooling == "topk_std":
            drop = config.pool_drop[config.pool_layers.index(layer)]
            blocks.append(TopKStdBlock(config, layer, drop, rate))
        else:
            pooling = AverageOverTime() if config.pooling == "average" else StridedConvolution(config.dim)
            blocks.append(PooledBlock(block, pooling))
    return blocks


class SeparableAttentionBesideCls(PositionedAttention):
    """Separable attention of tokens (b, 1+t*s, d) without the class token, which gets itself for an attention."""

    def forward(self, x: Tensor, positions: Tensor, num_places: int) -> Tensor:
        q, k, v = self.project_places(x, positions, num_places)
        along_time = self.attend(*(places_first(y) for y in (q, k, v)))  # (b s) heads t d/heads
        around = self.attend(q.flatten(0, 1), k.flatten(0, 1), steps_first(along_time, num_places))
        return self.beside_cls(x, positions, around)

    def project_places(self, x: Tensor, positions: Tensor, num_places: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (b, t, heads, s, d/heads) of the tokens after the class token."""
        steps = x[:, 1:].unflatten(1, (-1, num_places))  # b t s d
        if self.adds_positions:
            return self.project_with(steps, positions[1:].unflatten(0, (-1, num_places)))
        return self.project(steps)

    def beside_cls(self, x: Tensor, positions: Tensor, heads: Tensor) -> Tensor:
        """The class token of ``x`` at its position, then ``heads`` (b t, heads, s, d/heads) merged: (b, 1+t*s, d)."""
        cls = x[:, :1] + positions[0] if self.adds_positions else x[:, :1]
        return torch.cat([cls, self.merge(heads).unflatten(0, (x.shape[0], -1)).flatten(1, 2)], dim=1)


class TopKStdBlock(nn.Module):
    """A block whose attention keeps all but ``drop`` time steps; which ones differs between heads and places."""

    def __init__(self, config: CompactVidTrConfig, layer: int, drop: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim, NORM_EPS)
        self.attention = SeparableAttentionBesideCls(config, layer)
        self.norm2 = nn.LayerNorm(config.dim, NORM_EPS)
        self.mlp = MLP(config.dim, config.mlp_dim, activation=config.activation, dropout=config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.drop_path = DropPath(drop_path)
        self.drop = drop
        self.softmax_twice = config.softmax_twice

    def forward(self, x: Tensor, positions: Tensor, num_places: int) -> Tensor:
        b, attention = x.shape[0], self.attention
        normed = self.norm1(x)
        q, k, v = (places_first(y) for y in attention.project_places(normed, positions, num_places))
        weights = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(-1, dtype=torch.float32)  # (b s) heads t t
        kept = weights.std(-1).topk(weights.shape[-1] - self.drop).indices.sort().values[..., None]  # (b s) heads t' 1
        rows = weights.gather(2, kept.expand(-1, -1, -1, weights.shape[-1]))  # (b s) heads t' t
        rows = rows.softmax(-1) if self.softmax_twice else rows
        values = rows.to(v.dtype) @ v  # (b s) heads t' d/heads

        def keep(y: Tensor) -> Tensor:  # (b s) heads t c to the kept time steps, (b t') heads s c
            return steps_first(y.gather(2, kept.expand(-1, -1, -1, y.shape[-1])), num_places)

        around = attention.attend(keep(q), keep(k), steps_first(values, num_places))  # (b t') heads s d/heads
        branch = attention.beside_cls(normed, positions, around)

        by_head = x[:, 1:].unflatten(1, (-1, num_places)).unflatten(-1, (attention.num_heads, -1)).transpose(2, 3)
        stream = keep(places_first(by_head)).transpose(1, 2).flatten(2)  # (b t') s d
        stream = torch.cat([x[:, :1], stream.unflatten(0, (b, -1)).flatten(1, 2)], dim=1)

        x = stream + self.drop_path(self.dropout(branch))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class PooledBlock(nn.Module):
    """A block, and half as many time steps after it."""

    def __init__(self, block: Block, pooling: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.pooling = pooling

    def forward(self, x: Tensor, positions: Tensor, num_places: int) -> Tensor:
        x = self.block(x, positions, num_places)
        steps = x[:, 1:].unflatten(1, (-1, num_places)).permute(0, 2, 3, 1)  # b s d t
        pooled = self.pooling(steps.flatten(0, 1)).unflatten(0, steps.shape[:2])  # b s d t'
        return torch.cat([x[:, :1], pooled.permute(0, 3, 1, 2).flatten(1, 2)], dim=1)


class AverageOverTime(nn.Module):
    """Means of pairs of neighbours along the last axis; of an odd number the last one stays as it is."""

    def forward(self, steps: Tensor) -> Tensor:
        return F.avg_pool1d(steps, kernel_size=2, ceil_mode=True)


class StridedConvolution(nn.Conv1d):
    """A convolution of stride 2 along the last axis; at first it takes every second step as it is."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, dim, kernel_size=3, stride=2, padding=1)

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.dirac_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
