"""Extraction from end to end on stand-in videos: whole videos or nothing, once each, the same every time."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import zarr

from videotx.pipeline.executors import InlineExecutor
from videotx.pipeline.isolation import Limits, worker_decoder
from videotx.pipeline.layout import Layout
from videotx.pipeline.recipe import Recipe, RecipeMismatchError
from videotx.pipeline.run import Summary, finish, finish_share, make_plan, write_missing
from videotx.pipeline.sources import find_sources
from videotx.pipeline.store import VIDEO_COLUMNS
from videotx.pipeline.tables import read_table, table_rows

Tree = Callable[[Mapping[str, str]], Path]
STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_decoder.py")))
RECIPE = Recipe(streams=("motion", "qp", "rgb"), short_side=32, videos_per_shard=3)
LIMITS = Limits(timeout_seconds=0.5, memory_bytes=300 << 20)
VIDEOS = {
    "jump/a": "frames=6 size=64x48 seed=1",
    "jump/b": "frames=5 size=64x48 seed=2 then=crash",
    "jump/c": "frames=4 size=64x48 seed=3",
    "run/d": "frames=3 size=80x48 seed=4",
    "run/e": "frames=3 size=64x48 seed=5 then=hang",
    "run/f": "frames=7 size=64x48 seed=6 warn=1",
    "run/g": "frames=0 size=64x48",
    "run/h": "no video",
    "run/i": "frames=2 size=64x48 then=raise",
}


@pytest.fixture(autouse=True, scope="module")
def stand_in_workers() -> Iterator[None]:
    """Workers of this file decode stand-in videos; one process serves all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("videotx.pipeline.isolation.CHILD", STAND_IN)
        worker_decoder(LIMITS)
        yield
        worker_decoder(LIMITS).close()


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Summary]:
    """Source, output and summary of a run over :data:`VIDEOS`."""
    folder = tmp_path_factory.mktemp("extracted")
    for name, text in VIDEOS.items():
        path = folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    summary = run_everything(folder / "source", folder / "out", RECIPE)
    return folder / "source", folder / "out", summary


def run_everything(root: Path, out: Path, recipe: Recipe, share: tuple[int, int] | None = None) -> Summary:
    source = find_sources(root, include=("*",))
    executor = InlineExecutor()
    make_plan(source, out, recipe, limits=LIMITS, executor=executor, say=lambda line: None)
    errors = write_missing(out, source.root, LIMITS, executor, share or (0, 1))
    return finish(out, errors) if share is None else finish_share(out, errors)


def files_of(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def rows_of(out: Path) -> dict[str, dict[str, object]]:
    return {row["path"]: row for row in table_rows(read_table(out / "videos", VIDEO_COLUMNS))}


def test_every_file_ends_as_a_row(extracted: tuple[Path, Path, Summary]) -> None:
    _, out, summary = extracted
    rows = rows_of(out)
    assert {path: row["error"] for path, row in rows.items()} == {
        "jump/a": "", "jump/b": "decoder_crashed", "jump/c": "", "run/d": "", "run/e": "timed_out", "run/f": "",
        "run/g": "no_frames", "run/h": "not_a_video", "run/i": "unexpected_error",
    }  # fmt: skip
    assert summary.num_extracted == 4
    assert summary.num_frames == sum(row["num_frames"] for row in rows.values()) == 20  # type: ignore[misc]
    assert rows["run/f"]["warnings"] == "made up"
    assert rows["run/h"]["shard"] == -1
    root = zarr.open_group(out, mode="r")
    assert root.attrs["class_names"] == ["jump", "run"]
    assert [rows[path]["label"] for path in ("jump/a", "run/d")] == [0, 1]


def test_a_shard_holds_whole_videos_one_after_the_other(
    extracted: tuple[Path, Path, Summary], video_tree: Tree, tmp_path: Path
) -> None:
    alone = {path: text for path, text in VIDEOS.items() if "then" not in text and "frames" in text}
    run_everything(video_tree(alone), tmp_path / "without", RECIPE)
    pictures = []
    for out in (extracted[1], tmp_path / "without"):
        root = zarr.open_group(out, mode="r")
        seen = {}
        for path, row in rows_of(out).items():
            if not row["error"]:
                shard = root[f"{row['shard']:06d}"]
                frames = slice(row["first_frame"], row["first_frame"] + row["num_frames"])  # type: ignore[operator]
                assert {name: a.shape[0] for name, a in shard.arrays()} == dict.fromkeys(
                    ("motion", "ref", "qp", "rgb"), shard.attrs["num_frames"]
                )
                assert set(shard["frames/picture_type"][frames]) <= {"I", "P"}
                assert shard["frames/picture_type"][frames][0] == "I"
                seen[path] = {name: np.asarray(shard[name][frames]) for name in ("motion", "ref", "qp", "rgb")}
        pictures.append(seen)
    assert pictures[0].keys() == pictures[1].keys() == {"jump/a", "jump/c", "run/d", "run/f"}
    for path, arrays in pictures[0].items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, pictures[1][path][name], err_msg=f"{path} {name}")


