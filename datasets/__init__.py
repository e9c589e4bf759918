"""Shards to clips: reading, sampling, motion between frames, augmentation."""

from videotx.datasets.clips import ClipDataset
from videotx.datasets.normalise import Normalise
from videotx.datasets.sample import Clip, ClipBatch, collate
from videotx.datasets.sampler import ClipSampler
from videotx.datasets.shards import Shards, open_shards
from videotx.datasets.views import ClipSpec

__all__ = [
    "Clip",
    "ClipBatch",
    "ClipDataset",
    "ClipSampler",
    "ClipSpec",
    "Normalise",
    "Shards",
    "collate",
    "open_shards",
]
