"""Clips cut into tubelets (ViViT, Arnab et al. 2021, section 3.2): what a linear tubelet embedding multiplies."""

from __future__ import annotations

import torch
from einops import rearrange


def tubelets(rgb: torch.Tensor, size: tuple[int, int, int] = (2, 16, 16)) -> torch.Tensor:
    """Cut ``(..., t, h, w, c)`` into tokens ``(..., n_t n_h n_w, t h w c)`` of ``size`` (t, h, w).

    Raises ValueError when tubelets of that size do not tile the clip.
    """
    lengths = tuple(rgb.shape[-4:-1])
    if rgb.ndim < 4 or min(size) < 1 or any(length % part for length, part in zip(lengths, size, strict=True)):
        raise ValueError(f"tubelets of {size} do not tile a clip of {tuple(rgb.shape)} (..., t, h, w, c)")
    t, h, w = size
    return rearrange(
        rgb, "... (n_t t) (n_h h) (n_w w) c -> ... (n_t n_h n_w) (t h w c)", t=t, h=h, w=w
    )  # fmt: skip


def join_tubelets(tokens: torch.Tensor, clip: tuple[int, int, int], size: tuple[int, int, int]) -> torch.Tensor:
    """The inverse of :func:`tubelets`: tokens ``(..., n, t h w c)`` to a clip ``(..., t, h, w, c)``.

    ``clip`` is the (t, h, w) of the whole. Raises ValueError when the number of tokens is another.
    """
    if any(length % part for length, part in zip(clip, size, strict=True)):
        raise ValueError(f"tubelets of {size} do not tile a clip of {clip}")
    n_t, n_h, n_w = (length // part for length, part in zip(clip, size, strict=True))
    t, h, w = size
    if tokens.shape[-2] != n_t * n_h * n_w or tokens.shape[-1] % (t * h * w):
        raise ValueError(f"expected {n_t * n_h * n_w} tokens of {t}x{h}x{w} pixels, got {tuple(tokens.shape[-2:])}")
    return rearrange(
        tokens, "... (n_t n_h n_w) (t h w c) -> ... (n_t t) (n_h h) (n_w w) c",
        n_t=n_t, n_h=n_h, n_w=n_w, t=t, h=h, w=w,
    )  # fmt: skip
