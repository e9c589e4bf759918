"""A miniature of every data set, in its own folders and files, read as its users would have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from videotx.pipeline.annotations.entry import AnnotationError, Entry, parse_seconds, split_of_file
from videotx.pipeline.annotations.formats import FORMATS, read_annotations
from videotx.pipeline.sources import Source, find_sources

Texts = Mapping[str, str]


def write(root: Path, texts: Texts) -> Path:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


KINETICS = {
    "annotations/train.csv": (
        "label,youtube_id,time_start,time_end,split\n"
        "abseiling,0347ZoDXyP0,95,105,train\n"
        '"testifying",---QUuC4vJs,84,94,train\n'
        "zumba,-zzzzzzzzzz,7,17,train\n"
    ),
    "annotations/validate.csv": "label,youtube_id,time_start,time_end,split\nabseiling,3E7Jib8Yq5M,118,128,validate\n",
    "annotations/test.csv": "youtube_id,time_start,time_end,split\n--6bJUbfpnQ,17,27,test\n",
    "videos/train/abseiling/0347ZoDXyP0_000095_000105.mp4": "",
    "videos/train/testifying/---QUuC4vJs_000084_000094.mkv": "",
    "videos/val/abseiling/3E7Jib8Yq5M_000118_000128.mp4": "",
    "videos/test/--6bJUbfpnQ.mp4": "",
    "videos/train/abseiling/not_annotated_000001_000011.mp4": "",
}

SOMETHING = {
    "labels/labels.json": json.dumps({"Holding something next to something": "1", "Approaching something": "0"}),
    "labels/train.json": json.dumps(
        [
            {"id": "78687", "label": "holding potato next to vicks vaporub bottle",
             "template": "Holding [something] next to [something]", "placeholders": ["potato", "vicks vaporub bottle"]},
        ]
    ),
    "labels/validation.json": json.dumps(
        [{"id": "74225", "label": "approaching cup", "template": "Approaching [something]", "placeholders": ["cup"]}]
    ),
    "labels/test.json": json.dumps([{"id": "1420"}]),
    "labels/test-answers.csv": "1420;Approaching something\n",
    "20bn-something-something-v2/78687.webm": "",
    "20bn-something-something-v2/74225.webm": "",
    "20bn-something-something-v2/1420.webm": "",
}  # fmt: skip

EPIC_HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,"
    "narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes\n"
)
EPIC = {
    "annotations/EPIC_100_train.csv": EPIC_HEADER
    + "P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]\n"
    + "P01_01_1,P01,P01_01,00:00:02.629,00:00:04.37,00:00:06.17,262,370,turn on light,turn-on,6,light,1,['light'],[1]\n"
    + "P02_01_0,P02,P02_01,00:00:01.100,00:01:00.54,01:00:02.23,27,111,take knife and plate,take,0,knife,4,"
    + "\"['knife', 'plate']\",\"[4, 2]\"\n",
    "annotations/EPIC_100_validation.csv": EPIC_HEADER
    + "P01_11_0,P01,P01_11,00:00:00.560,00:00:00.00,00:00:01.89,1,113,take plate,take,0,plate,2,['plate'],[2]\n",
    "annotations/EPIC_100_test_timestamps.csv": (
        "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame\n"
        "P01_101_0,P01,P01_101,00:00:00.560,00:00:00.10,00:00:01.89,6,113\n"
    ),
    "annotations/EPIC_100_verb_classes.csv": "id,key,instances,category\n"
    + "".join(
        f"{n},{verb},\"['{verb}']\",x\n" for n, verb in enumerate(["take", "put", "wash", "open", "x", "y", "turn-on"])
    ),
    "annotations/EPIC_100_noun_classes.csv": "id,key,instances,category\n0,tap,['tap'],x\n1,light,['light'],x\n",
    "annotations/README.md": "EPIC-KITCHENS-100 annotations: see epic-kitchens.github.io 100\n",
    "EPIC-KITCHENS/P01/videos/P01_01.MP4": "",
    "EPIC-KITCHENS/P01/videos/P01_11.MP4": "",
    "EPIC-KITCHENS/P01/videos/P01_101.MP4": "",
}

DIVING = {
    "Diving48_V2_train.json": json.dumps(
        [{"vid_name": "2x00lRzlTVQ_00000", "label": 1, "start_frame": 0, "end_frame": 98}]
    ),
    "Diving48_V2_test.json": json.dumps(
        [{"vid_name": "-mmq0PT-u8k_00155", "label": 0, "start_frame": 0, "end_frame": 48}]
    ),
    "Diving48_vocab.json": json.dumps([["Back", "15som", "05Twis", "FREE"], ["Back", "15som", "15Twis", "FREE"]]),
    "rgb/2x00lRzlTVQ_00000.mp4": "",
    "rgb/-mmq0PT-u8k_00155.mp4": "",
}

UCF101 = {
    "ucfTrainTestlist/classInd.txt": "1 ApplyEyeMakeup\n2 ApplyLipstick\n3 HandstandPushups\n",
    "ucfTrainTestlist/trainlist01.txt": "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\n"
    "HandstandPushups/v_HandStandPushups_g08_c01.avi 3\r\n",
    "ucfTrainTestlist/testlist01.txt": "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\n",
    "ucfTrainTestlist/trainlist02.txt": "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi 1\n",
    "ucfTrainTestlist/testlist02.txt": "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi\n",
    "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi": "",
    "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi": "",
    "UCF-101/ApplyLipstick/v_ApplyLipstick_g01_c01.avi": "",
}

HMDB51 = {
    "testTrainMulti_7030_splits/brush_hair_test_split1.txt": "April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 \n"
    "Blonde_being_brushed_brush_hair_f_nm_np2_ri_med_0.avi 2 \n"
    "Brushing_Hair_with_Beth_brush_hair_h_nm_np1_le_goo_0.avi 0 \n",
    "testTrainMulti_7030_splits/brush_hair_test_split2.txt": "April_09_brush_hair_u_nm_np1_ba_goo_0.avi 2 \n",
    "testTrainMulti_7030_splits/walk_test_split1.txt": "Fellowship_1_walk_f_cm_np1_le_med_7.avi 1 \n",
    "hmdb51_org/brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi": "",
    "hmdb51_org/brush_hair/Blonde_being_brushed_brush_hair_f_nm_np2_ri_med_0.avi": "",
    "hmdb51_org/brush_hair/Brushing_Hair_with_Beth_brush_hair_h_nm_np1_le_goo_0.avi": "",
    "hmdb51_org/walk/Fellowship_1_walk_f_cm_np1_le_med_7.avi": "",
}

CHARADES_HEADER = "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length\n"
CHARADES = {
    "Charades/Charades_v1_train.csv": CHARADES_HEADER
    + '46GP8,HR43,Kitchen,6,7,Yes,"A person, cooking.",food;stove,"He cooks.",c092 11.90 21.20;c147 0.00 12.60,24.83\n'
    + "N11GT,0KZ7,Stairs,4,7,Yes,A script.,bag,A text.,,18.33\n",
    "Charades/Charades_v1_test.csv": CHARADES_HEADER + "YSKX3,YB7C,Bedroom,6,5,Yes,s,,d,c009 0.00 7.50,32.00\n",
    "Charades/Charades_v1_classes.txt": "".join(f"c{n:03d} Doing thing {n}\n" for n in range(157)),
    "Charades/README.txt": "Charades. See allenai.org 2016\n",
    "Charades_v1_480/46GP8.mp4": "",
    "Charades_v1_480/N11GT.mp4": "",
    "Charades_v1_480/YSKX3.mp4": "",
}


def read(tmp_path: Path, texts: Texts, videos: str, annotations: str) -> tuple[Source, dict[str, Entry]]:
    write(tmp_path, texts)
    source = find_sources(tmp_path / videos, [tmp_path / annotations])
    return source, {entry.segment or entry.path: entry for entry in source.entries}


def test_kinetics(tmp_path: Path) -> None:
    source, entries = read(tmp_path, KINETICS, "videos", "annotations")
    assert {path: (entry.label, entry.splits) for path, entry in entries.items()} == {
        "-zzzzzzzzzz_000007_000017.mp4": ("zumba", ("train",)),  # not on disk
        "test/--6bJUbfpnQ.mp4": ("", ("test",)),
        "train/abseiling/0347ZoDXyP0_000095_000105.mp4": ("abseiling", ("train",)),
        "train/testifying/---QUuC4vJs_000084_000094.mkv": ("testifying", ("train",)),
        "val/abseiling/3E7Jib8Yq5M_000118_000128.mp4": ("abseiling", ("validation",)),
    }
    assert source.left_out == {".mp4 not named by the annotations": 1}


def test_something_something(tmp_path: Path) -> None:
    source, entries = read(tmp_path, SOMETHING, "20bn-something-something-v2", "labels")
    assert source.names.classes == ("Approaching something", "Holding something next to something")
    assert {path: (entry.label, entry.splits) for path, entry in entries.items()} == {
        "1420.webm": ("", ("test",)),
        "74225.webm": ("Approaching something", ("validation",)),
        "78687.webm": ("Holding something next to something", ("train",)),
    }


def test_something_something_under_its_older_names(tmp_path: Path) -> None:
    older = {name.replace("labels/", "something-something-v2-"): text for name, text in SOMETHING.items()}
    write(tmp_path, {name.replace("test-answers", "answers"): text for name, text in older.items()})
    files = [tmp_path / f"something-something-v2-{split}.json" for split in ("train", "validation")]
    assert len(read_annotations(files).entries) == 2


def test_epic_kitchens(tmp_path: Path) -> None:
    source, entries = read(tmp_path, EPIC, "EPIC-KITCHENS", "annotations")
    assert source.names.verbs[6] == "turn-on"
    assert source.names.nouns == ("tap", "light")
    first, last, test = entries["P01_01_1"], entries["P02_01_0"], entries["P01_101_0"]
    assert (first.path, first.start_seconds, first.stop_seconds) == ("P01/videos/P01_01.MP4", 4.37, 6.17)
    assert (first.verb, first.noun, first.splits, first.label) == (6, 1, ("train",), "")
    assert (last.path, last.start_seconds, last.stop_seconds) == ("P02/videos/P02_01.MP4", 60.54, 3602.23)
    assert (test.verb, test.noun, test.splits) == (-1, -1, ("test",))
    assert [entry.segment for entry in source.entries][:3] == ["P01_01_0", "P01_01_1", "P01_101_0"]
    assert len(source.paths) == 4


def test_diving48(tmp_path: Path) -> None:
    source, entries = read(tmp_path, DIVING, "rgb", ".")
    assert source.names.classes == ("Back 15som 05Twis FREE", "Back 15som 15Twis FREE")
    assert {path: (entry.label, entry.splits) for path, entry in entries.items()} == {
        "-mmq0PT-u8k_00155.mp4": ("Back 15som 05Twis FREE", ("test",)),
        "2x00lRzlTVQ_00000.mp4": ("Back 15som 15Twis FREE", ("train",)),
    }


def test_ucf101(tmp_path: Path) -> None:
    source, entries = read(tmp_path, UCF101, "UCF-101", "ucfTrainTestlist")
    assert source.names.classes == ("ApplyEyeMakeup", "ApplyLipstick", "HandstandPushups")
    assert {path: (entry.label, entry.splits) for path, entry in entries.items()} == {
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi": ("ApplyEyeMakeup", ("test1", "train2")),
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi": ("ApplyEyeMakeup", ("test2", "train1")),
        "HandstandPushups/v_HandStandPushups_g08_c01.avi": ("HandstandPushups", ("train1",)),
    }
    assert source.left_out == {".avi not named by the annotations": 1}


def test_hmdb51(tmp_path: Path) -> None:
    source, entries = read(tmp_path, HMDB51, "hmdb51_org", "testTrainMulti_7030_splits")
    assert source.names.classes == ("brush_hair", "walk")
    assert [entry.splits for entry in entries.values()] == [("train1", "test2"), ("test1",), (), ("train1",)]
    assert [entry.label for entry in entries.values()] == ["brush_hair"] * 3 + ["walk"]
    assert source.left_out == {}


def test_charades(tmp_path: Path) -> None:
    source, entries = read(tmp_path, CHARADES, "Charades_v1_480", "Charades")
    assert source.names.classes[92] == "Doing thing 92"
    assert entries["46GP8.mp4"].actions == ((92, 11.9, 21.2), (147, 0.0, 12.6))
    assert entries["N11GT.mp4"].actions == ()
    assert [entry.splits for entry in entries.values()] == [("train",), ("train",), ("test",)]


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("kinetics_train_list_videos.txt", "with space/a.mp4 10\nb.mp4 2\n\n", ["10", "2"]),
        ("train.csv", "with space/a.mp4,10\nb.mp4,2\n", ["10", "2"]),
        ("train.csv", "with space/a.mp4 10\nb.mp4 2\n", ["10", "2"]),
        ("all.csv", 'path,label,split\n"with space/a.mp4",jump,train\nb.mp4, run,training\n', ["jump", "run"]),
        ("train.csv", "path\nwith space/a.mp4\nb.mp4\n", ["", ""]),
    ],
)
def test_plain_lists(tmp_path: Path, name: str, text: str, labels: list[str]) -> None:
    entries = read_annotations([write(tmp_path, {name: text}) / name]).entries
    assert [entry.path for entry in entries] == ["with space/a.mp4", "b.mp4"]
    assert [entry.label for entry in entries] == labels
    assert {entry.splits for entry in entries} == {("train",)}


MINIATURES = {
    "kinetics": KINETICS, "something-v2": SOMETHING, "epic-kitchens": EPIC, "diving48": DIVING, "ucf101": UCF101,
    "hmdb51": HMDB51, "charades": CHARADES,
}  # fmt: skip


def test_every_format_is_told_by_its_files_alone(tmp_path: Path) -> None:
    for name, texts in MINIATURES.items():
        for file in write(tmp_path / name, texts).rglob("*"):
            told = [form for form, known in FORMATS.items() if file.is_file() and known.recognises(file)]
            assert told[:1] in ([], [name]) or "README" in file.name, (file, told)
    assert set(MINIATURES) == set(FORMATS) - {"csv", "list"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a.csv": "file,class\nx,y\n"}, r"a\.csv: expected annotations in one of the known formats \(kinetics: "),
        ({"a.csv": "path,label\n,run\n"}, r"a\.csv:2: the column `path` is empty"),
        ({"a.csv": "youtube_id,time_start,time_end\nx,soon,3\n"}, r"a\.csv:2: expected a time in `time_start`"),
        ({"a.txt": "ok.mp4 1\nlonely\n"}, r"a\.txt:2: expected `path label`, got 'lonely'"),
        ({"a.txt": "v.mp4 1\nv.mp4 2\n"}, r"v\.mp4 is annotated twice, differently: 1, 2"),
        ({"train.json": '[{"id": "1", "template": "A [b]"}]'}, r"train\.json: expected labels\.json beside it"),
        ({"train.json": '[{"id": "1", "template": "A [b]"}]', "labels.json": '{"A c": "0"}'}, r"'A b' is not in"),
        ({"train.json": '[{"id": "1"}]', "labels.json": '{"A": "1"}'}, r"labels\.json: expected the classes numbered"),
        ({"train.json": '[{"id": "1"', "labels.json": '{"A": "0"}'}, r"train\.json: expected a JSON document"),
        ({"t.json": '[{"vid_name": "x", "label": 48}]'}, r"t\.json: entry 0: expected .* a `label` below 48"),
        ({"trainlist01.txt": "A/v.avi 1\n"}, r"classInd\.txt: expected the file that numbers the classes"),
        ({"trainlist01.txt": "B/v.avi 1\n", "classInd.txt": "1 A\n"}, r"list01\.txt:1: expected `class/video\.avi`"),
        ({"trainlist01.txt": "A/v.avi 2\n", "classInd.txt": "1 A\n"}, r"list01\.txt:1: expected .* and its number"),
        ({"run_test_split1.txt": "v.avi 3\n"}, r"run_test_split1\.txt:1: expected `video\.avi` and 0, 1 or 2"),
        ({"c.csv": CHARADES_HEADER + "X,,,,,,,,,c200 1 2,3\n"}, r"c\.csv:2: expected actions like `c092 11"),
        (
            {"e.csv": EPIC_HEADER + "P_0,P,P_1,0,00:00:03,00:00:02,,,,,1,,2,,\n"},
            r"e\.csv:2: expected a start before the stop, got 3\.0 and 2\.0 s",
        ),
        ({"e.csv": EPIC_HEADER + "P_0,P,P_1,0,0,2,,,,,open,,2,,\n"}, r"e\.csv:2: expected a whole number in"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_file_and_place(tmp_path: Path, texts: Texts, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        read_annotations([write(tmp_path, texts) / next(iter(texts))])


def test_a_folder_of_two_data_sets_has_to_be_told(tmp_path: Path) -> None:
    write(tmp_path, {Path(name).name: text for name, text in (KINETICS | CHARADES).items() if text})
    with pytest.raises(AnnotationError, match=r"several formats \(kinetics, charades\); say --dataset NAME"):
        read_annotations([tmp_path])
    assert len(read_annotations([tmp_path], "charades").entries) == 3
    with pytest.raises(AnnotationError, match="found none"):
        read_annotations([tmp_path], "ucf101")
    with pytest.raises(AnnotationError, match="which --dataset ucf101 asks for"):
        read_annotations([tmp_path / "train.csv"], "ucf101")
    with pytest.raises(FileNotFoundError, match="no such annotation file"):
        read_annotations([tmp_path / "gone.csv"])


@pytest.mark.parametrize(
    ("text", "seconds"), [("12", 12.0), ("12.5", 12.5), ("01:02.5", 62.5), ("01:00:02.23", 3602.23)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-1", "1:", "a:1", "1e3", "nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        parse_seconds(text)


def test_splits_of_file_names() -> None:
    names = {
        "EPIC_100_validation": "validation", "Diving48_V2_test": "test", "kinetics400_val_list_videos": "validation",
        "train_ssv2": "train", "Charades_v1_train": "train",
    }  # fmt: skip
    assert {name: split_of_file(Path(f"{name}.csv")) for name in names} == {n: (s,) for n, s in names.items()}
    assert split_of_file(Path("trainings.csv")) == ()
