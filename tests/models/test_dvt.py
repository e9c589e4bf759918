"""DVT follows the motion: closed forms, symmetries, exact synthetic motion, as there is no original to be equal to."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from videotx.models.clip import Motion
from videotx.models.dvt import DVT, AttentionKind, DVTConfig
from videotx.models.dvt_variants import DVT_MODELS, dvt_base, dvt_tiny
from videotx.models.fusion import FusionKind
from videotx.models.macs import count_gmacs
from videotx.models.motion_embedding import MotionCue, MotionEmbedding, other_frames

ATTENTIONS: tuple[AttentionKind, ...] = get_args(AttentionKind)
CUES: tuple[MotionCue, ...] = get_args(MotionCue)
PATCH = 8


def small_dvt(*, noise: float = 0.0, **settings: Any) -> DVT:
    """A DVT of two sub-clips of four frames; with noise, offsets and weights depend on query and motion."""
    sizes: dict[str, Any] = {"num_frames": 8, "resolution": (32, 48), "patch": PATCH, "num_classes": 5}
    sizes |= {"dim": 24, "depth": 2, "num_heads": 3, "mlp_dim": 32, "motion_dim": 8}
    torch.manual_seed(0)
    model = DVT(DVTConfig(**(sizes | settings)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=noise)
    return model.eval()


def random_motion(b: int, t: int, h: int, w: int, seed: int = 1) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    return Motion(
        6 * torch.randn(b, t, t, h, w, 2, generator=generator),
        torch.rand(b, t, t, h, w, generator=generator) < 0.7,
        40 * torch.randn(b, t, t, h, w, 6, generator=generator),
    )


def random_clip(model: DVT, b: int = 2) -> tuple[Tensor, Motion]:
    height, width = model.config.resolution
    t, patch = model.config.num_frames, model.config.patch
    rgb = torch.randn(b, 3, t, height, width, generator=torch.Generator().manual_seed(2))
    return rgb, random_motion(b, t, height // patch, width // patch)


@pytest.mark.parametrize("cue", CUES)
def test_translating_video_and_motion_translates_the_features(cue: MotionCue) -> None:
    model = small_dvt(noise=0.05, cue=cue, attention="space_time", resolution=(80, 80), spread=0.3)
    for table in (model.positions_in_space, model.positions_in_time):
        torch.nn.init.zeros_(table.weight)  # a position is what no translation leaves alone
    rgb = torch.randn(1, 3, 8, 80, 80)
    motion = random_motion(1, 8, 10, 10)
    motion = motion._replace(displacement=motion.displacement.clamp(-4, 4))
    moved_rgb = rgb.roll((PATCH, 2 * PATCH), dims=(3, 4))
    moved = Motion(*(field.roll((1, 2), dims=(3, 4)) for field in motion))
    with torch.no_grad():
        features = model.forward_features(rgb, motion).unflatten(1, (8, 10, 10))
        translated = model.forward_features(moved_rgb, moved).unflatten(1, (8, 10, 10))
    torch.testing.assert_close(translated[:, :, 4:-3, 5:-3], features[:, :, 3:-4, 3:-5], rtol=0, atol=2e-5)
    assert not torch.allclose(translated[:, :, 4:-3, 5:-3], features[:, :, 4:-3, 5:-3], atol=1e-2)


def object_in_motion() -> tuple[Tensor, Motion, Tensor]:
    """A bright square of 16 pixels that moves 7 pixels right and 3 up per frame, before a still background."""
    t, side, size = 8, 128, 16
    left = torch.tensor([[8 + 7 * i, 90 - 3 * i] for i in range(t)])
    rgb = torch.zeros(1, 3, t, side, side)
    displacement = torch.zeros(1, t, t, side // PATCH, side // PATCH, 2)
    for i, (x, y) in enumerate(left.tolist()):
        rgb[:, :, i, y : y + size, x : x + size] = 1.0
        centre = PATCH * (torch.arange(side // PATCH) + 0.5)
        on_object = ((centre - y).clamp(0, size) == centre - y).unsqueeze(1) & (
            (centre - x).clamp(0, size) == centre - x
        )
        displacement[0, i, :, on_object] = (left - left[i]).float().unsqueeze(1)
    valid = torch.ones(displacement.shape[:-1], dtype=torch.bool)
    return rgb, Motion(displacement, valid, torch.zeros(*displacement.shape[:-1], 6)), left


def test_untrained_it_already_looks_at_the_moved_object() -> None:
    model = small_dvt(resolution=(128, 128))
    rgb, motion, left = object_in_motion()
    looks = model.sampled_locations(rgb, motion)
    centre = PATCH * (torch.arange(16) + 0.5)
    num_patches = 0
    for i, (x, y) in enumerate(left.tolist()):
        # Patches that lie within the object wholly: their points are at most half a patch from its content.
        rows = ((centre - PATCH / 2 >= y) & (centre + PATCH / 2 <= y + 16)).nonzero().flatten()
        columns = ((centre - PATCH / 2 >= x) & (centre + PATCH / 2 <= x + 16)).nonzero().flatten()
        for row in rows:
            for column in columns:
                num_patches += 1
                for k, other in enumerate(looks.frames[i].tolist()):
                    xy = looks.xy_px[:, 0, i, row, column, :, k]  # blocks heads n 2
                    inside = (xy >= left[other] - 1e-3) & (xy <= left[other] + 16 + 1e-3)
                    assert inside.all(), (i, other)
    assert num_patches >= 8
    torch.testing.assert_close(looks.weights.sum((-1, -2)), torch.ones_like(looks.weights[..., 0, 0]))


def test_without_along_motion_it_looks_around_the_patch_itself() -> None:
    model = small_dvt(resolution=(128, 128), along_motion=False, num_points=1)
    rgb, motion, _ = object_in_motion()
    xy = model.sampled_locations(rgb, motion).xy_px  # blocks b t h w heads k 1 2
    own = PATCH * (torch.arange(16) + 0.5)
    torch.testing.assert_close(xy[..., 0], own.view(1, 1, 1, 1, 16, 1, 1, 1).expand_as(xy[..., 0]))
    torch.testing.assert_close(xy[..., 1], own.view(1, 1, 1, 16, 1, 1, 1, 1).expand_as(xy[..., 1]))


@pytest.mark.parametrize("cue", CUES)
def test_what_stands_at_unknown_places_changes_nothing(cue: MotionCue) -> None:
    model = small_dvt(noise=0.05, cue=cue).requires_grad_(True)
    rgb, motion = random_clip(model)
    unknown = ~motion.valid.unsqueeze(-1)
    garbage = Motion(
        motion.displacement.masked_fill(unknown, float("nan")),
        motion.valid,
        motion.residual.masked_fill(unknown, float("inf")),
    )
    expected, got = model(rgb, motion), model(rgb, garbage)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    got.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("cue", ["displacement", "residual", "both", "flow"])
def test_unknown_motion_is_not_the_absence_of_motion(cue: MotionCue) -> None:
    model = small_dvt(noise=0.5, cue=cue)
    rgb, motion = random_clip(model)
    known = Motion(*(torch.zeros_like(field) for field in motion))._replace(valid=torch.ones_like(motion.valid))
    unknown = known._replace(valid=torch.zeros_like(motion.valid))
    with torch.no_grad():
        assert not torch.allclose(model(rgb, known), model(rgb, unknown), atol=1e-3)
        torch.testing.assert_close(model(rgb), model(rgb, unknown), rtol=0, atol=0)


USES = {
    "none": set(),
    "displacement": {"displacement"},
    "residual": {"residual"},
    "both": {"displacement", "residual"},
    "average_rgb": set(),
    "rgb_difference": set(),
    "flow": {"displacement"},
}


@pytest.mark.parametrize("cue", CUES)
def test_a_cue_uses_what_its_name_says(cue: MotionCue) -> None:
    model = small_dvt(noise=0.05, cue=cue)
    rgb, motion = random_clip(model)
    other = random_motion(2, 8, 4, 6, seed=9)
    with torch.no_grad():
        logits = model(rgb, motion)
        for field in ("displacement", "residual"):
            changed = model(rgb, motion._replace(**{field: getattr(other, field)}))
            assert torch.equal(changed, logits) == (field not in USES[cue]), field


def test_rgb_cues_are_means_and_differences_of_patches() -> None:
    rgb = torch.rand(1, 3, 4, 8, 16)
    patches = rgb.unflatten(4, (2, 8)).unflatten(3, (1, 8))  # b 3 t h 8 w 8
    means = patches.mean((4, 6))
    for t, others in enumerate(other_frames(4, 4)):
        for k, other in enumerate(others):
            embed = MotionEmbedding("average_rgb", 8, 4, 6)
            torch.nn.init.zeros_(embed.distance)
            torch.nn.init.eye_(embed.matrix.weight)
            torch.nn.init.zeros_(embed.matrix.bias)
            got = embed(rgb, None).embedding[0, t, :, :, k]  # h w 6
            expected = torch.cat([means[0, :, t], means[0, :, other]]).permute(1, 2, 0)
            torch.testing.assert_close(got, expected)
            embed.cue = "rgb_difference"
            difference = patches[0, :, other] - patches[0, :, t]  # 3 h 8 w 8
            expected = torch.cat([difference.mean((2, 4)), difference.abs().mean((2, 4))]).permute(1, 2, 0)
            torch.testing.assert_close(embed(rgb, None).embedding[0, t, :, :, k], expected)


@pytest.mark.parametrize("fusion", get_args(FusionKind))
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_ablation_runs_and_learns(attention: AttentionKind, fusion: FusionKind) -> None:
    model = small_dvt(noise=0.02, attention=attention, fusion=fusion, motion_hidden_dim=12, max_offset=2.0).train()
    logits = model(*random_clip(model))
    assert logits.shape == (2, 5)
    logits.logsumexp(1).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_bound_holds_back_offsets_and_not_the_motion() -> None:
    model = small_dvt(noise=3.0, max_offset=0.75, cue="both")
    rgb, motion = random_clip(model)
    xy = model.sampled_locations(rgb, motion).xy_px / PATCH
    grid = torch.stack(torch.meshgrid(torch.arange(6.0), torch.arange(4.0), indexing="xy"), dim=-1) + 0.5  # h w 2
    picked = motion.displacement.where(motion.valid.unsqueeze(-1), 0.0)[
        :, torch.arange(8)[:, None], xy.new_tensor(other_frames(8, 4)).long()
    ]  # b t k h w 2
    went = grid.view(1, 1, 1, 4, 6, 2) + picked / PATCH
    went = went.permute(0, 1, 3, 4, 2, 5).unsqueeze(4).unsqueeze(6)  # b t h w 1 k 1 2
    assert float((xy - went).abs().max()) <= 0.75 + 1e-4
    assert float((xy - went).abs().max()) > 0.7


def test_multiply_accumulates_are_below_those_of_divided_attention() -> None:
    def bag(weight: tuple[int, ...], indices: tuple[int, ...], *_: Any, **__: Any) -> int:
        return 2 * math.prod(indices) * weight[1]  # two per multiply-accumulate, as FlopCounterMode counts

    ours = {torch.ops.aten._embedding_bag: bag, torch.ops.aten._embedding_bag_forward_only: bag}
    config = dvt_base()
    with torch.device("meta"), FlopCounterMode(display=False, custom_mapping=ours) as counter:
        DVT(config).eval().requires_grad_(False)(torch.empty(1, 3, 16, 224, 224))
    gmacs = counter.get_total_flops() / 2e9
    tokens, corners = 16 * 14 * 14, 4
    points = 3 * config.num_points + 3 * config.num_scale_points  # 3 other frames, 3 resolutions
    sampling = tokens * corners * points * config.dim * config.depth / 1e9
    assert gmacs == pytest.approx(DVT_MODELS["dvt_base"].gmacs + sampling, rel=1e-6)

    divided = DVT_MODELS["dvt_base_divided"].gmacs
    # TimeSformer has, besides, a class token and a linear map after its temporal attention.
    timesformer = divided + 12 * tokens * 768**2 / 1e9
    assert gmacs < 0.9 * divided < timesformer
    # The published 0.59 TFLOPs are three views of 8 frames.
    eight = count_gmacs(DVT, replace(config, attention="divided", num_frames=8)) + 12 * 8 * 196 * 768**2 / 1e9
    assert 3 * eight == pytest.approx(590, rel=0.01)


def test_cost_is_linear_in_points_frames_and_pixels() -> None:
    def gmacs(**settings: Any) -> float:
        return count_gmacs(DVT, replace(dvt_tiny(attention="space_time"), depth=1, num_frames=16, **settings))

    more_points = gmacs(num_points=8) - gmacs(num_points=4)
    assert gmacs(num_points=16) - gmacs(num_points=8) == pytest.approx(2 * more_points)
    longer_subclips = gmacs(subclip_frames=8) - gmacs(subclip_frames=4)
    assert gmacs(subclip_frames=16) - gmacs(subclip_frames=8) == pytest.approx(2 * longer_subclips)
    assert gmacs(resolution=(224, 224)) == pytest.approx(4 * gmacs(), rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"num_frames": 6},
            "expected a whole number of sub-clips of at least two frames, got 6 frames in sub-clips of 4",
        ),
        ({"subclip_frames": 1}, "at least two frames, got 8 frames in sub-clips of 1"),
        ({"num_heads": 5}, "expected a width divisible by the number of heads, got 24 and 5"),
        ({"num_points": 0}, "expected at least one point"),
        ({"resolution": (30, 48)}, "expected a clip whose frames, height and width are multiples of 1, 8 and 8"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_dvt(**settings)


def test_clips_that_do_not_fit_are_refused() -> None:
    model = small_dvt()
    rgb, motion = random_clip(model)
    with pytest.raises(ValueError, match="expected a clip of sub-clips of 4 frames, got 6 frames"):
        model(rgb[:, :, :6])
    with pytest.raises(
        ValueError, match=r"expected displacement of shape \(2, 8, 8, 4, 6, 2\) .* got \(2, 8, 8, 3, 6, 2\)"
    ):
        model(rgb, motion._replace(displacement=motion.displacement[:, :, :, 1:]))
    with pytest.raises(TypeError, match=r"expected a boolean mask in `valid`, got torch\.float32"):
        model(rgb, motion._replace(valid=motion.valid.float()))
    with pytest.raises(ValueError, match="expected a model with D-ST-A, got attention='joint'"):
        small_dvt(attention="joint").sampled_locations(rgb)


def still_or_moving(num_clips: int, generator: torch.Generator) -> tuple[Tensor, Motion, Tensor]:
    """Noise that stands still or moves by 12 pixels per frame; single frames of both classes are alike."""
    t, side = 4, 32
    moves = torch.randint(0, 2, (num_clips,), generator=generator)
    step = 12 * moves * (2 * torch.randint(0, 2, (num_clips,), generator=generator) - 1)
    noise = torch.randn(num_clips, 3, side, side, generator=generator)
    clips = [
        torch.stack([frame.roll(i * shift, dims=2) for i in range(t)], 1)
        for frame, shift in zip(noise, step.tolist(), strict=True)
    ]
    distance = torch.arange(t) - torch.arange(t).unsqueeze(1)  # t t'
    displacement = torch.zeros(num_clips, t, t, side // PATCH, side // PATCH, 2)
    displacement[..., 0] = (step.view(-1, 1, 1) * distance).view(num_clips, t, t, 1, 1)
    valid = torch.ones(displacement.shape[:-1], dtype=torch.bool)
    return torch.stack(clips), Motion(displacement, valid, torch.zeros(*valid.shape, 6)), moves


def losses(*, sees_motion: bool, num_steps: int = 80) -> Tensor:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"num_frames": 4, "resolution": (32, 32), "patch": PATCH, "num_classes": 2}
    sizes |= {"dim": 32, "depth": 2, "num_heads": 2, "mlp_dim": 64, "attention": "space_time"}
    model = DVT(DVTConfig(**sizes)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(num_steps):
        rgb, motion, moves = still_or_moving(16, generator)
        if not sees_motion:
            motion = motion._replace(displacement=torch.zeros_like(motion.displacement))
        loss = torch.nn.functional.cross_entropy(model(rgb, motion), moves)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.detach())
    return torch.stack(found)


@pytest.mark.slow
def test_it_learns_sooner_what_moves_when_it_is_told_the_motion() -> None:
    with_motion, without = losses(sees_motion=True), losses(sees_motion=False)
    assert float(without[:10].mean()) == pytest.approx(math.log(2), abs=0.05)
    steps = [int((loss < 0.1).nonzero()[0, 0]) if (loss < 0.1).any() else len(loss) for loss in (with_motion, without)]
    assert steps[0] < 0.75 * steps[1], steps
    assert float(with_motion[-10:].mean()) < 0.02
