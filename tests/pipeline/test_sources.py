"""Which files are found, and what their labels are."""

from __future__ import annotations

from pathlib import Path

import pytest

from videotx.pipeline.sources import AnnotationError, SourceFile, find_sources, label_numbers


def make_files(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def pairs(files: tuple[SourceFile, ...]) -> list[tuple[str, str]]:
    return [(file.path, file.label) for file in files]


def test_a_tree_gives_its_parent_folders_as_classes(tmp_path: Path) -> None:
    make_files(tmp_path, "train/run/b.mp4", "train/jump/a.AVI", "c.mkv", "notes.txt", ".hidden.mp4", ".git/x.mp4")
    source = find_sources(tmp_path)
    assert pairs(source.files) == [("c.mkv", ""), ("train/jump/a.AVI", "jump"), ("train/run/b.mp4", "run")]
    assert source.ignored == {".txt": 1}


def test_globs_choose_and_leave_out(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.mp4", "a/2.cmp", "b/3.mp4", "b/4.avi")
    assert [f.path for f in find_sources(tmp_path, include=("*.cmp", "b/*")).files] == ["a/2.cmp", "b/3.mp4", "b/4.avi"]
    assert [f.path for f in find_sources(tmp_path, exclude=("*.avi", "a/*")).files] == ["b/3.mp4"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    make_files(tmp_path / "elsewhere", "v.mp4")
    root = make_files(tmp_path / "root", "run/a.mp4")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "run" / "loop").symlink_to(root)
    assert [f.path for f in find_sources(root).files] == ["linked/v.mp4", "run/a.mp4"]


def test_csv_with_labels(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text('path,label\n"with, comma.mp4",jump\nb/2.mp4, run\n', encoding="utf-8")
    source = find_sources(tmp_path / "list.csv")
    assert source.root == tmp_path
    assert pairs(source.files) == [("b/2.mp4", "run"), ("with, comma.mp4", "jump")]
    assert find_sources(tmp_path / "list.csv", root=Path("/elsewhere")).root == Path("/elsewhere")


def test_csv_without_labels(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path\na.mp4\n", encoding="utf-8")
    assert pairs(find_sources(tmp_path / "list.csv").files) == [("a.mp4", "")]


def test_kinetics_csv_finds_clips_below_the_root(tmp_path: Path) -> None:
    make_files(tmp_path, "train/abseiling/0347ZoDXyP0_000095_000105.mp4", "whole_id.mkv")
    (tmp_path / "k400.csv").write_text(
        "label,youtube_id,time_start,time_end,split\n"
        "abseiling,0347ZoDXyP0,95,105,train\nzumba,whole_id,3.0,13.0,train\nyoga,absent,7,17,train\n",
        encoding="utf-8",
    )
    assert pairs(find_sources(tmp_path / "k400.csv").files) == [
        ("absent_000007_000017.mp4", "yoga"),
        ("train/abseiling/0347ZoDXyP0_000095_000105.mp4", "abseiling"),
        ("whole_id.mkv", "zumba"),
    ]


def test_mmaction2_list(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("with space/a.mp4 10\nb.mp4 2\n\n", encoding="utf-8")
    assert pairs(find_sources(tmp_path / "train.txt").files) == [("b.mp4", "2"), ("with space/a.mp4", "10")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "file,class\n", r"expected a header with `path` or with `youtube_id"),
        ("a.csv", "path,label\n,run\n", r"a\.csv:2: the column `path` is empty"),
        ("a.csv", "youtube_id,time_start,time_end\nx,soon,3\n", r"a\.csv:2: expected times in seconds"),
        ("a.txt", "ok.mp4 1\nlonely\n", r"a\.txt:2: expected `path label`, got 'lonely'"),
    ],
)
def test_malformed_annotations_name_the_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        find_sources(tmp_path / name)


def test_a_path_listed_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("v.mp4 1\nv.mp4 2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"1 paths are listed more than once, the first is v\.mp4"):
        find_sources(tmp_path / "a.txt")


def test_labels_are_numbered_by_name() -> None:
    assert label_numbers(["run", "", "jump"]) == ([1, -1, 0], ["jump", "run"])


def test_whole_numbers_are_their_own_class() -> None:
    assert label_numbers(["10", "2"]) == ([10, 2], [str(n) for n in range(11)])


def test_known_classes_keep_their_numbers() -> None:
    assert label_numbers(["cook", "run"], ["jump", "run"]) == ([2, 1], ["jump", "run", "cook"])