def test_libav_reads_what_the_native_reader_gave_up_on(video_tree: Tree, tmp_path: Path) -> None:
    root = video_tree(
        {
            "run/a": "frames=2 size=64x48 seed=1",
            "run/b": "frames=6 size=64x48 seed=2 native_stops=4 warn=1",
            "run/c": "frames=3 size=64x48 seed=3",
            "run/d": "frames=3 size=64x48 seed=4 native_stops=1 then=crash",
        }
    )
    run_everything(root, tmp_path / "out", RECIPE)
    rows = rows_of(tmp_path / "out")
    assert {path: (row["error"], row["num_frames"]) for path, row in rows.items()} == {
        "run/a": ("", 2), "run/b": ("", 6), "run/c": ("", 3), "run/d": ("decoder_crashed", 0),
    }  # fmt: skip
    assert rows["run/b"]["reader"] == "libav"
    why = "read by libav, since the native reader gave up: frame 4: another picture; made up"
    assert rows["run/b"]["warnings"] == why
    # Nothing of the first attempt stays behind.
    video_tree({"run/b": "frames=6 size=64x48 seed=2"})
    run_everything(root, tmp_path / "alone", RECIPE)
    for array in ("motion", "ref", "qp", "rgb"):
        ours, theirs = (zarr.open_array(tmp_path / out / "000000" / array)[:] for out in ("out", "alone"))
        np.testing.assert_array_equal(ours, theirs)


def test_libav_reads_nothing_that_has_no_place_for_it(video_tree: Tree, tmp_path: Path) -> None:
    root = video_tree({"run/b": "frames=6 size=64x48 seed=2 native_stops=0"})
    run_everything(root, tmp_path / "native", dataclasses.replace(RECIPE, reader="native"))
    row = rows_of(tmp_path / "native")["run/b"]
    assert (row["error"], row["message"]) == ("reader_mismatch", "frame 0: another picture")
    run_everything(root, tmp_path / "coded", Recipe(short_side=32))
    row = rows_of(tmp_path / "coded")["run/b"]
    assert row["error"] == "reader_mismatch"
    assert str(row["message"]).endswith("another picture; libav can read it, but without the coded residual")


def test_a_second_run_repeats_nothing(extracted: tuple[Path, Path, Summary]) -> None:
    root, out, first = extracted
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if "0000" in str(p) or "plan" in str(p)}
    assert run_everything(root, out, RECIPE) == first
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_new_files_become_new_shards(video_tree: Tree, tmp_path: Path) -> None:
    root, out = video_tree({"run/a": "frames=2 size=64x48"}), tmp_path / "out"
    run_everything(root, out, RECIPE)
    before = files_of(out / "000000")
    video_tree({"climb/b": "frames=3 size=64x48", "run/c": "frames=1 size=64x48"})
    summary = run_everything(root, out, RECIPE)
    assert summary.num_frames == 6
    assert files_of(out / "000000") == before
    assert {path: (row["shard"], row["label"]) for path, row in rows_of(out).items()} == {
        "run/a": (0, 0), "climb/b": (1, 1), "run/c": (1, 0),
    }  # fmt: skip
    assert zarr.open_group(out, mode="r").attrs["class_names"] == ["run", "climb"]


def test_another_recipe_is_refused(video_tree: Tree, tmp_path: Path) -> None:
    root = video_tree({"a": "frames=2 size=64x48"})
    run_everything(root, tmp_path / "out", RECIPE)
    with pytest.raises(RecipeMismatchError, match="frame_stride: 1 there, 2 asked for"):
        run_everything(root, tmp_path / "out", dataclasses.replace(RECIPE, frame_stride=2))


