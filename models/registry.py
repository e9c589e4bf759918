"""Every published variant by name, and how to build one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from videotx.models.dvt_variants import DVT_MODELS
from videotx.models.mvit_variants import MVIT
from videotx.models.spec import ModelSpec
from videotx.models.video_model import VideoModel
from videotx.models.video_swin_variants import VIDEO_SWIN
from videotx.models.vidtr_variants import VIDTR
from videotx.models.vivit_variants import VIVIT

MODELS: dict[str, ModelSpec] = {
    **VIVIT,
    **VIDEO_SWIN,
    **MVIT,
    **VIDTR,
    **DVT_MODELS,
}


def create_model(
    name: str, *, num_frames: int | None = None, resolution: int | tuple[int, int] | None = None, **settings: Any
) -> VideoModel[Any]:
    """Build a variant of `MODELS` with untrained weights.

    ``resolution`` is a side, or (height, width), in pixels. ``settings`` are further fields of the variant's config,
    such as ``num_classes``. Raises ValueError for a name that is not in `MODELS`, TypeError for a setting it does not
    have.
    """
    if name not in MODELS:
        raise ValueError(f"expected one of {', '.join(MODELS)}, got {name!r}")
    spec = MODELS[name]
    if num_frames is not None:
        settings["num_frames"] = num_frames
    if resolution is not None:
        settings["resolution"] = (resolution, resolution) if isinstance(resolution, int) else resolution
    return spec.model(replace(spec.config, **settings))
