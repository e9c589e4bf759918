"""VidTr: video transformer without convolutions (Zhang et al., ICCV 2021, arXiv 2104.11746; gluonmm, vidtr_split).

Separable attention: tokens form a (t+1) x (s+1) grid, with a class token for every time step, one for every place, and
one for both, which is read out. Attention runs along time, then within the time step, with the same queries and keys;
the second takes its values from the first. Without ``separable`` this is the vanilla VidTr of the paper: one class
token, and every token to every token.

As in the original: ReLU, LayerNorm eps 1e-5, a norm after the last block, and positions added after the first norm of a
block (where, two flags say). `videotx.models.compact_vidtr` drops frames on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videotx.models.clip import Motion
from videotx.models.layers.attention import MultiHead
from videotx.models.layers.block import Block
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.drop_path import drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.initialise import initialise
from videotx.models.layers.mlp import Activation
from videotx.models.layers.positions import Grid, PositionTable, ResizableTable, resize_grid
from videotx.models.layers.tubelet import TubeletEmbedding
from videotx.models.video_model import VideoConfig, VideoModel

NORM_EPS = 1e-5


@dataclass(frozen=True, kw_only=True)
class VidTrConfig(VideoConfig):
    """Two flags name what the original's code does where the paper says nothing.

    ``position_in_every_layer``: positions are added in every block, not the first alone; so it is for 16 frames.
    ``position_in_values``: positions enter the values too, not queries and keys alone; so it is always.
    """

    num_frames: int = 8
    resolution: tuple[int, int] = (224, 224)
    tubelet: tuple[int, int, int] = (1, 16, 16)
    dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_dim: int = 3072
    activation: Activation = "relu"
    separable: bool = True
    position_in_every_layer: bool = False
    position_in_values: bool = True


class VidTr(VideoModel[VidTrConfig]):
    """Tokens of `forward_features`: the (t+1) x (s+1) grid row by row (vanilla: class token, then time-major)."""

    def __init__(self, config: VidTrConfig) -> None:
        super().__init__(config)
        self.embedding = TubeletEmbedding(config.tubelet, config.dim)
        t, h, w = self.embedding.grid(config.num_frames, *config.resolution)
        if config.separable:
            self.cls_of_steps = PositionTable((t, 1, 1), config.dim)
            self.cls_of_places = PositionTable((1, h, w), config.dim, num_prefix=1)  # the first is the one for both
            self.positions: ResizableTable = BorderedPositionTable((t, h, w), config.dim)
        else:
            self.cls = nn.Parameter(torch.zeros(config.dim))
            self.positions = PositionTable((t, h, w), config.dim, num_prefix=1)
        self.dropout = nn.Dropout(config.dropout)
        attention = SeparableAttention if config.separable else JointAttention
        rates = drop_path_rates(config.drop_path, config.depth)
        self.blocks = BlockStack(
            [vidtr_block(config, attention(config, layer), rate) for layer, rate in enumerate(rates)],
            recompute=config.checkpoint_activations,
        )
        self.norm = nn.LayerNorm(config.dim, NORM_EPS)
        self.head = Head(config.dim, config.num_classes, dropout=config.head_dropout)
        initialise(self)

    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        tokens = self.embedding(rgb)  # b t h w d
        b, t, h, w, d = tokens.shape
        positions = self.positions((t, h, w))
        if self.config.separable:
            x = torch.cat([self.cls_of_steps((t, 1, 1)).expand(b, t, d)[:, :, None], tokens.flatten(2, 3)], dim=2)
            x = torch.cat([self.cls_of_places((1, h, w)).expand(b, 1, -1, d), x], dim=1)  # b 1+t 1+s d
            positions = positions.unflatten(0, (1 + t, 1 + h * w))
        else:
            x = torch.cat([self.cls.expand(b, 1, d), tokens.flatten(1, 3)], dim=1)  # b 1+n d
        out: Tensor = self.norm(self.blocks(self.dropout(x), positions))
        return out.flatten(1, -2)  # b n d

    def pool(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


def vidtr_block(config: VidTrConfig, attention: nn.Module, drop_path: float) -> Block:
    return Block(
        config.dim,
        attention,
        config.mlp_dim,
        activation=config.activation,
        norm_eps=NORM_EPS,
        dropout=config.dropout,
        drop_path=drop_path,
    )


class PositionedAttention(MultiHead):
    """Attention that adds the positions itself: they belong after the block's first norm, in some layers only."""

    def __init__(self, config: VidTrConfig, layer: int) -> None:
        super().__init__(config.dim, config.num_heads, dropout=config.dropout)
        self.adds_positions = layer == 0 or config.position_in_every_layer
        self.position_in_values = config.position_in_values

    def project_with(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (..., heads, n, d/heads) of tokens (..., n, d) at their positions."""
        if not self.adds_positions:
            return self.project(x)
        q, k, v = self.project(x + positions)
        return (q, k, v) if self.position_in_values else (q, k, self.project(x)[2])


class JointAttention(PositionedAttention):
    """Every token to every token."""

    def forward(self, x: Tensor, positions: Tensor, num_places: int | None = None) -> Tensor:
        """``x`` is (b, n, d), ``positions`` (n, d); how many of the tokens are of one time step does not matter."""
        return self.merge(self.attend(*self.project_with(x, positions)))


class SeparableAttention(PositionedAttention):
    """Along time, then among the places of each time step, by the same queries and keys."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """``x`` is (b, t, s, d), ``positions`` (t, s, d)."""
        q, k, v = self.project_with(x, positions)  # b t heads s d/heads
        along_time = self.attend(*(places_first(y) for y in (q, k, v)))  # (b s) heads t d/heads
        v = steps_first(along_time, x.shape[2])
        around = self.merge(self.attend(q.flatten(0, 1), k.flatten(0, 1), v))  # (b t) s d
        out: Tensor = around.unflatten(0, x.shape[:2])
        return out


def places_first(y: Tensor) -> Tensor:
    """(b, t, heads, s, c) to (b s, heads, t, c), for attention along time."""
    return y.permute(0, 3, 2, 1, 4).flatten(0, 1)


def steps_first(y: Tensor, num_places: int) -> Tensor:
    """(b s, heads, t, c) to (b t, heads, s, c), for attention among the places of a time step."""
    by_place: Tensor = y.unflatten(0, (-1, num_places))  # b s heads t c
    return by_place.permute(0, 3, 2, 1, 4).flatten(0, 1)


class BorderedPositionTable(ResizableTable):
    """One learned vector for each place of a (t+1) x (h w + 1) grid; its first row and column are for class tokens."""

    def __init__(self, grid: Grid, dim: int) -> None:
        super().__init__()
        t, h, w = grid
        self.grid = grid
        self.weight = nn.Parameter(torch.empty((t + 1) * (h * w + 1), dim))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, grid: Grid) -> Tensor:
        """The table ((t + 1) * (h * w + 1), d) for a clip of this grid."""
        return self.weight if grid == self.grid else _resized(self.weight, self.grid, grid)

    def resized_from(self, weight: Tensor, source: BorderedPositionTable) -> Tensor:
        return _resized(weight, source.grid, self.grid)


def _resized(weight: Tensor, old: Grid, new: Grid) -> Tensor:
    t, h, w = old
    table = weight.unflatten(0, (1 + t, 1 + h * w))
    first_row = resize_grid(table[:1, 1:].unflatten(1, (h, w)), (1, *new[1:])).flatten(1, 2)  # 1 s d
    first_column = resize_grid(table[1:, :1, None], (new[0], 1, 1)).flatten(1, 2)  # t 1 d
    inner = resize_grid(table[1:, 1:].unflatten(1, (h, w)), new).flatten(1, 2)  # t s d
    top = torch.cat([table[:1, :1], first_row], dim=1)
    return torch.cat([top, torch.cat([first_column, inner], dim=1)]).flatten(0, 1)
