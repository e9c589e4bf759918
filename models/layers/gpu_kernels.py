"""Where kernels of our own compute on a GPU. They are written in Triton, which torch's builds for CUDA bring."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

HAS_TRITON = find_spec("triton") is not None


def runs_kernels(tensor: Tensor) -> bool:
    """Whether they take this tensor; not while torch's compiler traces, which makes kernels of plain operations."""
    on_gpu = HAS_TRITON and tensor.is_cuda and tensor.dtype != torch.float64
    return on_gpu and not torch.compiler.is_compiling()
