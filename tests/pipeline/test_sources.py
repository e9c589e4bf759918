"""Which files are found, and what their labels are."""

from __future__ import annotations

from pathlib import Path

import pytest

from videotx.pipeline.annotations.entry import AnnotationError, Entry
from videotx.pipeline.class_names import ClassNames, label_numbers
from videotx.pipeline.sources import find_sources


def make_files(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def pairs(entries: tuple[Entry, ...]) -> list[tuple[str, str]]:
    return [(entry.path, entry.label) for entry in entries]


def test_a_tree_gives_its_parent_folders_as_classes(tmp_path: Path) -> None:
    make_files(tmp_path, "train/run/b.mp4", "train/jump/a.AVI", "c.mkv", "notes.txt", ".hidden.mp4", ".git/x.mp4")
    source = find_sources(tmp_path)
    assert pairs(source.entries) == [("c.mkv", ""), ("train/jump/a.AVI", "jump"), ("train/run/b.mp4", "run")]
    assert source.left_out == {".txt": 1}


def test_globs_choose_and_leave_out(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.mp4", "a/2.cmp", "b/3.mp4", "b/4.avi")
    assert list(find_sources(tmp_path, include=("*.cmp", "b/*")).paths) == ["a/2.cmp", "b/3.mp4", "b/4.avi"]
    assert list(find_sources(tmp_path, exclude=("*.avi", "a/*")).paths) == ["b/3.mp4"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    make_files(tmp_path / "elsewhere", "v.mp4")
    root = make_files(tmp_path / "root", "run/a.mp4")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "run" / "loop").symlink_to(root)
    assert list(find_sources(root).paths) == ["linked/v.mp4", "run/a.mp4"]


def annotate(tmp_path: Path, text: str, name: str = "list.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_annotated_videos_are_found_by_path_or_with_another_suffix(tmp_path: Path) -> None:
    root = make_files(tmp_path / "videos", "run/a.avi", "run/b.mp4", "run/stray.mp4", "notes.txt")
    table = annotate(tmp_path, "path,label\nrun/a.avi,run\nrun\\b.avi,run\ngone/c.avi,jump\n")
    source = find_sources(root, [table])
    assert pairs(source.entries) == [("gone/c.avi", "jump"), ("run/a.avi", "run"), ("run/b.mp4", "run")]
    assert source.left_out == {".mp4 not named by the annotations": 1}


def test_absolute_paths_below_the_folder_are_made_relative(tmp_path: Path) -> None:
    root = make_files(tmp_path / "videos", "a.mp4")
    make_files(tmp_path, "elsewhere.mp4")
    table = annotate(tmp_path, f"{root}/a.mp4 0\n{tmp_path}/elsewhere.mp4 1\n", "train.txt")
    assert pairs(find_sources(root, [table]).entries) == [(f"{tmp_path}/elsewhere.mp4", "1"), ("a.mp4", "0")]


def test_plain_lists_do_not_take_a_file_of_the_same_name_elsewhere(tmp_path: Path) -> None:
    root = make_files(tmp_path / "videos", "run/1.mp4")
    table = annotate(tmp_path, "path,label\njump/1.mp4,jump\n")
    source = find_sources(root, [table])
    assert source.paths == ("jump/1.mp4",)
    assert source.left_out == {".mp4 not named by the annotations": 1}


def test_globs_choose_among_annotated_videos(tmp_path: Path) -> None:
    root = make_files(tmp_path / "videos", "a/1.mp4", "b/2.mp4")
    table = annotate(tmp_path, "path,label\na/1.mp4,x\nb/2.mp4,x\nb/gone.mp4,x\n")
    source = find_sources(root, [table], include=("b/*",))
    assert source.paths == ("b/2.mp4", "b/gone.mp4")
    assert source.left_out == {"annotated, but left out by --include or --exclude": 1}


def test_one_name_for_two_files_is_refused(tmp_path: Path) -> None:
    root = make_files(tmp_path / "videos", "run/a.mkv", "run/a.mp4")
    table = annotate(tmp_path, "path,label\nrun/a.avi,run\n")
    with pytest.raises(AnnotationError, match=r"run/a\.avi may be run/a\.mkv or run/a\.mp4; --exclude"):
        find_sources(root, [table])
    assert find_sources(root, [table], exclude=("*.mkv",)).paths == ("run/a.mp4",)


def test_two_annotations_of_one_file_are_refused(tmp_path: Path) -> None:
    root = make_files(tmp_path / "videos", "abc.mp4")
    text = "label,youtube_id,time_start,time_end,split\nrun,abc,1,11,train\nrun,abc,20,30,train\n"
    with pytest.raises(AnnotationError, match=r"abc_000001_000011\.mp4 and abc_000020_000030\.mp4"):
        find_sources(root, [annotate(tmp_path, text)])


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    make_files(tmp_path, "a.csv")
    with pytest.raises(NotADirectoryError, match="annotation files go to --annotations"):
        find_sources(tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_sources(tmp_path / "gone")


def test_an_output_has_one_order_of_classes() -> None:
    known = ClassNames(("jump", "run"))
    assert known.joined(ClassNames(), "out") == known
    assert known.joined(ClassNames(("jump", "run"), ("take",)), "out") == ClassNames(("jump", "run"), ("take",))
    with pytest.raises(ValueError, match=r"out has 2 classes \(jump, run, ...\); the annotations have 1 others"):
        known.joined(ClassNames(("run",)), "out")


def test_labels_are_numbered_by_name() -> None:
    assert label_numbers(["run", "", "jump"]) == ([1, -1, 0], ["jump", "run"])


def test_whole_numbers_are_their_own_class() -> None:
    assert label_numbers(["10", "2"]) == ([10, 2], [str(n) for n in range(11)])


def test_known_classes_keep_their_numbers() -> None:
    assert label_numbers(["cook", "run"], ["jump", "run"]) == ([2, 1], ["jump", "run", "cook"])
