"""Attention over pooled tokens, and positions relative along each axis of their grid (MViT)."""

from __future__ import annotations

import functools
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videotx.models.layers.attention import MultiHead
from videotx.models.layers.depthwise import depthwise_conv3d
from videotx.models.layers.positions import Grid, ResizableTable, resize_grid

Pooling = Literal["conv", "max", "average"]


class AveragePool(nn.Module):
    """What nn.AvgPool3d means, also for bfloat16 and for axes shorter than the kernel, which it refuses on the CPU."""

    def __init__(self, kernel: Grid, stride: Grid, padding: Grid) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.padding = [n for n in reversed(padding) for _ in range(2)]

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool3d(F.pad(x.float(), self.padding), self.kernel, self.stride).to(x.dtype)


class TokenPool(nn.Module):
    """Pool the (t, h, w) grid behind the first ``num_prefix`` tokens, alike for all heads; prefix tokens pass by.

    ``conv`` is a depthwise convolution over the channels of a head, followed by a LayerNorm (of the prefix as well).
    """

    def __init__(
        self, pooling: Pooling, kernel: Grid, stride: Grid, *, channels: int, num_prefix: int, norm_eps: float
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.num_prefix = num_prefix
        self.padding = padding
        self.pool: nn.Module
        self.norm: nn.Module = nn.Identity()
        if pooling == "conv":
            self.pool = nn.Conv3d(channels, channels, kernel, stride, padding, groups=channels, bias=False)
            self.norm = nn.LayerNorm(channels, norm_eps)
        elif pooling == "max":
            self.pool = nn.MaxPool3d(kernel, stride, padding)
        else:
            self.pool = AveragePool(kernel, stride, padding)

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Tokens (b, heads, num_prefix + t h w, d) to those of the pooled grid, and that grid."""
        heads = x.shape[1]
        tokens = x.transpose(1, 2)  # b n heads d
        prefix, places = tokens[:, : self.num_prefix], tokens[:, self.num_prefix :]
        # Channels last, the heads' side by side: as the tokens lie in memory. Moving them costs more than pooling them.
        places = self._pool(places.flatten(2).unflatten(1, grid).permute(0, 4, 1, 2, 3), heads)  # b (heads d) t h w
        pooled = (places.shape[2], places.shape[3], places.shape[4])
        places = places.permute(0, 2, 3, 4, 1).flatten(1, 3).unflatten(2, (heads, -1))  # b n heads d
        tokens = self.norm(torch.cat([prefix, places], dim=1) if self.num_prefix else places)
        return tokens.transpose(1, 2), pooled

    def _pool(self, places: Tensor, heads: int) -> Tensor:
        if not isinstance(self.pool, nn.Conv3d):
            out: Tensor = self.pool(places)
            return out
        conv, weight = self.pool, self.pool.weight.repeat(heads, 1, 1, 1, 1)
        return depthwise_conv3d(places, weight, conv.stride, self.padding)


class RelativePositions(ResizableTable):
    """A learned vector for every distance along one axis between a query and a key.

    ``weight`` is (2 * size - 1, d), with ``size`` the larger of the numbers of queries and keys; distances count places
    of the finer of the two.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.empty(2 * size - 1, dim))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, num_queries: int, num_keys: int) -> Tensor:
        """The vectors (num_queries, num_keys, d), interpolated where the axis is not of the native size."""
        size = max(num_queries, num_keys)
        query = torch.arange(num_queries, device=self.weight.device)[:, None] * size // num_queries
        key = torch.arange(num_keys - 1, -1, -1, device=self.weight.device) * size // num_keys
        weight = self.weight if size == self.size else _resize_table(self.weight, size)
        return weight[query + key]

    def resized_from(self, weight: Tensor, source: Self) -> Tensor:
        return _resize_table(weight, self.size)


def _resize_table(weight: Tensor, size: int) -> Tensor:
    return resize_grid(weight[:, None, None], (2 * size - 1, 1, 1))[:, 0, 0]


class RelativePositionBias(nn.Module):
    """Logits from queries and positions relative to them along each axis: q . (R_t + R_h + R_w) (MViTv2, section 4.1).

    ``sizes`` are the native sizes (t, h, w) of `RelativePositions`, None for an axis without them.
    """

    def __init__(self, sizes: tuple[int | None, int | None, int | None], dim: int, *, num_prefix: int) -> None:
        super().__init__()
        self.num_prefix = num_prefix
        self.t, self.h, self.w = (None if size is None else RelativePositions(size, dim) for size in sizes)

    def forward(self, q: Tensor, queries: Grid, keys: Grid) -> Tensor:
        """The bias (b, heads, queries, keys) of queries (b, heads, num_prefix + t h w, d); zero for prefix tokens."""
        places = q[:, :, self.num_prefix :].unflatten(2, queries)  # b heads t h w d
        terms: list[Tensor] = []  # each b heads t h w t' h' w'
        if self.h is not None:
            terms.append(torch.einsum("bythwd,hkd->bythwk", places, self.h(queries[1], keys[1]))[..., None, :, None])
        if self.w is not None:
            terms.append(torch.einsum("bythwd,wkd->bythwk", places, self.w(queries[2], keys[2]))[..., None, None, :])
        if self.t is not None:
            terms.append(torch.einsum("bythwd,tkd->bythwk", places, self.t(queries[0], keys[0]))[..., :, None, None])
        bias = (
            functools.reduce(torch.add, terms).expand(*places.shape[:-1], *keys).flatten(5).flatten(2, 4)
        )  # b heads n n'
        return F.pad(bias, (self.num_prefix, 0, self.num_prefix, 0))


class PoolingAttention(MultiHead):
    """Multi-head pooling attention: queries, keys and values are pooled after their projection.

    With ``residual`` the pooled queries are added to the output of each head, but for prefix tokens (MViTv2, section
    4.1).
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        num_heads: int,
        *,
        pool_q: TokenPool | None,
        pool_k: TokenPool | None,
        pool_v: TokenPool | None,
        position_bias: RelativePositionBias | None,
        residual: bool,
        num_prefix: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dim, num_heads, in_dim=in_dim, dropout=dropout)
        self.pool_q = pool_q
        self.pool_k = pool_k
        self.pool_v = pool_v
        self.position_bias = position_bias
        self.residual = residual
        self.num_prefix = num_prefix

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Tokens (b, num_prefix + t h w, d) of a grid to those of the grid of the pooled queries, and that grid."""
        q, k, v = self.project(x)
        q, queries = (q, grid) if self.pool_q is None else self.pool_q(q, grid)
        k, keys = (k, grid) if self.pool_k is None else self.pool_k(k, grid)
        v = v if self.pool_v is None else self.pool_v(v, grid)[0]
        bias = None if self.position_bias is None else self.position_bias(q, queries, keys)
        out = self.attend(q, k, v, bias)  # b heads n d
        if self.residual:
            out = out + F.pad(q[:, :, self.num_prefix :], (0, 0, self.num_prefix, 0))
        return self.merge(out), queries
