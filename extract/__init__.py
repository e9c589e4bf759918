"""Bitstream to :class:`CodedFrame`: motion vectors, references, QP, residual and pixels of a video file."""
