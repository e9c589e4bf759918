"""The processes of a run: one, or those that `torchrun` started, each with a device of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Processes:
    """This process among all of the run. With ``world_size`` 1 every method is the identity."""

    rank: int
    world_size: int
    device: torch.device
    control: Any = None  # a group on the CPU, so that agreeing on something never waits for the GPU

    @classmethod
    def join(cls, device: str) -> Processes:
        """Join the group that `torchrun` describes in the environment; a run of one process where it does not."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        world_size = int(os.environ.get("WORLD_SIZE", "1"))
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
            torch.cuda.set_device(device)
            torch.set_float32_matmul_precision("high")
        if world_size == 1:
            return cls(0, 1, torch.device(device))
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        return cls(dist.get_rank(), world_size, torch.device(device), dist.new_group(backend="gloo"))

    def leave(self) -> None:
        if self.world_size > 1:
            dist.destroy_process_group()

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        if self.world_size == 1:
            return flag
        value = torch.tensor(int(flag))
        dist.all_reduce(value, dist.ReduceOp.MAX, group=self.control)
        return bool(value)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Elementwise mean over the processes, on the CPU."""
        values = values.detach().cpu()
        if self.world_size > 1:
            dist.all_reduce(values, group=self.control)
            values /= self.world_size
        return values

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, in each of them."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value, group=self.control)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world_size > 1:
            dist.barrier(group=self.control)
