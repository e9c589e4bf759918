"""Starting from an image ViT: on a still clip the video model sees the image the image model saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from videotx.models.checkpoints import CheckpointError, initialise_from_image
from videotx.models.checkpoints.image_vit import inflated_tubelet
from videotx.models.compact_vidtr import CompactVidTr, CompactVidTrConfig
from videotx.models.dvt import DVT, DVTConfig
from videotx.models.vidtr import VidTr, VidTrConfig
from videotx.models.vivit import ViViT, ViViTConfig

DIM, HEADS, DEPTH, SIDE = 24, 3, 2, 4
SIZE: dict[str, Any] = {
    "num_classes": 5,
    "resolution": (32, 32),
    "dim": DIM,
    "depth": DEPTH,
    "num_heads": HEADS,
    "mlp_dim": 48,
}


@pytest.fixture
def image_weights() -> dict[str, Tensor]:
    """An image ViT in timm's keys."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * 0.2

    weights = {
        "patch_embed.proj.weight": draw(DIM, 3, 8, 8),
        "patch_embed.proj.bias": draw(DIM),
        "cls_token": draw(1, 1, DIM),
        "pos_embed": draw(1, 1 + SIDE * SIDE, DIM),
        "norm.weight": 1 + draw(DIM),
        "norm.bias": draw(DIM),
        "head.weight": draw(10, DIM),
        "head.bias": draw(10),
    }
    for i in range(DEPTH):
        for norm in ("norm1", "norm2"):
            weights |= {f"blocks.{i}.{norm}.weight": 1 + draw(DIM), f"blocks.{i}.{norm}.bias": draw(DIM)}
        linears = {"attn.qkv": (72, DIM), "attn.proj": (DIM, DIM), "mlp.fc1": (48, DIM), "mlp.fc2": (DIM, 48)}
        for name, (out, into) in linears.items():
            weights |= {f"blocks.{i}.{name}.weight": draw(out, into), f"blocks.{i}.{name}.bias": draw(out)}
    return weights


HUGGING_FACE = {
    "blocks.": "vit.encoder.layer.",
    "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
    "cls_token": "vit.embeddings.cls_token",
    "pos_embed": "vit.embeddings.position_embeddings",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "attn.proj": "attention.output.dense",
    "head.": "classifier.",
}


