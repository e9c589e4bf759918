"""The command line: a skin over the packages. Each command calls one function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from videotx import __version__
from videotx.cli_demo import demo_data
from videotx.pipeline.annotations.formats import FORMATS
from videotx.pipeline.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from videotx.pipeline.executors import Executor
    from videotx.pipeline.isolation import Limits
    from videotx.pipeline.recipe import Recipe
    from videotx.pipeline.run import Summary

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PATH = click.Path(path_type=Path)
_FORMS = click.Choice(["text", "csv", "json"])


def _share(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    index, _, count = value.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise click.BadParameter(f"expected i/n with 0 <= i < n, got {value!r}", context, option)
    return int(index), int(count)


def _side(context: click.Context, option: click.Parameter, value: str) -> int | None:
    if value != "native" and not (value.isdecimal() and int(value) >= 16):
        raise click.BadParameter(f"expected at least 16 pixels, or `native`, got {value!r}", context, option)
    return None if value == "native" else int(value)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="videotx")
def main() -> None:
    """Motion vectors, references, residuals and RGB from compressed video, into Zarr shards."""


main.add_command(demo_data)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


SOURCE_OPTIONS = _options(
    click.option(
        "--src",
        required=True,
        type=_FOLDER,
        help="Folder of videos; without --annotations their class is the parent folder.",
    ),
    click.option(
        "--annotations",
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        help="Annotation file of a data set, or a folder of them; may be repeated.",
    ),
    click.option(
        "--dataset",
        type=click.Choice(list(FORMATS)),
        help="Format of the annotations, see docs/datasets.md.  [default: told by the files]",
    ),
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Only paths that match; may be repeated.  [default: by suffix]"
    ),
    click.option("--exclude", multiple=True, metavar="GLOB", help="No paths that match; may be repeated."),
)
RECIPE_OPTIONS = _options(
    click.option(
        "--streams", default="motion,qp,residual,rgb", show_default=True, help="What to store, separated by commas."
    ),
    click.option(
        "--short-side",
        metavar="N|native",
        callback=_side,
        default="256",
        show_default=True,
        help="Bound of the shorter side of RGB and residual.",
    ),
    click.option("--rgb", type=click.Choice(["jpeg", "lossless", "none"]), default="jpeg", show_default=True),
    click.option("--quality", type=click.IntRange(1, 100), default=90, show_default=True, help="JPEG quality."),
    click.option(
        "--residual",
        type=click.Choice(["auto", "coded", "difference", "none"]),
        default="auto",
        show_default=True,
        help="auto: coded where the native reader covers the video, difference elsewhere.",
    ),
    click.option("--residual-codec", type=click.Choice(["jpeg", "lossless"]), default="jpeg", show_default=True),
    click.option(
        "--block",
        type=click.Choice(["8", "4"]),
        default="8",
        show_default=True,
        help="Luma samples per cell of the motion grid.",
    ),
    click.option("--reader", type=click.Choice(["auto", "native", "libav"]), default="auto", show_default=True),
    click.option(
        "--frame-stride", type=click.IntRange(1), default=1, show_default=True, help="Store every n-th frame."
    ),
    click.option("--videos-per-shard", type=click.IntRange(1), default=128, show_default=True),
    click.option(
        "--transcode",
        type=click.Choice(["auto", "always", "never"]),
        default="never",
        show_default=True,
        help="auto: make videos anew whose motion cannot be read, such as VP9 and HEVC.",
    ),
    click.option(
        "--preset", type=click.Choice(list(PRESETS)), default="h264", show_default=True, help="Of --transcode."
    ),
)
EXECUTOR_OPTIONS = _options(
    click.option("--workers", type=click.IntRange(1), help="Dask workers on this machine.  [default: one per core]"),
    click.option("--scheduler", metavar="ADDRESS|FILE", help="Use an existing Dask cluster."),
    click.option(
        "--executor",
        type=click.Choice(["dask", "inline"]),
        default="dask",
        show_default=True,
        help="inline: one task after another, without Dask.",
    ),
)
LIMIT_OPTIONS = _options(
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=120.0,
        show_default=True,
        help="Seconds that a video may take for its next frame.",
    ),
    click.option(
        "--memory",
        type=click.IntRange(64),
        default=2048,
        show_default=True,
        help="MiB that decoding one video may use.",
    ),
)


def _recipe(options: dict[str, Any]) -> Recipe:
    from videotx.pipeline.recipe import STREAMS, Recipe

    asked = {name.strip() for name in options.pop("streams").split(",") if name.strip()}
    if unknown := asked - set(STREAMS):
        raise click.UsageError(f"--streams: expected some of {', '.join(STREAMS)}, got {', '.join(sorted(unknown))}")
    for name in ("rgb", "residual"):
        if options[name] == "none":
            asked.discard(name)
            options.pop(name)
    if not asked:
        raise click.UsageError("--streams: nothing is left to store")
    return Recipe(
        streams=tuple(name for name in STREAMS if name in asked),
        block=8 if options.pop("block") == "8" else 4,
        **options,
    )


def _executor(options: dict[str, Any], *, inline: bool = False) -> AbstractContextManager[Executor]:
    from videotx.pipeline.executors import executor

    asked = options.pop("executor") == "inline"
    return executor(asked or inline, options.pop("workers"), options.pop("scheduler"))


def _limits(options: dict[str, Any]) -> Limits:
    from videotx.pipeline.isolation import Limits

    return Limits(options.pop("timeout"), options.pop("memory") << 20)


def _say(line: str) -> None:
    click.echo(line, err=True)


@main.command()
@SOURCE_OPTIONS
@RECIPE_OPTIONS
@EXECUTOR_OPTIONS
@LIMIT_OPTIONS
@click.option("--out", required=True, type=_PATH, help="The output folder, made if it is not there.")
@click.option(
    "--shards", "share", metavar="I/N", callback=_share, help="Write only share i of n (0 <= i < n), for job arrays."
)
@click.option("--dry-run", is_flag=True, help="Print videos, shards, bytes and core-hours, measured on a few files.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any video failed.")
def extract(**options: Any) -> None:
    """Extract every video of --src into shards.

    Run it again to finish what is missing or to add new files.

    Exit code 0: every shard is written; videos that failed are rows of the table `videos`. 1: a shard could not be
    written, or not one video could be extracted, or --strict and a video failed. 2: wrong use, such as another recipe
    on the same output.
    """
    from videotx.pipeline.estimate import estimate
    from videotx.pipeline.layout import Layout
    from videotx.pipeline.run import finish, finish_share, make_plan, write_missing

    limits = _limits(options)
    out, share, dry_run, strict = (options.pop(name) for name in ("out", "share", "dry_run", "strict"))
    source, chosen_executor = _source(options), _executor(options, inline=dry_run)
    recipe = _usage_errors(lambda: _recipe(options))
    with chosen_executor as chosen:
        if dry_run:
            click.echo("\n".join(estimate(source, recipe, limits, chosen).lines()))
            return
        # The jobs of an array share one plan; whoever comes first makes it.
        if share is None or not Layout(out).plan.exists():
            _usage_errors(lambda: make_plan(source, out, recipe, limits=limits, executor=chosen, say=_say))
        else:
            _usage_errors(lambda: recipe.check_same(Layout(out).recipe(), str(out)))
        errors = write_missing(out, source.root, limits, chosen, share or (0, 1))
    summary = finish(out, errors) if share is None else finish_share(out, errors)
    _print_summary(summary, out)
    nothing = summary.complete and summary.num_frames == 0 and share is None
    if errors or nothing or (strict and summary.failures):
        raise SystemExit(1)


@main.command()
@SOURCE_OPTIONS
@RECIPE_OPTIONS
@EXECUTOR_OPTIONS
@LIMIT_OPTIONS
@click.option("--out", required=True, type=_PATH, help="The output folder, made if it is not there.")
def plan(**options: Any) -> None:
    """Read the headers of --src and assign every file to a shard, without extracting; for job arrays."""
    from videotx.pipeline.finalise import missing_shards
    from videotx.pipeline.layout import Layout
    from videotx.pipeline.run import make_plan

    limits = _limits(options)
    source, chosen_executor, out = _source(options), _executor(options), options.pop("out")
    recipe = _usage_errors(lambda: _recipe(options))
    with chosen_executor as chosen:
        _usage_errors(lambda: make_plan(source, out, recipe, limits=limits, executor=chosen, say=_say))
    layout = Layout(out)
    click.echo(f"{len(layout.read_plan())} videos planned, {len(missing_shards(layout))} shards to write")


@main.command()
@click.argument("output", type=_FOLDER)
def finalise(output: Path) -> None:
    """Check that every planned shard of OUTPUT is written and merge the table of videos."""
    from videotx.pipeline.run import finish

    summary = finish(output, ())
    _print_summary(summary, output)
    if not summary.complete:
        raise SystemExit(1)


@main.command()
@click.argument("output", type=_FOLDER)
@click.option("--format", "form", type=_FORMS, default="text", help="csv: the table of videos; json: everything.")
def info(output: Path, form: str) -> None:
    """Say what is in OUTPUT: videos, bytes per frame of each array, failures by kind."""
    from videotx.pipeline.inspection import export_csv, export_json, inspect_output

    if form == "csv":
        click.echo(_usage_errors(lambda: export_csv(output)), nl=False)
    elif form == "json":
        click.echo(_usage_errors(lambda: export_json(output)))
    else:
        click.echo("\n".join(_usage_errors(lambda: inspect_output(output).lines())))


@main.command()
@click.argument("output", type=_FOLDER)
@EXECUTOR_OPTIONS
def verify(output: Path, **options: Any) -> None:
    """Check checksums and counts of OUTPUT and decode every frame; exit code 1 and a list when something is wrong."""
    from videotx.pipeline.verify import verify_jobs, verify_shard, verify_videos

    jobs = _usage_errors(lambda: verify_jobs(output))
    problems = verify_videos(output)
    with _executor(options) as chosen:
        for outcome in chosen.run(verify_shard, jobs):
            problems += outcome.result if outcome.result is not None else [outcome.error]
    for problem in sorted(problems):
        click.echo(problem)
    if problems:
        click.echo(f"{len(problems)} problems in {output}", err=True)
        raise SystemExit(1)
    click.echo(f"{output}: {len(jobs)} shards verified")


@main.command()
@click.argument("containing", default="")
def models(containing: str) -> None:
    """List the models (or those whose name contains a text): size, cost of a clip, native clip, published top-1."""
    from videotx.models.table import models_table

    click.echo(models_table(containing))


@main.command("convert-weights")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "name", required=True, help="The variant the weights are of, as `videotx models` lists it.")
@click.option("--out", required=True, type=_PATH, help="The safetensors file to write.")
@click.option("--num-frames", type=int, help="Frames of the clip the weights are for.  [default: the variant's]")
@click.option("--resolution", type=(int, int), help="Height and width of that clip.  [default: the variant's]")
def convert_weights(
    source: Path, name: str, out: Path, num_frames: int | None, resolution: tuple[int, int] | None
) -> None:
    """Write a published checkpoint as safetensors under videotx's keys, and report what became of each of its keys."""
    from videotx.models import checkpoints

    settings: dict[str, Any] = {} if num_frames is None else {"num_frames": num_frames}
    settings |= {} if resolution is None else {"resolution": resolution}
    try:
        report = checkpoints.convert_weights(source, name, out, **settings)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(report)


