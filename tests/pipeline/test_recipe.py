"""The settings that shape the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotx.pipeline.recipe import Recipe, RecipeMismatchError


@given(st.integers(16, 4000), st.integers(16, 4000), st.integers(16, 512))
def test_the_short_side_is_bounded_and_the_aspect_kept(width: int, height: int, side: int) -> None:
    x, y = Recipe(short_side=side).stored_size(width, height)
    assert min(x, y) == min(width, height, side)
    assert abs(x * height / y - width) <= max(1.0, height / y)
    assert (x, y) == (width, height) or min(width, height) > side


def test_sizes_that_datasets_are_known_by() -> None:
    assert Recipe().stored_size(1920, 1080) == (455, 256)
    assert Recipe().stored_size(576, 1024) == (256, 455)
    assert Recipe(short_side=None).stored_size(1920, 1080) == (1920, 1080)


def test_arrays_follow_the_native_grid_and_the_stored_size() -> None:
    arrays = {array.name: array for array in Recipe(block=4).arrays(1918, 1080, "coded")}
    assert arrays["motion"].shape == (2, 270, 480, 2)
    assert arrays["ref"].shape == (2, 270, 480)
    assert arrays["qp"].shape == (68, 120)
    assert arrays["rgb"].shape == arrays["residual"].shape == (256, 455, 3)


def test_the_residual_says_what_it_is() -> None:
    (array,) = Recipe(streams=("residual",)).arrays(64, 64, "difference")
    assert dict(array.attributes) == {"residual_kind": "difference", "scale_factor": 2, "add_offset": -256}
    (array,) = Recipe(streams=("residual",), residual_codec="lossless").arrays(64, 64, "coded")
    assert (array.dtype, array.attributes["scale_factor"]) == ("int16", 1)


def test_recipes_survive_storage() -> None:
    recipe = Recipe(streams=("motion", "rgb"), short_side=None, quality=75, block=4)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_another_recipe_is_refused_with_the_difference() -> None:
    with pytest.raises(RecipeMismatchError, match=r"out was made with other settings \(short_side: 256 there, 128 ask"):
        Recipe(short_side=128).check_same(Recipe(), "out")
    Recipe().check_same(Recipe(), "out")


@pytest.mark.parametrize("settings", [{"streams": ("depth",)}, {"streams": ()}, {"short_side": 3}, {"quality": 101}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Recipe(**settings)  # type: ignore[arg-type]


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="expected the settings"):
        Recipe.from_dict({"streams": ["motion"]})
