"""The two attentions of DVT from their definitions: averages, sums and shifts that one can write down."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from videotx.models.dvt_attention import MultiScaleDeformable, Places, SpaceTimeDeformable
from videotx.models.motion_embedding import Steering, other_frames
from videotx.models.points import Normalised


def space_time(
    *, num_points: int = 1, normalised: Normalised = "points_and_frames", motion_in_values: bool = False
) -> SpaceTimeDeformable:
    torch.manual_seed(0)
    attention = SpaceTimeDeformable(
        12,
        3,
        subclip_frames=4,
        motion_dim=5,
        num_points=num_points,
        spread=0.5,
        max_offset=None,
        normalised=normalised,
        outside="zeros",
        motion_in_values=motion_in_values,
    )
    attention.predictor.start()
    attention.start()
    return attention.double()


def still(*size: int) -> Steering:
    """No motion for tokens of this size (b, t, h, w) in sub-clips of four frames."""
    return Steering(torch.zeros(*size, 3, 2).double(), torch.zeros(*size, 3, 5).double())


def places(attention: SpaceTimeDeformable | MultiScaleDeformable, x: torch.Tensor) -> Places:
    return attention.places(*x.shape[2:4], like=x)


def test_other_frames_are_those_of_the_subclip_the_next_one_first() -> None:
    assert other_frames(8, 4)[0] == [1, 2, 3]
    assert other_frames(8, 4)[5] == [6, 7, 4]


@pytest.mark.parametrize("normalised", get_args(Normalised))
def test_frozen_it_is_an_average_over_the_other_frames_of_the_subclip(normalised: Normalised) -> None:
    attention = space_time(normalised=normalised)
    x = torch.randn(2, 8, 3, 4, 12, dtype=torch.float64)
    subclips = attention.value(x).unflatten(1, (2, 4))  # b 2 4 h w d
    expected = (subclips.sum(2, keepdim=True) - subclips) / 3
    torch.testing.assert_close(
        attention(x, still(2, 8, 3, 4), places(attention, x)), expected.flatten(1, 2), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("normalised", get_args(Normalised))
def test_motion_in_values_adds_what_led_to_each_place_by_its_weight(normalised: Normalised) -> None:
    attention = space_time(num_points=2, normalised=normalised, motion_in_values=True)
    with torch.no_grad():
        attention.predictor.proj.weight.normal_()
        attention.motion.weight.normal_()
    x = torch.randn(2, 4, 3, 4, 12, dtype=torch.float64)
    steering = still(2, 4, 3, 4)
    steering.embedding.normal_()
    weights = attention.points(x, steering, places(attention, x)).weights  # b t h w heads k n
    assert attention.motion_value is not None
    mapped = attention.motion_value(steering.embedding).unflatten(-1, (3, 4))  # b t h w k heads c
    expected = torch.zeros(2, 4, 3, 4, 3, 4, dtype=torch.float64)
    for k in range(3):
        for n in range(2):
            expected += weights[..., k, n].unsqueeze(-1) * mapped[..., k, :, :]
    found = attention(x, steering, places(attention, x))
    attention.motion_value = None
    torch.testing.assert_close(
        found - attention(x, steering, places(attention, x)), expected.flatten(-2), rtol=0, atol=1e-12
    )


def test_whole_patch_motion_picks_the_value_where_the_content_went() -> None:
    attention = space_time()
    x = torch.randn(1, 4, 5, 6, 12, dtype=torch.float64)
    steering = still(1, 4, 5, 6)
    others = torch.tensor(other_frames(4, 4))
    steering.base[..., 0] = (others - torch.arange(4).unsqueeze(1)).view(4, 1, 1, 3)  # one patch right per frame
    values = attention.value(x)
    expected = torch.zeros_like(values)
    for t in range(4):
        for other in range(4):
            for column in range(6):
                there = column + other - t
                if other != t and 0 <= there < 6:
                    expected[:, t, :, column] += values[:, other, :, there] / 3
    torch.testing.assert_close(attention(x, steering, places(attention, x)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("strides", [(1,), (2,), (4,), (3, 1)])
def test_resolutions_start_as_averages_around_the_patch(strides: tuple[int, ...]) -> None:
    attention = MultiScaleDeformable(
        6, 2, strides=strides, num_points=1, spread=1.0, max_offset=None, outside="border"
    ).double()
    attention.predictor.start()
    ramp = torch.arange(12.0, dtype=torch.float64)  # linear in place: means and interpolation leave it as it is
    x = (ramp.view(12, 1, 1) + 100 * ramp.view(1, 12, 1)).expand(1, 2, 12, 12, 6)
    with torch.no_grad():
        attention.value.weight.copy_(torch.eye(6))
        attention.value.bias.zero_()
        found = attention(x, places(attention, x))
    inner = slice(max(strides), 12 - max(strides))
    torch.testing.assert_close(found[:, :, inner, inner], x[:, :, inner, inner], rtol=1e-7, atol=0)
