"""The command that makes sets of clips whose motion is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("demo-data")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option(
    "--kind",
    type=click.Choice(["camera", "objects"]),
    default="camera",
    show_default=True,
    help="camera: the whole picture moves. objects: discs move while the camera pans, and only motion tells classes.",
)
@click.option(
    "--clips", type=click.IntRange(1), default=16, show_default=True, help="How many clips, over all classes."
)
@click.option("--frames", type=click.IntRange(2), help="Frames per clip.  [default: 32 of camera, 20 of objects]")
@click.option(
    "--codec",
    type=click.Choice(["both", "h264", "mpeg4"]),
    default="both",
    show_default=True,
    help="both: each by turns.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes; more than one are Dask workers."
)
def demo_data(**options: Any) -> None:
    """Make a labelled set of H.264 and MPEG-4 clips whose motion is known."""
    from tqdm import tqdm

    from videotx.pipeline.demo_data import CODECS, KINDS, make_demo_set
    from videotx.pipeline.executors import executor

    out, workers = options["out"], options["workers"]
    bar = tqdm(total=options["clips"], unit="clip", disable=None)  # None: only on a terminal
    with executor(workers == 1, workers, None) as chosen, bar:
        try:
            made = make_demo_set(
                out,
                kind=KINDS[options["kind"]],
                num_clips=options["clips"],
                num_frames=options["frames"],
                seed=options["seed"],
                codecs=CODECS[options["codec"]],
                executor=chosen,
                after_clip=bar.update,
            )
        except FileExistsError as error:
            raise click.UsageError(str(error)) from error
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
    num_classes = len({clip.label for clip in made})
    click.echo(f"{out}: {len(made)} clips of {num_classes} classes; their motion is in {out / 'motion.csv'}")
