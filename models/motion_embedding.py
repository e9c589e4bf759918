"""From what the encoder knew of the motion to where attention starts to look, and the vector m that steers it.

The paper maps motion displacement and RGB residual by a learnable matrix to m_s^{t,t'}. For the ablation the same
matrix reads other cues, or none. Where the motion is not known (intra blocks, key frames, uncovered places) a learned
vector stands for it: not knowing is not standing still.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videotx.models.clip import Motion
from videotx.models.deformable import at_least_float32

MotionCue = Literal["none", "displacement", "residual", "both", "average_rgb", "rgb_difference", "flow"]
"""What m is made of: nothing; the clip's displacement, residual, or both; mean RGB of the patch in both frames; the
difference of both frames at the patch; or optical flow that the caller put in the place of the displacement."""

NUM_FEATURES: dict[MotionCue, int] = {
    "none": 0,
    "displacement": 2,
    "residual": 6,
    "both": 8,
    "average_rgb": 6,
    "rgb_difference": 6,
    "flow": 2,
}
DISPLACES: frozenset[MotionCue] = frozenset({"displacement", "both", "flow"})
READS_MOTION: frozenset[MotionCue] = DISPLACES | {"residual"}


class Steering(NamedTuple):
    """What a block of a sub-clip of n frames is told, for every patch and each of the k = n - 1 other frames.

    ``base`` (b, t, h, w, k, 2): where the patch went, (x, y) in patches from its own place. ``embedding``
    (b, t, h, w, k, m).
    """

    base: Tensor
    embedding: Tensor


def other_frames(num_frames: int, subclip_frames: int) -> list[list[int]]:
    """For each frame the other frames of its sub-clip, in cyclic order: the next one first."""
    return [
        [start + (t + k) % subclip_frames for k in range(1, subclip_frames)]
        for start in range(0, num_frames, subclip_frames)
        for t in range(subclip_frames)
    ]


class MotionEmbedding(nn.Module):
    """`Steering` of a clip, shared by all blocks: each block projects m itself.

    ``hidden_dim`` puts a GELU network of that width before the matrix; 0 is the matrix alone. ``residual_scale``
    is the RGB residual that counts as 1; displacements count in patches. With ``along_motion`` `Steering.base` is the
    displacement (zero where it is unknown or not among the cue), without it zero.
    """

    def __init__(
        self,
        cue: MotionCue,
        patch: int,
        subclip_frames: int,
        dim: int,
        *,
        hidden_dim: int = 0,
        residual_scale: float = 128.0,
        along_motion: bool = True,
    ) -> None:
        super().__init__()
        self.cue = cue
        self.patch = patch
        self.subclip_frames = subclip_frames
        self.residual_scale = residual_scale
        self.along_motion = along_motion and cue in DISPLACES
        features = NUM_FEATURES[cue]
        self.matrix: nn.Module = nn.Identity()
        if features and hidden_dim:
            self.matrix = nn.Sequential(nn.Linear(features, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, dim))
        elif features:
            self.matrix = nn.Linear(features, dim)
        self.unknown = nn.Parameter(torch.empty(dim)) if cue in READS_MOTION else None
        # How far the other frame is: nothing else tells the frames of a sub-clip apart when the cue does not.
        self.distance = nn.Parameter(torch.empty(2 * subclip_frames - 1, dim))
        for table in (self.unknown, self.distance):
            if table is not None:
                nn.init.trunc_normal_(table, std=0.02)

    def forward(self, rgb: Tensor, motion: Motion | None) -> Steering:
        """Steering of clips ``rgb`` (b, 3, t, h, w) in pixels; without ``motion`` all of it counts as unknown."""
        b, _, t, height, width = rgb.shape
        h, w = height // self.patch, width // self.patch
        others = torch.tensor(other_frames(t, self.subclip_frames), device=rgb.device)  # t k
        frames = torch.arange(t, device=rgb.device).unsqueeze(1)  # t 1
        embedding = self.distance[others - frames + self.subclip_frames - 1]  # t k m
        embedding = embedding[None, :, None, None].expand(b, t, h, w, -1, -1)
        base = torch.zeros(b, t, h, w, self.subclip_frames - 1, 2, device=rgb.device)
        if self.unknown is not None:
            if motion is None:
                return Steering(base, embedding + self.unknown)
            picked = _select(motion, frames, others, (b, t, h, w))
            moved, features = self._known_motion(picked)
            m = torch.where(picked.valid.unsqueeze(-1), self._embed(features), self.unknown)
            return Steering(at_least_float32(moved) if self.along_motion else base, embedding + m)
        if self.cue == "average_rgb":
            embedding = embedding + self._embed(self._both_means(rgb, others))
        elif self.cue == "rgb_difference":
            embedding = embedding + self._embed(self._differences(rgb, others))
        return Steering(base, embedding)

    def _embed(self, features: Tensor) -> Tensor:
        embedded: Tensor = self.matrix(features.to(self.distance.dtype))
        return embedded

    def _known_motion(self, motion: Motion) -> tuple[Tensor, Tensor]:
        """Displacement in patches and the features of the cue, zero where the motion is unknown."""
        # Whatever stands at unknown places, infinities included, is replaced before any arithmetic.
        known = motion.valid.unsqueeze(-1)
        moved = motion.displacement.where(known, 0.0) / self.patch
        residual = motion.residual.where(known, 0.0) / self.residual_scale
        if self.cue == "residual":
            return moved, residual
        return moved, torch.cat([moved, residual.to(moved.dtype)], dim=-1) if self.cue == "both" else moved

    def _patch_means(self, rgb: Tensor) -> Tensor:
        return F.avg_pool3d(rgb, (1, self.patch, self.patch)).permute(0, 2, 3, 4, 1)  # b t h w 3

    def _both_means(self, rgb: Tensor, others: Tensor) -> Tensor:
        """Mean RGB (b, t, h, w, k, 6) of each patch and of the same place in the other frames."""
        here = self._patch_means(rgb)
        there = here[:, others].permute(0, 1, 3, 4, 2, 5)  # b t h w k 3
        return torch.cat([here.unsqueeze(4).expand_as(there), there], dim=-1)

    def _differences(self, rgb: Tensor, others: Tensor) -> Tensor:
        """Mean and mean absolute difference (b, t, h, w, k, 6) of each patch to the same place of the other frames."""
        parts = []
        for frames in others.unbind(1):  # one other frame at a time: k clips of differences never exist at once
            difference = rgb[:, :, frames] - rgb
            parts.append(torch.cat([self._patch_means(difference), self._patch_means(difference.abs())], dim=-1))
        return torch.stack(parts, dim=4)


def _select(motion: Motion, frames: Tensor, others: Tensor, size: tuple[int, int, int, int]) -> Motion:
    """The motion between the frames of the same sub-clip, axes (b, t, h, w, k, ...)."""
    b, t, h, w = size
    expected = {"displacement": (b, t, t, h, w, 2), "valid": (b, t, t, h, w), "residual": (b, t, t, h, w, 6)}
    for name, shape in expected.items():
        got = tuple(getattr(motion, name).shape)
        if got != shape:
            raise ValueError(f"expected {name} of shape {shape} for this clip and patch size, got {got}")
    if motion.valid.dtype != torch.bool:
        raise TypeError(f"expected a boolean mask in `valid`, got {motion.valid.dtype}")
    return Motion(
        motion.displacement[:, frames, others].permute(0, 1, 3, 4, 2, 5),
        motion.valid[:, frames, others].permute(0, 1, 3, 4, 2),
        motion.residual[:, frames, others].permute(0, 1, 3, 4, 2, 5),
    )
