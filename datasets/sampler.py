"""The order in which a training run visits clips: a pure function of (seed, epoch, rank, world size, position).

epoch order   [shard 7: v v v v][shard 2: v v][shard 5: v v v] ...   shards shuffled, videos shuffled inside
rank 0 of 2    v   v     v        v              v                   every second one, from its position on
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch.distributed as dist
from torch.utils.data import Sampler

from videotx.datasets.clips import ClipDataset, ClipIndex


class ClipSampler(Sampler[ClipIndex]):
    """Indices of one rank for one epoch, shards together so that few files are open at a time.

    It yields :class:`ClipIndex`, which carries the epoch, so that what a sample is depends on (seed, epoch, index) even
    in workers that outlive an epoch. Every rank gets equally many: with ``drop_last`` the remainder is left out,
    otherwise the order begins again to fill it, as DistributedSampler does. ``num_interleaved`` shards are visited at
    once, which mixes classes that were extracted together.

    ``state_dict`` holds the position in samples; a run may resume with another number of workers. The DataLoader asks
    for indices ahead of the batches it has delivered, so a training loop that saves the sampler itself passes what it
    has consumed: ``sampler.state_dict(consumed)``. torchdata's StatefulDataLoader keeps count on its own.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        *,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        num_interleaved: int = 8,
    ) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank = rank if rank is not None else (dist.get_rank() if together else 0)
        self.world_size = world_size if world_size is not None else (dist.get_world_size() if together else 1)
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"expected a rank in [0, {self.world_size}), got {self.rank}")
        if num_interleaved < 1:
            raise ValueError(f"expected at least one shard at a time, got {num_interleaved}")
        self._shards = dataset.shard_of_index()
        self._seed = seed
        self._shuffle = shuffle
        self._num_interleaved = num_interleaved
        count = len(self._shards)
        self._num_samples = count // self.world_size if drop_last else -(-count // self.world_size)
        self._epoch = 0
        self._position = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin ``epoch`` from its start, unless it is the one that a loaded state is in the middle of."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._position = 0

    def __len__(self) -> int:
        """How many samples this rank has in a whole epoch."""
        return self._num_samples

    def __iter__(self) -> Iterator[ClipIndex]:
        start, self._position = self._position, 0
        mine = self.order()[start:]
        for consumed, index in enumerate(mine.tolist(), start + 1):
            self._position = consumed if consumed < self._num_samples else 0
            yield ClipIndex(self._epoch, index)

    def order(self) -> npt.NDArray[np.int64]:
        """All indices of this rank in this epoch."""
        whole = self._shuffled() if self._shuffle else np.arange(len(self._shards))
        if len(whole) == 0:
            return whole
        return np.resize(whole, self._num_samples * self.world_size)[self.rank :: self.world_size]

    def _shuffled(self) -> npt.NDArray[np.int64]:
        random = np.random.default_rng([self._seed, self._epoch])
        shards = random.permutation(np.unique(self._shards))
        members = random.permutation(len(self._shards))
        # A group of shards is visited as one: its members in the order of the permutation of all.
        group = np.empty(int(self._shards.max(initial=0)) + 1, np.int64)
        group[shards] = np.arange(len(shards)) // self._num_interleaved
        return members[np.argsort(group[self._shards[members]], kind="stable")]

    def state_dict(self, consumed: int | None = None) -> dict[str, Any]:
        """Where the run is. ``consumed`` samples of this epoch have been used; by default all that were given out."""
        return {
            "epoch": self._epoch,
            "position": self._position if consumed is None else consumed,
            "seed": self._seed,
            "world_size": self.world_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue there. Raises ValueError when the state is that of another order."""
        if (state["seed"], state["world_size"]) != (self._seed, self.world_size):
            raise ValueError(
                f"expected a state of seed {self._seed} and {self.world_size} ranks, "
                f"got seed {state['seed']} and {state['world_size']} ranks"
            )
        if not 0 <= state["position"] <= self._num_samples:
            raise ValueError(f"expected a position in [0, {self._num_samples}], got {state['position']}")
        self._epoch = int(state["epoch"])
        self._position = int(state["position"]) % max(self._num_samples, 1)
