"""Multi-view evaluation: what is averaged, over which clips, and what is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data import NORMALISE, clips_of_views, open_data
from evaluate import Evaluation, defaults_of, evaluate, main
from predict import predict
from processes import Processes
from train import Training, train
from videotx.datasets import collate, open_shards

HERE = Processes(0, 1, torch.device("cpu"))


def evaluation_of(settings: Any, **changes: Any) -> Evaluation:
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return Evaluation(**{**values, "from_run": settings.out, **changes})


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_the_views_of_a_video_are_averaged(settings_of: Callable[..., Any], average: Any) -> None:
    settings = settings_of(steps=2, lr=0.1, test_views=(2, 3), test_short_side=40)
    training = Training(settings, HERE)
    torch.nn.init.normal_(training.model.head.targets["label"].weight)
    data = open_data(settings)
    clips = clips_of_views(settings, data, training.model)
    found = predict(training.model, clips, settings, data.targets, HERE, num_views=6, average=average)
    assert len(found.rows) == len(clips) // 6 == 4
    for video, row in enumerate(found.rows):
        views = [clips[6 * video + view] for view in range(6)]
        assert {clip.row for clip in views} == {row}
        assert len({clip.rgb.numpy().tobytes() for clip in views}) == 6
        with torch.no_grad():
            logits = training.model(NORMALISE["kinetics"](collate(views)).rgb)
        expected = (logits.softmax(1) if average == "probabilities" else logits).mean(0)
        np.testing.assert_allclose(found.scores["label"][video], expected.numpy(), atol=1e-5)
        assert found.label[video] == views[0].label


def test_a_run_is_evaluated_with_its_own_settings(
    settings_of: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(steps=3, ema=0.5)
    train(settings)
    assert main(["--from-run", str(settings.out), "--test-views", "1", "3", "--test-average", "logits"]) == 0
    results = json.loads((settings.out / "evaluation" / "results.json").read_text())
    assert "top1" in capsys.readouterr().out
    assert results["views"] == "1x3"
    assert results["videos"] == 4
    assert results["gmacs"] == pytest.approx(3 * results["gmacs_of_a_view"], rel=0.1)
    assert results["clips_per_second"] > 0
    videos = lines(settings.out / "evaluation" / "videos.csv")
    right = sum(line["label"] == line["prediction"] for line in videos)
    assert results["top1"] == pytest.approx(100 * right / 4)
    classes = lines(settings.out / "evaluation" / "classes.csv")
    assert [line["class"] for line in classes] == list(open_shards(settings.shards).class_names)
    assert sum(int(line["videos"]) for line in classes) == 4


def test_a_run_without_an_end_is_evaluated_by_its_last_checkpoint(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(steps=3, ema=0.5)
    train(settings)
    whole = evaluate(evaluation_of(settings))
    (settings.out / "model.safetensors").unlink()
    last = evaluate(evaluation_of(settings))
    timed = {"clips_per_second", "model_clips_per_second"}
    assert {k: v for k, v in last.items() if k not in timed} == {k: v for k, v in whole.items() if k not in timed}
    with pytest.raises(ValueError, match=r"expected model.safetensors or a checkpoint, there is neither"):
        evaluate(evaluation_of(settings, from_run=settings.out / "nothing"))


def test_a_confusion_matrix_is_drawn(settings_of: Callable[..., Any]) -> None:
    pytest.importorskip("matplotlib")
    settings = settings_of(steps=1)
    train(settings)
    evaluate(evaluation_of(settings, plots=True))
    picture = (settings.out / "evaluation" / "confusion.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


@pytest.fixture
def labelled(settings_of: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Settings with an annotation file beside the demo shards: verbs and nouns, and several classes per video."""

    def make(**changes: Any) -> Any:
        settings = settings_of()
        shards = open_shards(settings.shards)
        rows = []
        for path, label in zip(shards.videos["path"], shards.videos["label"], strict=True):
            split = "val" if Path(str(path)).name < "00004" else "train"
            both = ";".join(name for name, has in (("odd", label % 2), ("late", label > 3)) if has)
            rows.append([path, label % 3, label, both, split])
        with (tmp_path / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["video", "verb_class", "noun_class", "several", "split"], *rows])
        (tmp_path / "names.txt").write_text("odd\nlate\n")
        return replace(settings, annotations=tmp_path / "labels.csv", split_column="split", **changes)

    return make


def test_verbs_and_nouns(labelled: Callable[..., Any]) -> None:
    settings = labelled(
        targets="verb_noun", label_columns=("verb_class", "noun_class"), steps=3, mixup=0.2, cutmix=1.0,
        label_smoothing=0.1,
    )  # fmt: skip
    done = train(settings)
    assert {name: layer.out_features for name, layer in done.model.head.targets.items()} == {"verb": 3, "noun": 8}
    assert done.steps[0]["loss"] == pytest.approx((np.log(3) + np.log(8)) / 2, abs=0.05)
    results = evaluate(evaluation_of(settings))
    assert results["videos"] == 4
    assert {"verb_top1", "noun_top5", "action_top1", "verb_class_accuracy"} <= set(results)
    assert len(lines(settings.out / "evaluation" / "noun_classes.csv")) == 8
    assert set(lines(settings.out / "evaluation" / "videos.csv")[0]) == {
        "path", "verb_label", "verb_prediction", "noun_label", "noun_prediction"
    }  # fmt: skip


def test_several_classes_per_video(labelled: Callable[..., Any], tmp_path: Path) -> None:
    settings = labelled(
        targets="multiple", label_columns=("several",), class_names=tmp_path / "names.txt", steps=3, mixup=0.2
    )
    done = train(settings)
    assert done.steps[0]["loss"] == pytest.approx(np.log(2), abs=0.05)
    results = evaluate(evaluation_of(settings))
    assert 0 < results["map"] <= 100
    found = lines(settings.out / "evaluation" / "classes.csv")
    assert [line["class"] for line in found] == ["odd", "late"]
    first = lines(settings.out / "evaluation" / "videos.csv")
    assert {line["label"] for line in first} <= {"", "odd", "late", "odd;late"}


def test_defaults_come_from_the_run(settings_of: Callable[..., Any]) -> None:
    settings = settings_of(steps=1)
    train(settings)
    assert defaults_of(settings.out) == {field.name: getattr(settings, field.name) for field in fields(settings)}
