"""MViT, multiscale vision transformers (Fan et al., ICCV 2021, arXiv 2104.11227; v2: Li et al., arXiv 2112.01526).

Stages as in a convolutional network: at the first block of each, the queries are pooled by 2 in space, and width and
heads double; keys and values are pooled to the same small grid everywhere. Overlapping patches, a class token,
LayerNorm eps 1e-6, exact GELU. What differs between the versions is a field of the config each:

- v1 pools queries at the first block of a stage only, doubles the width in the last MLP of the *previous* stage, and
  adds learned positions to the patches, as a table over space plus one over time (images: one joint table);
- v2 pools the queries of every block and adds them to the output, doubles the width inside the attention, and has
  relative positions in place of absolute ones. Its image variants have no class token.

In both, where the width changes, the skip connection is the projection of the *normalised* tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videotx.models.clip import Motion
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.drop_path import DropPath, drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.initialise import initialise
from videotx.models.layers.mlp import MLP
from videotx.models.layers.pooling_attention import Pooling, PoolingAttention, RelativePositionBias, TokenPool
from videotx.models.layers.positions import Grid, PositionTable
from videotx.models.video_model import VideoConfig, VideoModel

NORM_EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class MViTConfig(VideoConfig):
    """Settings of MViT.

    ``stages_at`` names the first block of each stage but the first. ``stride_kv`` is that of the first stage; it
    shrinks as the queries do. ``pool_kernel`` None means stride + 1 along each axis that has a stride, and 1 along
    others (the released 24-layer model). ``pool_unstrided_kv`` says whether keys and values are still pooled once their
    stride has come down to 1: so in most models, but not in the 24-layer one, nor in SlowFast's checkpoint of MViT-B
    16x4 of 2021 (its issue 456).
    """

    num_frames: int = 16
    resolution: tuple[int, int] = (224, 224)
    dim: int = 96
    num_heads: int = 1
    depth: int = 16
    stages_at: tuple[int, ...] = (1, 3, 14)
    mlp_ratio: float = 4.0
    patch_kernel: Grid = (3, 7, 7)
    patch_stride: Grid = (2, 4, 4)
    patch_padding: Grid = (1, 3, 3)
    pooling: Pooling = "conv"
    pool_kernel: Grid | None = (3, 3, 3)
    stride_q: Grid = (1, 2, 2)
    stride_kv: Grid = (1, 8, 8)
    pool_unstrided_kv: bool = True
    pool_every_query: bool = False
    widen_in_attention: bool = False
    residual_pooling: bool = False
    class_token: bool = True
    positions: bool = True
    joint_positions: bool = False
    relative_space: bool = False
    relative_time: bool = False


@dataclass(frozen=True)
class BlockShape:
    """What one block does to its tokens; ``grid`` is the one that comes in, at the native clip."""

    in_dim: int
    dim: int  # inside the attention
    out_dim: int
    num_heads: int
    grid: Grid
    stride_q: Grid
    stride_kv: Grid
    pool_q: bool
    pool_kv: bool

    @property
    def relative_sizes(self) -> Grid:
        """Queries or keys along each axis, whichever are more: the sizes of the tables of relative positions."""
        t, h, w = (g // min(q, k) for g, q, k in zip(self.grid, self.stride_q, self.stride_kv, strict=True))
        return t, h, w


def block_shapes(config: MViTConfig) -> list[BlockShape]:
    shapes: list[BlockShape] = []
    dim, num_heads, grid, stride_kv = config.dim, config.num_heads, patch_grid(config), config.stride_kv
    for number in range(config.depth):
        first = number in config.stages_at
        widens = first if config.widen_in_attention else number + 1 in config.stages_at
        stride_q = config.stride_q if first else (1, 1, 1)
        num_heads *= 2 if first else 1
        stride_kv = _elementwise_divide(stride_kv, stride_q)
        out_dim = 2 * dim if widens else dim
        shapes.append(
            BlockShape(
                in_dim=dim,
                dim=out_dim if config.widen_in_attention else dim,
                out_dim=out_dim,
                num_heads=num_heads,
                grid=grid,
                stride_q=stride_q,
                stride_kv=stride_kv,
                pool_q=first or config.pool_every_query,
                pool_kv=config.pool_unstrided_kv or stride_kv != (1, 1, 1),
            )
        )
        dim, grid = out_dim, _elementwise_divide(grid, stride_q)
    return shapes


def patch_grid(config: MViTConfig) -> Grid:
    """The grid of patches of the native clip."""
    size = (config.num_frames, *config.resolution)
    settings = zip(size, config.patch_kernel, config.patch_stride, config.patch_padding, strict=True)
    t, h, w = ((n + 2 * padding - kernel) // stride + 1 for n, kernel, stride, padding in settings)
    return t, h, w


def _elementwise_divide(a: Grid, b: Grid) -> Grid:
    t, h, w = (max(x // y, 1) for x, y in zip(a, b, strict=True))
    return t, h, w


class MultiscaleBlock(nn.Module):
    """The pre-norm block whose attention may pool its queries, and whose width may change."""

    def __init__(self, config: MViTConfig, shape: BlockShape, drop_path: float) -> None:
        super().__init__()
        self.widens_in_attention = shape.in_dim != shape.dim
        self.norm1 = nn.LayerNorm(shape.in_dim, NORM_EPS)
        self.attention = _attention(config, shape)
        self.norm2 = nn.LayerNorm(shape.dim, NORM_EPS)
        self.mlp = MLP(
            shape.dim,
            int(shape.dim * config.mlp_ratio),
            out_dim=shape.out_dim,
            activation="gelu",
            dropout=config.dropout,
        )
        self.skip = nn.Linear(shape.in_dim, shape.out_dim) if shape.in_dim != shape.out_dim else None
        self.pool_skip: TokenPool | None = None
        if math.prod(shape.stride_q) > 1:
            self.pool_skip = _token_pool(config, "max", None, shape.stride_q, shape.in_dim)
        self.dropout = nn.Dropout(config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: tuple[Tensor, Grid]) -> tuple[Tensor, Grid]:
        """Tokens (b, prefix + t h w, d) with their grid to the same of the next block."""
        x, grid = tokens
        normalised = self.norm1(x)
        if self.skip is not None and self.widens_in_attention:
            x = self.skip(normalised)
        if self.pool_skip is not None:
            x = self.pool_skip(x[:, None], grid)[0][:, 0]
        attended, grid = self.attention(normalised, grid)
        x = x + self.drop_path(self.dropout(attended))
        normalised = self.norm2(x)
        if self.skip is not None and not self.widens_in_attention:
            x = self.skip(normalised)
        return x + self.drop_path(self.mlp(normalised)), grid


def _token_pool(config: MViTConfig, pooling: Pooling, kernel: Grid | None, stride: Grid, channels: int) -> TokenPool:
    if kernel is None:
        t, h, w = (s + 1 if s > 1 else 1 for s in stride)
        kernel = (t, h, w)
    return TokenPool(pooling, kernel, stride, channels=channels, num_prefix=int(config.class_token), norm_eps=NORM_EPS)


def _attention(config: MViTConfig, shape: BlockShape) -> PoolingAttention:
    head_dim = shape.dim // shape.num_heads

    def pool(stride: Grid) -> TokenPool:
        return _token_pool(config, config.pooling, config.pool_kernel, stride, head_dim)

    position_bias = None
    if config.relative_space or config.relative_time:
        t, h, w = shape.relative_sizes
        sizes = (t if config.relative_time else None, *((h, w) if config.relative_space else (None, None)))
        position_bias = RelativePositionBias(sizes, head_dim, num_prefix=int(config.class_token))
    return PoolingAttention(
        shape.in_dim,
        shape.dim,
        shape.num_heads,
        pool_q=pool(shape.stride_q) if shape.pool_q else None,
        pool_k=pool(shape.stride_kv) if shape.pool_kv else None,
        pool_v=pool(shape.stride_kv) if shape.pool_kv else None,
        position_bias=position_bias,
        residual=config.residual_pooling,
        num_prefix=int(config.class_token),
        dropout=config.dropout,
    )


class MViT(VideoModel[MViTConfig]):
    """MViT; `encode` returns the class token, where there is one, and the tokens of the last stage."""

    def __init__(self, config: MViTConfig) -> None:
        super().__init__(config)
        num_prefix = int(config.class_token)
        t, h, w = patch_grid(config)
        self.embedding = nn.Conv3d(3, config.dim, config.patch_kernel, config.patch_stride, config.patch_padding)
        self.cls = nn.Parameter(torch.zeros(config.dim)) if config.class_token else None
        self.positions: PositionTable | None = None
        self.time_positions: PositionTable | None = None
        if config.positions:
            grid = (t if config.joint_positions else 1, h, w)
            self.positions = PositionTable(grid, config.dim, num_prefix=num_prefix)
            if not config.joint_positions:
                self.time_positions = PositionTable((t, 1, 1), config.dim)
        self.dropout = nn.Dropout(config.dropout)
        shapes = block_shapes(config)
        rates = drop_path_rates(config.drop_path, config.depth)
        self.blocks = BlockStack(
            [MultiscaleBlock(config, shape, rate) for shape, rate in zip(shapes, rates, strict=True)],
            recompute=config.checkpoint_activations,
        )
        self.norm = nn.LayerNorm(shapes[-1].out_dim, NORM_EPS)
        self.head = Head(shapes[-1].out_dim, config.num_classes, dropout=config.head_dropout)
        initialise(self)

    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        patches = self.embedding(rgb)  # b d t h w
        grid = (patches.shape[2], patches.shape[3], patches.shape[4])
        x = patches.flatten(2).transpose(1, 2)  # b n d
        if self.cls is not None:
            x = torch.cat([self.cls.expand(x.shape[0], 1, -1), x], dim=1)
        if self.positions is not None:
            x = x + self._positions_of(self.positions, grid)
        x, _ = self.blocks((self.dropout(x), grid))
        tokens: Tensor = self.norm(x)
        return tokens

    def _positions_of(self, positions: PositionTable, grid: Grid) -> Tensor:
        if self.time_positions is None:
            joint: Tensor = positions(grid)
            return joint
        space = positions((1, *grid[1:]))
        prefix, space = space[: positions.num_prefix], space[positions.num_prefix :]
        time = self.time_positions((grid[0], 1, 1))
        return torch.cat([prefix, (time[:, None] + space).flatten(0, 1)])

    def pool(self, tokens: Tensor) -> Tensor:
        return tokens.mean(1) if self.cls is None else tokens[:, 0]
