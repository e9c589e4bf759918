"""Video Swin Transformer (Liu et al., CVPR 2022, arXiv 2106.13230).

Tokens of 2x4x4 pixels stay on their (t, h, w) grid. Attention looks inside 3-D windows, shifted by half a window in
every other block; between stages 2x2 neighbours are merged, time is never shortened. No class token: the mean of all
tokens is read out. A clip of any size is taken: what does not fill a tubelet or a window is padded with zeros, and
along an axis shorter than the window the whole axis is one window.

The base files of the public configurations say ``patch_size=(4, 4, 4)``; every released model overrides that.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from videotx.models.clip import Motion
from videotx.models.layers.block import Block
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.drop_path import drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.initialise import initialise
from videotx.models.layers.tubelet import TubeletEmbedding
from videotx.models.layers.window import WindowAttention, Windows
from videotx.models.video_model import VideoConfig, VideoModel


@dataclass(frozen=True, kw_only=True)
class VideoSwinConfig(VideoConfig):
    """Settings of Video Swin.

    ``dim`` is the width of the first stage, doubled in each further one; ``depths`` and ``num_heads`` are per stage.
    ``truncate_position_bias`` repeats the original's treatment of clips smaller in space than the window, see
    `WindowPositionBias`.
    """

    num_frames: int = 32
    resolution: tuple[int, int] = (224, 224)
    dim: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    tubelet: tuple[int, int, int] = (2, 4, 4)
    window: tuple[int, int, int] = (8, 7, 7)
    mlp_ratio: float = 4.0
    norm_eps: float = 1e-5
    truncate_position_bias: bool = False

    def __post_init__(self) -> None:
        if len(self.depths) != len(self.num_heads):
            raise ValueError(
                f"expected depths and num_heads for the same stages, got {self.depths} and {self.num_heads}"
            )


class PatchMerging(nn.Module):
    """Merge 2x2 neighbours of a (b, t, h, w, d) grid: concatenate, normalise, project to 2 d."""

    def __init__(self, dim: int, norm_eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim, norm_eps)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:4]
        if h % 2 or w % 2:
            x = F.pad(x, (0, 0, 0, w % 2, 0, h % 2))
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # b t h 2 w 2 d
        merged: Tensor = self.reduction(self.norm(x.permute(0, 1, 2, 4, 5, 3, 6).flatten(4)))  # the row varies fastest
        return merged


class VideoSwin(VideoModel[VideoSwinConfig]):
    """Video Swin; `encode` returns the tokens of the last stage, time then rows then columns."""

    def __init__(self, config: VideoSwinConfig) -> None:
        super().__init__(config)
        dims = [config.dim * 2**stage for stage in range(len(config.depths))]
        rates = iter(drop_path_rates(config.drop_path, sum(config.depths)))
        self.embedding = TubeletEmbedding(config.tubelet, config.dim, pad=True)
        self.embedding_norm = nn.LayerNorm(config.dim, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.stages = nn.ModuleList(
            BlockStack(
                [_block(config, dim, num_heads, next(rates), shifted=i % 2 == 1) for i in range(depth)],
                recompute=config.checkpoint_activations,
            )
            for dim, depth, num_heads in zip(dims, config.depths, config.num_heads, strict=True)
        )
        self.mergings = nn.ModuleList(PatchMerging(dim, config.norm_eps) for dim in dims[:-1])
        self.norm = nn.LayerNorm(dims[-1], config.norm_eps)
        self.head = Head(dims[-1], config.num_classes, dropout=config.head_dropout)
        initialise(self)

    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        x = self.dropout(self.embedding_norm(self.embedding(rgb)))  # b t h w d
        for blocks, merging in itertools.zip_longest(self.stages, self.mergings):
            grid = (x.shape[1], x.shape[2], x.shape[3])
            # Masks depend on the clip's size only: once per stage, not once per block.
            windows = tuple(
                Windows.over(grid, self.config.window, shifted=shifted, like=x) for shifted in (False, True)
            )
            x = blocks(x, windows)
            if merging is not None:
                x = merging(x)
        tokens: Tensor = self.norm(x).flatten(1, 3)
        return tokens

    def pool(self, tokens: Tensor) -> Tensor:
        return tokens.mean(1)


def _block(config: VideoSwinConfig, dim: int, num_heads: int, drop_path: float, *, shifted: bool) -> Block:
    attention = WindowAttention(
        dim,
        num_heads,
        config.window,
        shifted=shifted,
        dropout=config.dropout,
        truncate=config.truncate_position_bias,
    )
    return Block(
        dim,
        attention,
        int(dim * config.mlp_ratio),
        activation="gelu",
        norm_eps=config.norm_eps,
        dropout=config.dropout,
        drop_path=drop_path,
    )
