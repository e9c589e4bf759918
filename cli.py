"""The command line: a skin over the packages. Each command calls one function."""

from __future__ import annotations

import click

from videotx import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="videotx")
def main() -> None:
    """Motion vectors, references, residuals and RGB from compressed video, into Zarr shards."""