def test_a_stride_keeps_every_nth_frame(video_tree: Tree, tmp_path: Path) -> None:
    root = video_tree({"a": "frames=7 size=64x48"})
    for stride in (1, 3):
        run_everything(root, tmp_path / str(stride), Recipe(streams=("motion",), frame_stride=stride))
    every, third = (zarr.open_group(tmp_path / name / "000000", mode="r") for name in ("1", "3"))
    np.testing.assert_array_equal(third["motion"][:], every["motion"][:][::3])
    np.testing.assert_allclose(third["frames/pts_seconds"][:], [0, 0.12, 0.24])


def test_killed_half_way_and_run_again_gives_the_same_bytes(video_tree: Tree, tmp_path: Path) -> None:
    videos = {f"{n}": f"frames=12 size=64x{48 if n % 2 else 64} seed={n} slow=0.01" for n in range(8)}
    root, out = video_tree(videos), tmp_path / "killed"
    code = f"""
import sys
from pathlib import Path
from videotx.pipeline import isolation
isolation.CHILD = (sys.executable, {str(Path(__file__).with_name("stand_in_decoder.py"))!r})
from videotx.pipeline.executors import InlineExecutor
from videotx.pipeline.isolation import Limits
from videotx.pipeline.recipe import Recipe
from videotx.pipeline.run import finish, make_plan, write_missing
from videotx.pipeline.sources import find_sources
source, out, limits = find_sources(Path({str(root)!r}), include=("*",)), Path({str(out)!r}), Limits()
make_plan(source, out, Recipe.from_dict({RECIPE.to_dict()!r}), limits=limits, executor=InlineExecutor(), say=print)
finish(out, write_missing(out, source.root, limits, InlineExecutor()))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(out.glob("00000?")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)  # into the next shard
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "videos").exists()
    run_everything(root, out, RECIPE)
    run_everything(root, tmp_path / "unbroken", RECIPE)
    assert files_of(out) == files_of(tmp_path / "unbroken")


def test_shares_make_the_whole(video_tree: Tree, tmp_path: Path) -> None:
    recipe = Recipe(streams=("motion",), videos_per_shard=1)
    root = video_tree({f"{n}": f"frames=2 size=64x48 seed={n}" for n in range(5)})
    for index in (2, 0):
        assert not run_everything(root, tmp_path / "shares", recipe, (index, 3)).complete
    assert run_everything(root, tmp_path / "shares", recipe, (1, 3)).complete
    run_everything(root, tmp_path / "whole", recipe)
    assert files_of(tmp_path / "shares") == files_of(tmp_path / "whole")


def test_a_full_disk_fails_the_shard_and_leaves_nothing(
    video_tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    root, out = video_tree({"a": "frames=2 size=64x48"}), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("videotx.pipeline.shard_file.FrameArrayWriter.append", no_space)
        summary = run_everything(root, out, RECIPE)
    assert not summary.complete
    assert "No space left on device" in summary.errors[0]
    assert not (out / "000000").exists()
    assert [p.name for p in (out / "partial").iterdir()] == ["zarr.json"]
    assert run_everything(root, out, RECIPE).num_extracted == 1


def test_an_interrupted_replacement_of_the_plan_is_undone(video_tree: Tree, tmp_path: Path) -> None:
    root, out = video_tree({"a": "frames=2 size=64x48"}), tmp_path / "out"
    run_everything(root, out, RECIPE)
    plan = Layout(out).read_plan()
    Layout(out).make_partial()
    (out / "plan").rename(out / "partial" / "plan.old")
    assert Layout(out).read_plan() == plan


def test_tables_are_columns_that_zarr_reads_without_a_warning(extracted: tuple[Path, Path, Summary]) -> None:
    root = zarr.open_group(extracted[1], mode="r")
    members = dict(root.members(max_depth=None))
    assert {name.split("/")[0] for name in members} == {"000000", "000001", "000002", "000003", "plan", "videos"}
    table = {name: root["videos"][name][:] for name in root["videos"]}
    assert {len(column) for column in table.values()} == {len(VIDEOS)}
    assert np.isnan(table["fps"][list(table["path"]).index("run/h")])
