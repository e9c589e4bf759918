"""The pre-norm transformer block."""

from __future__ import annotations

from torch import Tensor, nn

from videotx.models.layers.drop_path import DropPath
from videotx.models.layers.mlp import MLP, Activation


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); what ``attention`` attends to is the family's."""

    def __init__(
        self,
        dim: int,
        attention: nn.Module,
        mlp_dim: int,
        *,
        activation: Activation,
        norm_eps: float,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, norm_eps)
        self.attention = attention
        self.norm2 = nn.LayerNorm(dim, norm_eps)
        self.mlp = MLP(dim, mlp_dim, activation=activation, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, *args: object) -> Tensor:
        """Tokens in, tokens out, same shape; further arguments go to the attention."""
        x = x + self.drop_path(self.dropout(self.attention(self.norm1(x), *args)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out
