"""What every model must do, whatever its family: each variant of `MODELS`, narrowed and shortened to run in no time."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.export import Dim, export

from videotx.models import MODELS, Motion, VideoModel, create_model
from videotx.models.checkpoints import load_pretrained, save_weights

CLASSES = 7
STRUCTURE = {"num_classes": CLASSES, "drop_path": 0.0, "dropout": 0.0, "head_dropout": 0.0}

# What makes a config small; everything else that tells variants of the family apart stays as published.
SMALL: dict[str, dict[str, Any]] = {
    "ViViT": {"num_frames": 4, "resolution": (32, 32), "dim": 32, "depth": 2, "num_heads": 4, "mlp_dim": 48},
    "VidTr": {"resolution": (32, 32), "dim": 32, "depth": 2, "num_heads": 4, "mlp_dim": 48},
    "CompactVidTr": {"resolution": (32, 32), "dim": 32, "depth": 7, "num_heads": 4, "mlp_dim": 48},
    "VideoSwin": {"num_frames": 4, "resolution": (64, 64), "dim": 16, "depths": (2, 2), "num_heads": (2, 4)},
    "MViT": {"resolution": (32, 32), "dim": 16, "depth": 4, "stages_at": (1, 3)},
    "DVT": {"num_frames": 8, "resolution": (32, 32), "patch": 8, "dim": 24, "depth": 2, "num_heads": 3, "mlp_dim": 32},
}


def small_config(name: str) -> Any:
    spec = MODELS[name]
    settings = dict(SMALL[spec.model.__name__])
    if spec.model.__name__ == "ViViT":
        tubelet = spec.config.tubelet
        settings |= {"resolution": (2 * tubelet[1], 2 * tubelet[2])}
        settings |= {"temporal_depth": min(spec.config.temporal_depth, 1)}
    if spec.model.__name__ == "MViT":
        settings |= {"num_frames": min(spec.config.num_frames, 8)}
        settings |= {} if spec.config.num_frames > 1 else {"resolution": (64, 64)}
    return replace(spec.config, **STRUCTURE, **settings)


def distinct_small_models() -> dict[str, str]:
    """One name for each of the small configs that differ, by its representation."""
    by_config: dict[str, str] = {}
    for name in MODELS:
        by_config.setdefault(f"{MODELS[name].model.__name__} {small_config(name)}", name)
    return by_config


NAMES = list(distinct_small_models().values())
FIRST_OF_FAMILY = list({MODELS[name].model: name for name in reversed(NAMES)}.values())[::-1]
REST = [name for name in NAMES if name not in FIRST_OF_FAMILY]
# What takes seconds runs at once for one model of each family, and for all others when there is time.
ONE_OF_EACH_FAMILY_FIRST = [*FIRST_OF_FAMILY, *(pytest.param(name, marks=pytest.mark.slow) for name in REST)]


def build(name: str, **settings: Any) -> VideoModel[Any]:
    """A small model without a zero anywhere, so that no mistake multiplies with one."""
    config = replace(small_config(name), **settings)
    torch.manual_seed(0)
    model = MODELS[name].model(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return model.eval()


def clip_of(model: VideoModel[Any], *, batch: int = 2, time: int = 1, height: int = 1, width: int = 1) -> Any:
    """A clip of the model's native size, or of so many times as many frames, rows and columns."""
    h, w = model.config.resolution
    t, h, w = model.config.num_frames * time, h * height, w * width
    generator = torch.Generator().manual_seed(1)
    clip = SimpleNamespace(rgb=torch.randn(batch, 3, t, h, w, generator=generator))
    if model.uses_motion:
        grid = (batch, t, t, h // model.config.patch, w // model.config.patch)
        clip.displacement = 5 * torch.randn(*grid, 2, generator=generator)
        clip.valid = torch.rand(grid, generator=generator) < 0.9
        clip.residual = torch.randn(*grid, 6, generator=generator)
    return clip


def inputs(model: VideoModel[Any], clip: Any) -> tuple[Any, ...]:
    """The positional arguments of the model for a clip in parts."""
    return (clip.rgb, Motion(clip.displacement, clip.valid, clip.residual)) if model.uses_motion else (clip.rgb,)


@pytest.mark.parametrize("name", NAMES)
class TestEveryModel:
    def test_takes_a_clip_whole_or_in_parts(self, name: str) -> None:
        model = build(name)
        clip = clip_of(model)
        with torch.no_grad():
            whole, parts = model(clip), model(*inputs(model, clip))
            tokens = model.forward_features(clip)
        assert whole.shape == (2, CLASSES)
        torch.testing.assert_close(whole, parts, rtol=0, atol=0)
        assert tokens.ndim == 3
        assert tokens.shape[0] == 2
        torch.testing.assert_close(model.head(model.pool(tokens)), whole, rtol=0, atol=0)

    def test_adapts_to_other_clips(self, name: str) -> None:
        model = build(name)
        time = 1 if model.config.num_frames == 1 else 2  # an image model has no time to adapt
        with torch.no_grad():
            native = model(clip_of(model))
            for factors in ({"time": time}, {"width": 2}, {"time": time, "height": 2}):
                logits = model(clip_of(model, **factors))
                assert logits.shape == (2, CLASSES)
                assert torch.isfinite(logits).all()
                assert factors == {"time": 1} or not torch.equal(logits, native)

    def test_learns_with_every_parameter(self, name: str) -> None:
        model = build(name).train()
        model(clip_of(model)).logsumexp(1).sum().backward()
        without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert without == []
        assert all(float(p.grad.abs().max()) > 0 for p in model.head.parameters() if p.grad is not None)

    def test_says_what_is_wrong_with_a_clip(self, name: str) -> None:
        model = build(name)
        with pytest.raises(ValueError, match=r"expected a clip \(b, 3, t, h, w\), got shape \(2, 3, 8, 8\)"):
            model(torch.zeros(2, 3, 8, 8))
        with pytest.raises(ValueError, match=r"expected a clip \(b, 3, t, h, w\), got shape \(2, 1, 4, 8, 8\)"):
            model(torch.zeros(2, 1, 4, 8, 8))
        with pytest.raises(TypeError, match=r"expected a normalised float clip, got torch\.uint8"):
            model(torch.zeros(2, 3, 4, 8, 8, dtype=torch.uint8))
        with pytest.raises(TypeError, match=r"expected a tensor .* got dict"):
            model({"rgb": torch.zeros(2, 3, 4, 8, 8)})


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY_FIRST)
class TestThoroughly:
    def test_compiles_without_graph_breaks(self, name: str) -> None:
        torch._dynamo.reset()
        model = build(name)
        clip = clip_of(model)
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        with torch.no_grad():
            torch.testing.assert_close(compiled(*inputs(model, clip)), model(clip), rtol=1e-4, atol=1e-5)

    def test_exports_with_any_batch_size(self, name: str) -> None:
        model = build(name)
        arguments = inputs(model, clip_of(model))
        batch = Dim("batch", min=1, max=64)
        shapes: list[Any] = [{0: batch}, Motion(*({0: batch} for _ in Motion._fields))]
        program = export(model, arguments, dynamic_shapes=tuple(shapes[: len(arguments)])).module()
        clip = clip_of(model, batch=3)
        with torch.no_grad():
            exported: Tensor = program(*inputs(model, clip))
            torch.testing.assert_close(exported, model(clip), rtol=1e-4, atol=1e-5)

    def test_takes_samples_one_by_one(self, name: str) -> None:
        model = build(name)
        clip = clip_of(model)
        with torch.no_grad():
            both = model(clip)
            one = model(SimpleNamespace(**{key: value[1:] for key, value in vars(clip).items()}))
        torch.testing.assert_close(one, both[1:], rtol=1e-4, atol=1e-5)

    def test_answers_for_several_targets(self, name: str) -> None:
        model = build(name, num_classes={"verb": 3, "noun": 5})
        with torch.no_grad():
            logits = model(clip_of(model))
        assert {target: tuple(values.shape) for target, values in logits.items()} == {"verb": (2, 3), "noun": (2, 5)}

    def test_has_finite_gradients_in_bfloat16(self, name: str) -> None:
        model = build(name).train().to(torch.bfloat16)
        clip = clip_of(model)
        clip.rgb = clip.rgb.to(torch.bfloat16)
        logits = model(clip)
        assert logits.dtype == torch.bfloat16
        logits.logsumexp(1).sum().backward()
        assert [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []

    def test_recomputing_activations_changes_nothing(self, name: str) -> None:
        kept, recomputed = build(name).train(), build(name, checkpoint_activations=True).train()
        clip = clip_of(kept)
        for model in (kept, recomputed):
            model(clip).logsumexp(1).sum().backward()
        for (key, a), b in zip(kept.named_parameters(), recomputed.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6, msg=key)

    def test_round_trips_through_safetensors(self, name: str, tmp_path: Path) -> None:
        model = build(name)
        save_weights(model.state_dict(), tmp_path / "weights.safetensors", name=name, config=model.config)
        again = MODELS[name].model(model.config).eval()
        report = load_pretrained(again, tmp_path / "weights.safetensors")
        assert report.complete
        assert not report.interpolated
        clip = clip_of(model)
        with torch.no_grad():
            torch.testing.assert_close(again(clip), model(clip), rtol=0, atol=0)

    def test_weights_of_another_clip_load_as_the_model_would_adapt(self, name: str, tmp_path: Path) -> None:
        model = build(name)
        save_weights(model.state_dict(), tmp_path / "weights.safetensors", name=name, config=model.config)
        h, w = model.config.resolution
        time = 1 if model.config.num_frames == 1 else 2
        config = replace(model.config, num_frames=time * model.config.num_frames, resolution=(h, 2 * w))
        wider = MODELS[name].model(config).eval()
        assert load_pretrained(wider, tmp_path / "weights.safetensors").complete
        clip = clip_of(wider)
        with torch.no_grad():
            torch.testing.assert_close(wider(clip), model(clip), rtol=1e-4, atol=1e-5)

    def test_is_determined_by_the_seed(self, name: str) -> None:
        first, second = build(name), build(name)
        clip = clip_of(first)
        with torch.no_grad():
            torch.testing.assert_close(first(clip), second(copy.deepcopy(clip)), rtol=0, atol=0)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one of vivit_base_model1, .* got 'resnet'"):
        create_model("resnet")


def test_create_model_takes_clip_and_classes() -> None:
    with torch.device("meta"):
        model = create_model("vidtr_small", num_classes=174, num_frames=4, resolution=(112, 160))
    assert model(torch.empty(1, 3, 4, 112, 160, device="meta")).shape == (1, 174)
    assert model.config.resolution == (112, 160)
