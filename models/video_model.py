"""What all models share: one way in, one way out, and the settings every family has.

Axes, in all comments of this package: b batch, t frames or time steps of tokens, h and w rows and columns of pixels or
tokens, s = h * w tokens of one time step, n tokens of one sequence, d channels. A trailing ``# b n d`` gives the axes
of the value assigned on its line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from torch import Tensor, nn

from videotx.models.clip import Clip, Motion, MotionClip
from videotx.models.layers.head import Head

NUM_RGB_CHANNELS = 3


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """Settings of every family.

    ``num_classes`` is a number, or a mapping from target names to numbers for one head per target. ``num_frames`` and
    ``resolution`` (height, width in pixels) are the native clip: tables are stored for it, and adapted to any other
    clip. ``drop_path`` is the rate of the last block; it grows linearly from 0 at the first. ``checkpoint_activations``
    trades one more forward pass for the memory of the blocks' activations while training.
    """

    num_classes: int | Mapping[str, int] = 400
    num_frames: int
    resolution: tuple[int, int]
    dropout: float = 0.0
    head_dropout: float = 0.0
    drop_path: float = 0.0
    checkpoint_activations: bool = False


ConfigT = TypeVar("ConfigT", bound=VideoConfig)


class VideoModel(nn.Module, ABC, Generic[ConfigT]):
    """A clip in, logits out.

    A family implements `encode` (clip to tokens) and `pool` (tokens to one vector per clip), sets ``self.head``, and
    may set ``uses_motion``. ``model(clip)`` takes a float tensor (b, 3, t, h, w) or an object with ``rgb`` (and, for
    models that use motion, ``displacement``, ``valid`` and ``residual``), and returns logits (b, num_classes), or a
    dict of them by target.
    """

    uses_motion: ClassVar[bool] = False
    head: Head

    def __init__(self, config: ConfigT) -> None:
        super().__init__()
        self.config = config

    def forward(self, clip: Tensor | Clip, motion: Motion | None = None) -> Tensor | dict[str, Tensor]:
        """Logits (b, num_classes), or a dict of them where there are several targets."""
        logits: Tensor | dict[str, Tensor] = self.head(self.pool(self.forward_features(clip, motion)))
        return logits

    def forward_features(self, clip: Tensor | Clip, motion: Motion | None = None) -> Tensor:
        """The normalised tokens (b, n, d) that `pool` reads; their order is the family's."""
        rgb, motion = self._unpack(clip, motion)
        return self.encode(rgb, motion)

    @abstractmethod
    def encode(self, rgb: Tensor, motion: Motion | None) -> Tensor:
        """Tokens (b, n, d) of checked clips ``rgb`` (b, 3, t, h, w)."""

    @abstractmethod
    def pool(self, tokens: Tensor) -> Tensor:
        """One vector (b, d) per clip."""

    def _unpack(self, clip: Tensor | Clip, motion: Motion | None) -> tuple[Tensor, Motion | None]:
        if isinstance(clip, Tensor):
            rgb = clip
        else:
            if motion is not None:
                raise ValueError("expected motion either in the clip or beside a tensor, got both")
            if not hasattr(clip, "rgb"):
                raise TypeError(f"expected a tensor (b, 3, t, h, w) or an object with `rgb`, got {type(clip).__name__}")
            rgb = clip.rgb
            if self.uses_motion and isinstance(clip, MotionClip):
                motion = Motion(clip.displacement, clip.valid, clip.residual)
        if motion is not None and not self.uses_motion:
            raise ValueError(f"{type(self).__name__} looks at RGB only, got motion")
        self._check(rgb)
        return rgb, motion

    def _check(self, rgb: Tensor) -> None:
        if rgb.ndim != 5 or rgb.shape[1] != NUM_RGB_CHANNELS:
            raise ValueError(f"expected a clip (b, 3, t, h, w), got shape {tuple(rgb.shape)}")
        if not rgb.is_floating_point():
            raise TypeError(f"expected a normalised float clip, got {rgb.dtype}: scale and normalise it first")
