"""ViViT: a video vision transformer (Arnab et al., ICCV 2021, arXiv 2103.15691; scenic/projects/vivit).

Tubelets become tokens; the four models of the paper differ in who attends to whom:

1. every token to every token of the clip (class token);
2. factorised encoder: a transformer within each time step, another over the time steps' class tokens; without the
   second one this is the paper's average-pooling baseline;
3. factorised self-attention: two attentions per block, along time and within the time step (no class token, mean);
4. factorised dot-product: one attention per block, half of its heads along time, half within the time step.

Pre-norm blocks, LayerNorm eps 1e-6, tanh GELU, learned positions, head at zero: as in scenic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from videotx.models.clip import Motion
from videotx.models.layers.attention import Attention, MultiHead
from videotx.models.layers.block import Block
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.drop_path import DropPath, drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.initialise import initialise
from videotx.models.layers.mlp import MLP
from videotx.models.layers.positions import Grid, PositionTable
from videotx.models.layers.tubelet import TubeletEmbedding
from videotx.models.video_model import VideoConfig, VideoModel

NORM_EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class ViViTConfig(VideoConfig):
    """``model`` is the paper's number. ``temporal_depth`` is of model 2 only, where 0 means average pooling over time.

    ``time_first`` is of model 3 only: attention along time, then within the time step (the paper found no difference).
    """

    num_frames: int = 32
    resolution: tuple[int, int] = (224, 224)
    model: Literal[1, 2, 3, 4] = 1
    tubelet: tuple[int, int, int] = (2, 16, 16)
    dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_dim: int = 3072
    temporal_depth: int = 4
    time_first: bool = True


class ViViT(VideoModel[ViViTConfig]):
    """Tokens of `forward_features`: the class token where there is one, then time-major (model 2: time steps only)."""

    def __init__(self, config: ViViTConfig) -> None:
        super().__init__(config)
        self.embedding = TubeletEmbedding(config.tubelet, config.dim)
        t, h, w = self.embedding.grid(config.num_frames, *config.resolution)
        self.encoder = Encoder(config, (1, h, w) if config.model == 2 else (t, h, w), config.depth)
        self.temporal_encoder: Encoder | None = None
        if config.model == 2 and config.temporal_depth:
            self.temporal_encoder = Encoder(config, (t, 1, 1), config.temporal_depth)
        self.head = Head(config.dim, config.num_classes, dropout=config.head_dropout)
        initialise(self, zero_head=True)

    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        tokens = self.embedding(rgb)  # b t h w d
        if self.config.model != 2:
            encoded: Tensor = self.encoder(tokens)  # b n d
            return encoded
        t = tokens.shape[1]
        frames = self.encoder(tokens.flatten(0, 1).unsqueeze(1))  # (b t) 1+s d
        steps: Tensor = frames[:, 0].unflatten(0, (-1, t))  # b t d
        return steps if self.temporal_encoder is None else self.temporal_encoder(steps[:, :, None, None])

    def pool(self, tokens: Tensor) -> Tensor:
        averages = self.config.model in (3, 4) or (self.config.model == 2 and self.temporal_encoder is None)
        return tokens.mean(1) if averages else tokens[:, 0]


class Encoder(nn.Module):
    """Positions, blocks and a norm: tokens (b, t, h, w, d) in, (b, n, d) out, in models 1 and 2 with a class token."""

    def __init__(self, config: ViViTConfig, grid: Grid, depth: int) -> None:
        super().__init__()
        self.factorised = config.model in (3, 4)
        self.cls = None if self.factorised else nn.Parameter(torch.zeros(config.dim))
        self.positions = PositionTable(grid, config.dim, num_prefix=0 if self.factorised else 1)
        self.dropout = nn.Dropout(config.dropout)
        rates = drop_path_rates(config.drop_path, depth)
        self.blocks = BlockStack([_block(config, rate) for rate in rates], recompute=config.checkpoint_activations)
        self.norm = nn.LayerNorm(config.dim, NORM_EPS)

    def forward(self, tokens: Tensor) -> Tensor:
        b, t, h, w, d = tokens.shape
        x = tokens.flatten(1, 3)  # b n d
        if self.cls is not None:
            x = torch.cat([self.cls.expand(b, 1, d), x], dim=1)  # b 1+n d
        x = self.dropout(x + self.positions((t, h, w)))
        # Blocks of models 3 and 4 want (b, t, s, d).
        x = self.blocks(x.unflatten(1, (t, h * w))).flatten(1, 2) if self.factorised else self.blocks(x)  # b n d
        out: Tensor = self.norm(x)
        return out


def _block(config: ViViTConfig, drop_path: float) -> nn.Module:
    if config.model == 3:
        return FactorisedSelfAttentionBlock(config, drop_path)
    attention = FactorisedDotProductAttention if config.model == 4 else Attention
    return Block(
        config.dim,
        attention(config.dim, config.num_heads, dropout=config.dropout),
        config.mlp_dim,
        activation="gelu_tanh",
        norm_eps=NORM_EPS,
        dropout=config.dropout,
        drop_path=drop_path,
    )


class FactorisedSelfAttentionBlock(nn.Module):
    """The block of model 3 on tokens (b, t, s, d)."""

    def __init__(self, config: ViViTConfig, drop_path: float) -> None:
        super().__init__()
        self.time_first = config.time_first
        self.norm_time = nn.LayerNorm(config.dim, NORM_EPS)
        self.attention_time = Attention(config.dim, config.num_heads, dropout=config.dropout)
        self.norm_space = nn.LayerNorm(config.dim, NORM_EPS)
        self.attention_space = Attention(config.dim, config.num_heads, dropout=config.dropout)
        self.norm_mlp = nn.LayerNorm(config.dim, NORM_EPS)
        self.mlp = MLP(config.dim, config.mlp_dim, activation="gelu_tanh", dropout=config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        if self.time_first:
            x = self._within_time_step(self._along_time(x))
        else:
            x = self._along_time(self._within_time_step(x))
        out: Tensor = x + self.drop_path(self.mlp(self.norm_mlp(x)))
        return out

    def _along_time(self, x: Tensor) -> Tensor:
        along = self.attention_time(self.norm_time(x).transpose(1, 2))  # b s t d
        out: Tensor = x + self.drop_path(self.dropout(along.transpose(1, 2)))
        return out

    def _within_time_step(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.drop_path(self.dropout(self.attention_space(self.norm_space(x))))
        return out


class FactorisedDotProductAttention(MultiHead):
    """The attention of model 4 on tokens (b, t, s, d): half of the heads looks along time, the others around."""

    def __init__(self, dim: int, num_heads: int, *, dropout: float = 0.0) -> None:
        if num_heads % 2:
            raise ValueError(f"expected an even number of heads, half for time and half for space, got {num_heads}")
        super().__init__(dim, num_heads, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        t, s = x.shape[1:3]
        time, space = (torch.stack(part) for part in zip(*(y.chunk(2, dim=2) for y in self.project(x)), strict=True))
        time = time.permute(0, 1, 4, 3, 2, 5).flatten(1, 2)  # 3 (b s) heads/2 t d
        along = self.attend(*time).unflatten(0, (-1, s)).permute(0, 3, 2, 1, 4)  # b t heads/2 s d
        space = space.flatten(1, 2)  # 3 (b t) heads/2 s d
        around = self.attend(*space).unflatten(0, (-1, t))  # b t heads/2 s d
        return self.merge(torch.cat([along, around], dim=2))
