"""Multi-head attention through ``scaled_dot_product_attention``: what all families share or derive from."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class MultiHead(nn.Module):
    """Queries, keys and values, softmax attention, and the projection after it; who attends to whom, subclasses say.

    Tokens come in with ``in_dim`` channels (``dim`` unless a family widens here), and go out with ``dim``.
    """

    def __init__(
        self, dim: int, num_heads: int, *, in_dim: int | None = None, qkv_bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"expected a width divisible by the number of heads, got {dim} and {num_heads}")
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(in_dim or dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (..., heads, n, d/heads), of tokens (..., n, d)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))  # ... n 3 heads d/heads
        q, k, v = qkv.transpose(-4, -2).unbind(-3)  # ... heads n d/heads
        return q, k, v

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """Values (..., heads, n, d/heads) weighted by softmax(q k^T / sqrt(d/heads)), softmax at least in float32."""
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)

    def merge(self, heads: Tensor) -> Tensor:
        """Concatenate heads (..., heads, n, d/heads) and project: (..., n, d)."""
        merged: Tensor = self.proj(heads.transpose(-3, -2).flatten(-2))
        return merged


class Attention(MultiHead):
    """Self-attention within each sequence."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend among the tokens of each sequence of ``x`` (..., n, d).

        ``mask``, broadcastable to (sequences, heads, n, n), is boolean (True: may look) or an additive float bias.
        """
        leading = x.shape[:-2]
        q, k, v = self.project(x.flatten(0, -3) if len(leading) > 1 else x)
        out = self.merge(self.attend(q, k, v, mask))  # b n d
        return out.unflatten(0, leading) if len(leading) > 1 else out