def to_hugging_face(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for key, value in weights.items():
        new = f"vit.layernorm.{key[5:]}" if key.startswith("norm.") else key
        for timm, hugging_face in HUGGING_FACE.items():
            new = new.replace(timm, hugging_face)
        if "attn.qkv" in key:
            for name, part in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[new.replace("attn.qkv", f"attention.attention.{name}")] = part.contiguous()
        else:
            renamed[new] = value
    return renamed


def image_tokens(weights: dict[str, Tensor], image: Tensor) -> Tensor:
    """An image ViT written out: tokens (b, 1+s, d) after the last norm, of images (b, 3, h, w)."""
    x = F.conv2d(image, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=8)
    x = torch.cat([weights["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1) + weights["pos_embed"]
    for i in range(DEPTH):

        def linear(name: str, y: Tensor, i: int = i) -> Tensor:
            return F.linear(y, weights[f"blocks.{i}.{name}.weight"], weights[f"blocks.{i}.{name}.bias"])

        def norm(name: str, y: Tensor, i: int = i) -> Tensor:
            return F.layer_norm(
                y, (DIM,), weights[f"blocks.{i}.{name}.weight"], weights[f"blocks.{i}.{name}.bias"], 1e-6
            )

        q, k, v = (
            y.unflatten(-1, (HEADS, -1)).transpose(1, 2) for y in linear("attn.qkv", norm("norm1", x)).chunk(3, -1)
        )
        scores = (q @ k.transpose(-2, -1) / (DIM // HEADS) ** 0.5).softmax(-1)
        x = x + linear("attn.proj", (scores @ v).transpose(1, 2).flatten(2))
        x = x + linear("mlp.fc2", F.gelu(linear("mlp.fc1", norm("norm2", x)), approximate="tanh"))
    return F.layer_norm(x, (DIM,), weights["norm.weight"], weights["norm.bias"], 1e-6)


@pytest.mark.parametrize("layout", ["timm", "hugging_face"])
@pytest.mark.parametrize("tubelet", ["central", "average"])
@pytest.mark.parametrize("number", [2, 3])
def test_a_still_clip_is_seen_as_the_image(
    number: Any, tubelet: Any, layout: str, image_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    stored = image_weights if layout == "timm" else to_hugging_face(image_weights)
    save_file(stored, tmp_path / "vit.safetensors")
    model = ViViT(ViViTConfig(**SIZE, num_frames=6, model=number, temporal_depth=0, tubelet=(3, 8, 8))).eval()
    report = initialise_from_image(model, tmp_path / "vit.safetensors", tubelet=tubelet)
    assert set(report.ignored) >= {key for key in stored if key.startswith(("head", "classifier"))}
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        tokens = model.forward_features(image[:, :, None].expand(-1, -1, 6, -1, -1))
        if number == 2:
            expected = image_tokens(image_weights, image)[:, :1].expand(-1, 2, -1)
            torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)
        else:
            # Without a class token to look at, all that is left to compare is that time changes nothing.
            torch.testing.assert_close(tokens[:, :16], tokens[:, 16:], rtol=1e-4, atol=1e-5)
            assert all(float(p.abs().max()) == 0 for key, p in model.named_parameters() if "attention_time.proj" in key)


def test_central_and_average_filters() -> None:
    patch = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    central = inflated_tubelet(patch, 4, "central")
    assert torch.equal(central[:, :, 2], patch)
    assert float(central.abs().sum()) == pytest.approx(float(patch.abs().sum()))
    torch.testing.assert_close(inflated_tubelet(patch, 4, "average").sum(2), patch)


@pytest.mark.parametrize(
    "model",
    [
        ViViT(ViViTConfig(**SIZE, num_frames=4, model=1, tubelet=(2, 8, 8))),
        ViViT(ViViTConfig(**SIZE, num_frames=4, model=2, tubelet=(2, 8, 8), temporal_depth=1)),
        ViViT(ViViTConfig(**{**SIZE, "num_heads": 4}, num_frames=4, model=4, tubelet=(2, 8, 8))),
        VidTr(VidTrConfig(**SIZE, num_frames=4, tubelet=(1, 8, 8))),
        VidTr(VidTrConfig(**SIZE, num_frames=4, tubelet=(1, 8, 8), separable=False)),
        CompactVidTr(
            CompactVidTrConfig(**SIZE, num_frames=4, tubelet=(1, 8, 8), pool_layers=(0,), pooling="convolution")
        ),
        ViViT(ViViTConfig(**{**SIZE, "resolution": (24, 48)}, num_frames=4, model=1, tubelet=(2, 8, 8))),
    ],
    ids=["vivit 1", "vivit 2", "vivit 4", "vidtr", "vidtr joint", "compact vidtr", "vivit of another shape"],
)
def test_every_key_is_filled_or_kept_for_a_reason(model: Any, image_weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(image_weights, tmp_path / "vit.safetensors")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = initialise_from_image(model, tmp_path / "vit.safetensors")
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed.isdisjoint(report.kept)
    assert changed | set(report.kept) == set(before)
    assert {key for key in report.kept if not key.startswith(("head.", "temporal_encoder."))} <= {
        "blocks.0.pooling.weight",
        "blocks.0.pooling.bias",
    }


def still_dvt(**settings: Any) -> DVT:
    size = SIZE | {"num_frames": 4, "patch": 8, "num_points": 1, "num_scale_points": 1, "scale_strides": (1,)}
    return DVT(DVTConfig(**size, **settings)).eval()


@pytest.mark.parametrize("fusion", ["linear", "mixer"])
@pytest.mark.parametrize("attention", ["space_time", "multi_scale", "space_time_and_multi_scale"])
def test_dvt_starts_as_an_image_model_in_which_patches_look_at_themselves(
    attention: Any, fusion: Any, image_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(image_weights, tmp_path / "vit.safetensors")
    model = still_dvt(attention=attention, fusion=fusion)
    report = initialise_from_image(model, tmp_path / "vit.safetensors")
    assert report.complete
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        tokens = model.forward_features(image[:, :, None].expand(-1, -1, 4, -1, -1)).unflatten(1, (4, 16))
        x = F.conv2d(image, image_weights["patch_embed.proj.weight"], image_weights["patch_embed.proj.bias"], stride=8)
        x = x.flatten(2).transpose(1, 2) + image_weights["pos_embed"][:, 1:]
        for i in range(DEPTH):
            names = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
            part = {n: tuple(image_weights[f"blocks.{i}.{n}.{kind}"] for kind in ("weight", "bias")) for n in names}
            value = F.linear(F.layer_norm(x, (DIM,), *part["norm1"], 1e-6), *part["attn.qkv"])[..., 2 * DIM :]
            x = x + F.linear(value, *part["attn.proj"])
            hidden = F.linear(F.layer_norm(x, (DIM,), *part["norm2"], 1e-6), *part["mlp.fc1"])
            x = x + F.linear(F.gelu(hidden), *part["mlp.fc2"])
        expected = F.layer_norm(x, (DIM,), image_weights["norm.weight"], image_weights["norm.bias"], 1e-6)
    torch.testing.assert_close(tokens, expected.unsqueeze(1).expand(-1, 4, -1, -1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attention", ["divided", "joint"])
def test_baselines_of_dvt_take_all_of_the_image_attention(
    attention: Any, image_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(image_weights, tmp_path / "vit.safetensors")
    model = still_dvt(attention=attention)
    initialise_from_image(model, tmp_path / "vit.safetensors")
    state = model.state_dict()
    for i in range(DEPTH):
        assert torch.equal(state[f"blocks.{i}.attention.qkv.weight"], image_weights[f"blocks.{i}.attn.qkv.weight"])
    with torch.no_grad():
        tokens = model.forward_features(torch.randn(1, 3, 1, 32, 32).expand(-1, -1, 4, -1, -1)).unflatten(1, (4, 16))
    torch.testing.assert_close(tokens, tokens[:, :1].expand_as(tokens), rtol=1e-4, atol=1e-5)


def test_a_shallower_image_model_is_refused(image_weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(image_weights, tmp_path / "vit.safetensors")
    model = DVT(DVTConfig(**{**SIZE, "depth": 3}, num_frames=4, patch=8))
    with pytest.raises(CheckpointError, match="expected an image ViT of 3 blocks, got 2"):
        initialise_from_image(model, tmp_path / "vit.safetensors")


def test_a_wider_image_model_is_refused(image_weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(image_weights, tmp_path / "vit.safetensors")
    model = ViViT(ViViTConfig(**{**SIZE, "dim": 48}, tubelet=(2, 8, 8)))
    with pytest.raises(CheckpointError, match=r"encoder.norm.weight: expected \(48,\), got \(24,\)"):
        initialise_from_image(model, tmp_path / "vit.safetensors")
