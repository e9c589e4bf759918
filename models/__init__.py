"""Clips to logits: DVT, ViViT, VidTr, Video Swin and MViT.

``create_model(name, num_classes=..., num_frames=..., resolution=...)`` builds a variant of `MODELS`; the classes and
their configs in the families' own modules build anything else.
"""

from videotx.models.clip import Clip, Motion, MotionClip
from videotx.models.registry import MODELS, create_model
from videotx.models.spec import ModelSpec
from videotx.models.video_model import VideoConfig, VideoModel

__all__ = ["MODELS", "Clip", "ModelSpec", "Motion", "MotionClip", "VideoConfig", "VideoModel", "create_model"]
