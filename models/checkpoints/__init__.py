"""Published checkpoints of every family, in and out of our own safetensors layout."""

from videotx.models.checkpoints.image_vit import initialise_from_image
from videotx.models.checkpoints.layout import CheckpointError, WeightsReport
from videotx.models.checkpoints.load import convert_weights, load_pretrained, save_weights

__all__ = [
    "CheckpointError",
    "WeightsReport",
    "convert_weights",
    "initialise_from_image",
    "load_pretrained",
    "save_weights",
]