@main.command()
@SOURCE_OPTIONS
@EXECUTOR_OPTIONS
@LIMIT_OPTIONS
@click.option("--out", required=True, type=_PATH, help="The output folder, of the same shape as --src.")
@click.option("--preset", required=True, type=click.Choice(list(PRESETS)), help="See docs/transcode.md.")
def transcode(**options: Any) -> None:
    """Re-encode every video of --src into one whose motion vectors can be read.

    Run it again to finish what is missing; failed files are tried again. Exit code 1 when not one file could be made.
    """
    from videotx.pipeline.ffmpeg import find_ffmpeg
    from videotx.pipeline.transcode_tree import TranscodeSettings, transcode_with_bar

    limits = _limits(options)
    source, out = _source(options), options["out"]
    settings = TranscodeSettings(options["preset"], _usage_errors(find_ffmpeg), limits)
    with _executor(options) as chosen:
        num_made, num_files = _usage_errors(lambda: transcode_with_bar(source, out, settings, chosen))
    click.echo(f"{out}: {num_made} of {num_files} videos")
    if not num_made:
        raise SystemExit(1)


def _source(options: dict[str, Any]) -> Any:
    from videotx.pipeline.sources import find_sources

    src, annotations, dataset = (options.pop(name) for name in ("src", "annotations", "dataset"))
    include, exclude = options.pop("include"), options.pop("exclude")
    source = _usage_errors(lambda: find_sources(src, annotations, dataset, include, exclude))
    if source.left_out:
        _say("left out: " + ", ".join(f"{count} {kind}" for kind, count in sorted(source.left_out.items())))
    if not source.entries:
        raise click.UsageError(f"{src}: no videos found")
    return source


def _usage_errors(function: Callable[[], Any]) -> Any:
    """What a user did wrong is a sentence and exit code 2, not a traceback."""
    try:
        return function()
    except (ValueError, FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise click.UsageError(str(error)) from error


def _print_summary(summary: Summary, out: Path) -> None:
    for line in summary.lines(out):
        click.echo(line, err=not summary.complete)
