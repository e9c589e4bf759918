"""The published key layouts of every family."""

from __future__ import annotations

from typing import Any

from videotx.models.checkpoints.gluonmm import COMPACT_VIDTR_GLUONMM, VIDTR_GLUONMM
from videotx.models.checkpoints.huggingface import VIVIT_HF_4, VIVIT_HF_5
from videotx.models.checkpoints.layout import Layout
from videotx.models.checkpoints.mvit import MVIT_PYTORCHVIDEO, MVIT_SLOWFAST, MVIT_TORCHVISION
from videotx.models.checkpoints.scenic import VIVIT_SCENIC
from videotx.models.checkpoints.swin import SWIN_OFFICIAL, SWIN_TIMM, SWIN_TORCHVISION
from videotx.models.compact_vidtr import CompactVidTr
from videotx.models.mvit import MViT
from videotx.models.video_model import VideoModel
from videotx.models.video_swin import VideoSwin
from videotx.models.vidtr import VidTr
from videotx.models.vivit import ViViT

LAYOUTS: dict[type[VideoModel[Any]], tuple[Layout, ...]] = {
    VidTr: (VIDTR_GLUONMM,),
    CompactVidTr: (COMPACT_VIDTR_GLUONMM,),
    ViViT: (VIVIT_SCENIC, VIVIT_HF_4, VIVIT_HF_5),
    VideoSwin: (SWIN_TIMM, SWIN_OFFICIAL, SWIN_TORCHVISION),
    MViT: (MVIT_PYTORCHVIDEO, MVIT_SLOWFAST, MVIT_TORCHVISION),
}
