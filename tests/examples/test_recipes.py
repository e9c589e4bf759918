"""Every recipe is one that `train.py` takes, for a model that is built as the paper did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from flags import parse
from recipes import RECIPES
from settings import Settings
from targets import Targets
from train import build_model
from videotx.models import MODELS

BY_NAME = {name: recipe.settings for name, recipe in RECIPES.items()}


def settings_of(*flags: str) -> Settings:
    return parse(Settings, flags, "", BY_NAME)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_sets_the_defaults(name: str) -> None:
    settings = settings_of("--recipe", name, "--seed", "3")
    for key, value in RECIPES[name].settings.items():
        assert getattr(settings, key) == value
    assert settings.seed == 3
    assert RECIPES[name].source
    spec = MODELS[settings.model]
    if name.endswith("k400") and spec.views is not None:
        assert "x".join(map(str, settings.test_views)) == spec.views
    assert settings.num_frames in (None, spec.config.num_frames)


@pytest.mark.parametrize("name", RECIPES)
def test_its_model_is_built_with_what_it_changes(name: str) -> None:
    targets = Targets("single", {"label": 5})
    with torch.device("meta"):
        model = build_model(settings_of("--recipe", name), targets)
    for key in ("drop_path", "head_dropout"):
        assert getattr(model.config, key) == BY_NAME[name].get(key, getattr(MODELS[BY_NAME[name]["model"]].config, key))


def test_flags_win_over_a_recipe() -> None:
    assert settings_of("--recipe", "mvit_k400", "--lr", "0.5", "--no-plots").lr == 0.5


def test_every_family_has_one() -> None:
    assert {type(MODELS[recipe["model"]].config).__name__ for recipe in BY_NAME.values()} == {
        "ViViTConfig", "VidTrConfig", "VideoSwinConfig", "MViTConfig", "DVTConfig"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["dim=64", "depths=(2,2)"], {"dim": 64, "depths": (2, 2)}),
        (["attention=divided"], {"attention": "divided"}),
        ([], {}),
    ],
)
def test_model_settings_are_python_literals(flags: list[str], expected: dict[str, Any]) -> None:
    assert settings_of("--model-settings", *flags).model_settings == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs", "0"], "expected epochs of at least 1, got 0"),
        (["--optimiser", "lion"], "invalid choice: 'lion'"),
        (["--model-settings", "dim"], "expected NAME=VALUE, got 'dim'"),
        (["--targets", "multiple", "--annotations", "labels.csv"], "need class_names"),
        (["--batch-size", "3", "--repeats", "2"], "whole sets of 2 clips, got 3"),
        (["--epoch", "3"], "unrecognized arguments: --epoch 3"),
    ],
)
def test_wrong_flags_end_the_program_with_the_reason(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        settings_of(*flags)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_settings_survive_json(tmp_path: Path) -> None:
    settings = Settings(shards=tmp_path, label_columns=("a",), model_settings={"dim": 3}, clip_norm=1.0)
    assert Settings.from_plain(settings.plain()) == settings
