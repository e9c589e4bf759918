"""Transcodes of folders: their shape is kept, failures are rows, and running again makes what is missing."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcode_clips import frame_times, transcode, write_clip

from videotx.pipeline.transcode_tree import target_paths


def table(out: Path) -> dict[str, str]:
    with (out / "transcodes.csv").open(newline="") as file:
        return {row["path"]: row["error"] for row in csv.DictReader(file)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "src" / "run").mkdir(parents=True)
    write_clip(tmp_path / "src" / "run" / "a.mkv", [0, 40, 80])
    write_clip(tmp_path / "src" / "run" / "b.mp4", [0, 40])
    (tmp_path / "src" / "text.mp4").write_text("no video " * 50)
    (tmp_path / "src" / "empty.mp4").touch()
    return tmp_path / "src"


def test_a_tree_keeps_its_shape_and_every_failure_is_a_row(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = transcode(tree, out)
    assert result.exit_code == 0, result.output
    assert "2 of 4 videos" in result.output
    assert frame_times(out / "run" / "a.mp4") == [0, 0.04, 0.08]
    errors = table(out)
    assert (errors["run/a.mkv"], errors["run/b.mp4"]) == ("", "")
    assert errors["empty.mp4"] == "empty_file"
    assert errors["text.mp4"] in ("not_a_video", "unreadable_container")
    assert "text.mp4: " + errors["text.mp4"] in result.output


def test_again_makes_what_is_missing_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    transcode(tree, out)
    kept, lost = out / "run" / "a.mp4", out / "run" / "b.mp4"
    before = kept.stat().st_mtime_ns
    content = lost.read_bytes()
    lost.unlink()
    (tree / "text.mp4").unlink()
    write_clip(tree / "text.mp4", [0, 40])
    assert transcode(tree, out).exit_code == 0
    assert kept.stat().st_mtime_ns == before
    assert lost.read_bytes() == content
    assert table(out)["text.mp4"] == ""


def test_another_preset_on_the_same_output_is_refused(tree: Path, tmp_path: Path) -> None:
    transcode(tree, tmp_path / "out")
    result = transcode(tree, tmp_path / "out", "coviar")
    assert result.exit_code == 2
    assert "was made with the preset simple, coviar was asked for" in result.output


def test_nothing_made_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "empty.mp4").touch()
    assert transcode(tmp_path / "src", tmp_path / "out").exit_code == 1


STEMS = st.from_regex(r"[ab]{1,2}(/[ab]{1,2})?(\.mp4)?", fullmatch=True)


@given(st.lists(STEMS, unique=True, min_size=1, max_size=12), st.sampled_from([".mp4", ".avi", ".mkv"]))
def test_every_source_has_a_target_of_its_own(stems: list[str], suffix: str) -> None:
    targets = target_paths([stem + suffix for stem in stems])
    assert targets == {stem + suffix: stem + ".mp4" for stem in stems}


def test_two_sources_of_one_target_are_refused() -> None:
    with pytest.raises(ValueError, match=r"run/a\.avi and run/a\.mkv would both become run/a\.mp4"):
        target_paths(["run/a.avi", "run/a.mkv"])


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.01)  # other processes' work has no event to wait for


def runs_on(path: Path) -> bool:
    """Whether a running program has the file among its arguments."""
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.name.encode() in arguments.read_bytes():
                return True
        except OSError:  # it ended meanwhile
            continue
    return False


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for programs in /proc")
def test_killed_half_way_leaves_no_program_and_runs_on(tmp_path: Path) -> None:
    """SIGKILL in the middle of the second file: ffmpeg ends too, and running again makes what is missing."""
    (tmp_path / "src").mkdir()
    write_clip(tmp_path / "src" / "a.mkv", [0, 40])
    write_clip(tmp_path / "src" / "b.mkv", [40 * i for i in range(60)], size=(640, 480))
    words = ["transcode", "--src", str(tmp_path / "src"), "--out", str(tmp_path / "out"), "--preset", "h264"]
    code = f"from videotx.cli import main; main({[*words, '--executor', 'inline']!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: bool(list((tmp_path / "out").glob(".b.mp4.*.part"))))
    partial = next((tmp_path / "out").glob(".b.mp4.*.part"))
    assert runs_on(partial)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "b.mp4").exists()
    wait_until(lambda: not runs_on(partial))
    with pytest.raises(av.error.InvalidDataError):  # it was ended and did not come to its end
        frame_times(partial)
    before = (tmp_path / "out" / "a.mp4").stat().st_mtime_ns
    assert transcode(tmp_path / "src", tmp_path / "out", "h264").exit_code == 0
    assert (tmp_path / "out" / "a.mp4").stat().st_mtime_ns == before
    assert len(frame_times(tmp_path / "out" / "b.mp4")) == 60
    assert not list((tmp_path / "out").glob(".*.part"))
