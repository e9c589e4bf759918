"""Shards to clips: reading, sampling, motion between frames, augmentation."""
