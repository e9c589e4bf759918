"""Bitstream to :class:`CodedFrame`: motion vectors, references, QP, residual and pixels of a video file."""

from videotx.extract.frame import REF_NONE, REF_UNKNOWN, CodedFrame, MotionField
from videotx.extract.info import VideoInfo
from videotx.extract.reader import VideoReader, open_video
from videotx.extract.segment import Segment

__all__ = ["REF_NONE", "REF_UNKNOWN", "CodedFrame", "MotionField", "Segment", "VideoInfo", "VideoReader", "open_video"]
