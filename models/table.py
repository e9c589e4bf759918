"""The registry as a table for people."""

from __future__ import annotations

from videotx.models.registry import MODELS
from videotx.models.spec import ModelSpec

COLUMNS = ("model", "params (M)", "GMACs", "frames x stride", "resolution", "top-1", "dataset", "source")


def models_table(containing: str = "") -> str:
    """One line per variant whose name contains a text; accuracies are the published ones, costs are of one clip."""
    rows = [_row(name, spec) for name, spec in MODELS.items() if containing in name]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (COLUMNS, *rows))
    return "\n".join(lines)


def _row(name: str, spec: ModelSpec) -> tuple[str, ...]:
    height, width = spec.config.resolution
    return (
        name,
        f"{spec.num_params / 1e6:.1f}",
        f"{spec.gmacs:.1f}",
        f"{spec.config.num_frames} x {spec.frame_stride}",
        f"{height} x {width}",
        "-" if spec.top1 is None else f"{spec.top1:.1f}",
        "-" if spec.top1 is None else spec.dataset,
        spec.source,
    )
