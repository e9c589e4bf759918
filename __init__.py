"""videotx: what the encoder already knew, straight from the bitstream.

Importing this package imports nothing else; take what you need from ``videotx.extract``, ``videotx.pipeline``,
``videotx.datasets`` or ``videotx.models``.
"""

__version__ = "0.1.0"
