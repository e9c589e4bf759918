"""DVT: the Deformable Video Transformer (Wang & Torresani, CVPR 2022, arXiv 2203.16795).

Each patch looks at few places of other frames, found by following the motion that the video file already holds::

    clip: B sub-clips of T' frames            patch s of frame t, one other frame t' of its sub-clip
    [0 1 2 3][4 5 6 7][8 9 ..]                place = s + motion(s, t -> t') + offset_n(query, m),  n = 1..N
                                              z^ST  = sum of alpha_n(query, m) * value(place)

and, in its own frame, at few places in several resolutions (z^MS); u(z^ST, z^MS) is the update of the block. There are
no keys, and no map from all patches to all patches. No code was published with the paper: what it leaves open is a
field of `DVTConfig`, with our reason beside it. ``attention="divided"`` and ``"joint"`` are the paper's baselines in
the same model (Bertasius et al., ICML 2021), with the same embedding, MLPs and classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from videotx.models.clip import Clip, Motion
from videotx.models.deformable import Outside
from videotx.models.dvt_attention import MultiScaleDeformable, Places, SpaceTimeDeformable
from videotx.models.fusion import FusionKind, LinearFusion, MixerFusion
from videotx.models.layers.attention import Attention
from videotx.models.layers.block import Block
from videotx.models.layers.block_stack import BlockStack
from videotx.models.layers.drop_path import drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.initialise import initialise
from videotx.models.layers.positions import PositionTable
from videotx.models.layers.tubelet import TubeletEmbedding
from videotx.models.motion_embedding import MotionCue, MotionEmbedding, Steering, other_frames
from videotx.models.points import Normalised, PointPredictor, Points
from videotx.models.video_model import VideoConfig, VideoModel

NORM_EPS = 1e-6  # that of the image ViTs whose weights start a training

AttentionKind = Literal["space_time", "multi_scale", "space_time_and_multi_scale", "divided", "joint"]


@dataclass(frozen=True, kw_only=True)
class DVTConfig(VideoConfig):
    """Settings of DVT. First those of the paper, then ours for what it does not say.

    ``attention``: D-ST-A, D-MS-A, both fused, or a baseline. ``subclip_frames`` is T', the length of a sub-clip; a clip
    must have a whole number of them. ``cue`` is what the motion embedding is made of, ``num_points`` N, per other frame
    and head, ``num_scale_points`` N', per resolution and head; ``scale_strides`` are the F resolutions, in patches.
    """

    num_frames: int = 16
    resolution: tuple[int, int] = (224, 224)
    patch: int = 16
    dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_dim: int = 3072
    attention: AttentionKind = "space_time_and_multi_scale"
    fusion: FusionKind = "mixer"
    subclip_frames: int = 4
    cue: MotionCue = "both"
    num_points: int = 8

    # Not in the paper: three octaves of a 14 x 14 grid, and N' of Deformable DETR; half as many places as D-ST-A has.
    num_scale_points: int = 4
    scale_strides: tuple[int, ...] = (1, 2, 4)
    # m holds 8 numbers of cue; 64 channels leave room for them at less than a hundredth of a block's cost.
    motion_dim: int = 64
    # The paper names a matrix; more is an experiment.
    motion_hidden_dim: int = 0
    # True: m is also part of what is found at a place. Features of moved content are the same wherever it went, and its
    # position tells the way only against the patch's own; with m among the values the way itself is a feature. False:
    # m steers and nothing more, which is all that the paper's text says of it.
    motion_in_values: bool = True
    # The residual's useful range, as CoViAR clips it.
    residual_scale: float = 128.0
    # True: offsets are relative to where the content went, so that an untrained layer looks along the motion already;
    # False: they are relative to the patch itself, and following the motion is left to be learned.
    along_motion: bool = True
    # Half a patch: different points, on the same content.
    spread: float = 0.5
    # One cell of its own resolution: an untrained layer sees surroundings as wide as the resolution is coarse.
    scale_spread: float = 1.0
    # In patches (cells); None: content may go anywhere, a bound would only hide fast motion.
    max_offset: float | None = None
    # One softmax over all places of all other frames lets a patch ignore frames in which its content is hidden.
    normalised: Normalised = "points_and_frames"
    # Content that left the picture is nowhere: it adds nothing, rather than the border's content.
    outside: Outside = "zeros"
    # Hidden widths of the mixer: across the two branches, and across channels as a share of the model's width; with
    # half of it the mixer costs one and a half linear fusions.
    mixer_branch_dim: int = 8
    mixer_channel_ratio: float = 0.5


class SampledLocations(NamedTuple):
    """Where D-ST-A looks; for drawing.

    ``frames`` int64 (t, k): the other frame that k stands for. ``xy_px`` (blocks, b, t, rows, columns, heads, k, n, 2):
    pixels of the clip from its upper left corner, so that the centre of the first pixel is (0.5, 0.5). ``weights`` is
    without the last axis.
    """

    frames: Tensor
    xy_px: Tensor
    weights: Tensor


class DVT(VideoModel[DVTConfig]):
    """Tokens of `forward_features` are time-major; their mean is classified.

    A class token would have no place on the grid to look along the motion from, hence the mean. Called with RGB alone
    the model takes all motion as unknown, which is what it has learned for key frames and intra blocks.
    """

    uses_motion = True

    def __init__(self, config: DVTConfig) -> None:
        super().__init__(config)
        _check(config)
        self.embedding = TubeletEmbedding((1, config.patch, config.patch), config.dim)
        t, h, w = self.embedding.grid(config.num_frames, *config.resolution)
        self.positions_in_space = PositionTable((1, h, w), config.dim)
        self.positions_in_time = PositionTable((t, 1, 1), config.dim)
        self.dropout = nn.Dropout(config.dropout)
        self.motion: MotionEmbedding | None = None
        if _follows_motion(config):
            self.motion = MotionEmbedding(
                config.cue,
                config.patch,
                config.subclip_frames,
                config.motion_dim,
                hidden_dim=config.motion_hidden_dim,
                residual_scale=config.residual_scale,
                along_motion=config.along_motion,
            )
        rates = drop_path_rates(config.drop_path, config.depth)
        self.blocks = BlockStack([_block(config, rate) for rate in rates], recompute=config.checkpoint_activations)
        self.norm = nn.LayerNorm(config.dim, NORM_EPS)
        self.head = Head(config.dim, config.num_classes, dropout=config.head_dropout)
        initialise(self)
        for module in self.modules():
            if isinstance(module, PointPredictor | SpaceTimeDeformable):
                module.start()

    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        x, steering = self._embed(rgb, motion)
        if self.config.attention == "divided":
            x = self.blocks(x.flatten(2, 3))  # b t s d
        elif self.config.attention == "joint":
            x = self.blocks(x.flatten(1, 3))  # b n d
        else:
            x = self.blocks(x, steering, *self._places(x))
        out: Tensor = self.norm(x.flatten(1, -2))  # b n d
        return out

    def pool(self, tokens: Tensor) -> Tensor:
        return tokens.mean(1)

    @torch.no_grad()
    def sampled_locations(self, clip: Tensor | Clip, motion: Motion | None = None) -> SampledLocations:
        """Where every block looks in the other frames; raises ValueError for a model without D-ST-A."""
        x, steering = self._embed(*self._unpack(clip, motion))
        if steering is None:
            raise ValueError(f"expected a model with D-ST-A, got attention={self.config.attention!r}")
        places = self._places(x)
        found = []
        for block in self.blocks:
            if isinstance(block, Block) and isinstance(block.attention, DeformableAttention):
                found.append(block.attention.space_time_points(block.norm1(x), steering, places[0]))
            x = block(x, steering, *places)
        xy = torch.stack([points.xy for points in found])
        frames = torch.tensor(other_frames(x.shape[1], self.config.subclip_frames), device=xy.device)
        weights = torch.stack([points.weights for points in found])
        return SampledLocations(frames, (xy + 0.5) * self.config.patch, weights)

    def _embed(self, rgb: Tensor, motion: Motion | None) -> tuple[Tensor, Steering | None]:
        x = self.embedding(rgb)  # b t h w d
        t, h, w = x.shape[1:4]
        if self.motion is not None and t % self.config.subclip_frames:
            raise ValueError(f"expected a clip of sub-clips of {self.config.subclip_frames} frames, got {t} frames")
        space = self.positions_in_space((1, h, w)).view(1, h, w, -1)
        time = self.positions_in_time((t, 1, 1)).view(t, 1, 1, -1)
        x = self.dropout(x + space + time)
        return x, None if self.motion is None else self.motion(rgb, motion)

    def _places(self, x: Tensor) -> tuple[Places | None, Places | None]:
        """What the two attentions of a block look up in a clip of patches (b, t, h, w, d): the same in all blocks."""
        attentions = (block.attention for block in self.blocks if isinstance(block, Block))
        attention = next(kind for kind in attentions if isinstance(kind, DeformableAttention))
        h, w = x.shape[2:4]
        return attention.places(h, w, like=x)


class DeformableAttention(nn.Module):
    """u(z^ST, z^MS), or u of one of the two."""

    def __init__(self, config: DVTConfig) -> None:
        super().__init__()
        self.space_time: SpaceTimeDeformable | None = None
        self.multi_scale: MultiScaleDeformable | None = None
        if _follows_motion(config):
            self.space_time = SpaceTimeDeformable(
                config.dim,
                config.num_heads,
                subclip_frames=config.subclip_frames,
                motion_dim=config.motion_dim,
                num_points=config.num_points,
                spread=config.spread,
                max_offset=config.max_offset,
                normalised=config.normalised,
                outside=config.outside,
                motion_in_values=config.motion_in_values,
            )
        if config.attention != "space_time":
            self.multi_scale = MultiScaleDeformable(
                config.dim,
                config.num_heads,
                strides=config.scale_strides,
                num_points=config.num_scale_points,
                spread=config.scale_spread,
                max_offset=config.max_offset,
                outside=config.outside,
            )
        branches = (self.space_time is not None) + (self.multi_scale is not None)
        self.fusion: nn.Module = LinearFusion(config.dim, branches)
        if branches > 1 and config.fusion == "mixer":
            self.fusion = MixerFusion(
                config.dim,
                branches,
                branch_dim=config.mixer_branch_dim,
                channel_dim=int(config.mixer_channel_ratio * config.dim),
                norm_eps=NORM_EPS,
            )

    def places(self, h: int, w: int, like: Tensor) -> tuple[Places | None, Places | None]:
        """Those of D-ST-A and of D-MS-A for a grid of h x w patches, on the device of ``like``."""
        return (
            None if self.space_time is None else self.space_time.places(h, w, like),
            None if self.multi_scale is None else self.multi_scale.places(h, w, like),
        )

    def space_time_points(self, x: Tensor, steering: Steering, places: Places | None) -> Points:
        """Where D-ST-A looks from tokens (b, t, h, w, d); raises ValueError where there is none."""
        if self.space_time is None or places is None:
            raise ValueError("expected an attention with a D-ST-A branch, got D-MS-A alone")
        return self.space_time.points(x, steering, places)

    def forward(self, x: Tensor, steering: Steering | None, in_time: Places | None, in_scales: Places | None) -> Tensor:
        """The update of tokens (b, t, h, w, d)."""
        branches = []
        if self.space_time is not None and steering is not None and in_time is not None:
            branches.append(self.space_time(x, steering, in_time))
        if self.multi_scale is not None and in_scales is not None:
            branches.append(self.multi_scale(x, in_scales))
        update: Tensor = self.fusion(branches)
        return update


class DividedBlock(Block):
    """Divided space-time attention on tokens (b, t, s, d): along time at each place, then within each frame."""

    def __init__(self, config: DVTConfig, drop_path: float) -> None:
        super().__init__(
            config.dim,
            Attention(config.dim, config.num_heads, dropout=config.dropout),
            config.mlp_dim,
            activation="gelu",
            norm_eps=NORM_EPS,
            dropout=config.dropout,
            drop_path=drop_path,
        )
        self.norm_time = nn.LayerNorm(config.dim, NORM_EPS)
        self.attention_time = Attention(config.dim, config.num_heads, dropout=config.dropout)

    def forward(self, x: Tensor, *args: object) -> Tensor:
        along = self.attention_time(self.norm_time(x).transpose(1, 2)).transpose(1, 2)
        return super().forward(x + self.drop_path(self.dropout(along)))


def _block(config: DVTConfig, drop_path: float) -> Block:
    if config.attention == "divided":
        return DividedBlock(config, drop_path)
    attention: nn.Module = (
        Attention(config.dim, config.num_heads, dropout=config.dropout)
        if config.attention == "joint"
        else DeformableAttention(config)
    )
    return Block(
        config.dim,
        attention,
        config.mlp_dim,
        activation="gelu",
        norm_eps=NORM_EPS,
        dropout=config.dropout,
        drop_path=drop_path,
    )


def _follows_motion(config: DVTConfig) -> bool:
    return config.attention in ("space_time", "space_time_and_multi_scale")


def _check(config: DVTConfig) -> None:
    if config.dim % config.num_heads:
        raise ValueError(f"expected a width divisible by the number of heads, got {config.dim} and {config.num_heads}")
    if _follows_motion(config) and (config.subclip_frames < 2 or config.num_frames % config.subclip_frames):
        raise ValueError(
            "expected a whole number of sub-clips of at least two frames, "
            f"got {config.num_frames} frames in sub-clips of {config.subclip_frames}"
        )
    if min(config.num_points, config.num_scale_points, *config.scale_strides) < 1:
        raise ValueError(
            "expected at least one point, and strides of at least 1, got "
            f"{config.num_points} and {config.num_scale_points} points, strides {config.scale_strides}"
        )
