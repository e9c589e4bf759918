"""Checkpoint files: every container, a strict account of every key, and nothing executed on the way."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import Tensor

from videotx.cli import main
from videotx.models import MODELS
from videotx.models.checkpoints import CheckpointError, convert_weights, load_pretrained
from videotx.models.vivit import ViViT, ViViTConfig

SMALL = ViViTConfig(num_classes=11, num_frames=8, resolution=(48, 48), dim=48, depth=3, num_heads=4, mlp_dim=192)


def packed(value: Any) -> bytes:
    """MessagePack of what Flax writes: dicts, text, and arrays as extension 1."""
    if isinstance(value, dict):
        items = b"".join(packed(key) + packed(entry) for key, entry in value.items())
        return b"\xde" + struct.pack(">H", len(value)) + items
    if isinstance(value, str):
        return b"\xd9" + struct.pack(">B", len(value)) + value.encode()
    if isinstance(value, int):
        return b"\xce" + struct.pack(">I", value)
    raw = value.numpy().tobytes()
    shape = b"\xdc" + struct.pack(">H", value.ndim) + b"".join(packed(n) for n in value.shape)
    content = b"\x93" + shape + packed("float32") + b"\xc6" + struct.pack(">I", len(raw)) + raw
    return b"\xc9" + struct.pack(">I", len(content)) + b"\x01" + content


def nested(state: dict[str, Tensor]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, tensor in state.items():
        *folders, name = key.split("/")
        branch = tree
        for folder in folders:
            branch = branch.setdefault(folder, {})
        branch[name] = tensor
    return tree


def answers(model: ViViT, reference: Any) -> None:
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(reference.rgb), reference.logits, rtol=0, atol=2e-5)


@pytest.fixture
def hugging_face(load_reference: Any) -> Any:
    return load_reference("vivit_model1_hf4")


def test_a_flax_file_is_read(load_reference: Any, tmp_path: Path) -> None:
    reference = load_reference("vivit_model1_scenic")
    path = tmp_path / "checkpoint"
    path.write_bytes(packed({"step": 7, "optimizer": {"target": nested(reference.state)}}))
    model = ViViT(replace(SMALL, depth=2))
    report = load_pretrained(model, path)
    assert report.layout == "ViViT, scenic"
    answers(model, reference)


def test_flax_chunks_are_joined(load_reference: Any, tmp_path: Path) -> None:
    reference = load_reference("vivit_model1_scenic")
    state = dict(reference.state)
    table = state.pop("Transformer/posembed_input/pos_embedding")
    tree = nested(state)
    pieces = {str(i): piece for i, piece in enumerate(table.flatten().split(500))}
    chunked = {
        "__msgpack_chunked_array__": 1,
        "shape": {str(i): n for i, n in enumerate(table.shape)},
        "chunks": pieces,
    }
    tree["Transformer"]["posembed_input"] = {"pos_embedding": chunked}
    path = tmp_path / "checkpoint"
    path.write_bytes(packed({"params": tree}))
    model = ViViT(replace(SMALL, depth=2))
    load_pretrained(model, path)
    answers(model, reference)


@pytest.mark.parametrize("cut", [0, 1, 5, 40, 1000])
def test_a_flax_file_cut_short_is_an_error(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(packed({"params": {"embedding": {"kernel": torch.zeros(2, 16, 16)}}})[:cut])
    with pytest.raises(CheckpointError, match="checkpoint: expected safetensors, a PyTorch file or Flax MessagePack"):
        load_pretrained(ViViT(SMALL), path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pytorch_file_is_unwrapped(legacy: bool, hugging_face: Any, tmp_path: Path) -> None:
    state = {f"module.{key}": tensor for key, tensor in hugging_face.state.items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "model.pth", _use_new_zipfile_serialization=not legacy)
    model = ViViT(SMALL)
    load_pretrained(model, tmp_path / "model.pth")
    answers(model, hugging_face)


def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"state_dict": Harmful()}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="expected a pickle of tensors and plain values only"):
        load_pretrained(ViViT(SMALL), tmp_path / "model.pth")
    assert not (tmp_path / "made").exists()


def test_every_key_is_accounted_for(hugging_face: Any, tmp_path: Path) -> None:
    save_file(hugging_face.state, tmp_path / "model.safetensors")
    report = load_pretrained(ViViT(SMALL), tmp_path / "model.safetensors")
    assert sorted(key for keys in report.sources.values() for key in keys) == sorted(hugging_face.state)
    assert set(report.sources) == set(ViViT(SMALL).state_dict())
    assert len(report.sources["encoder.blocks.0.attention.qkv.weight"]) == 3
    assert report.reshaped["encoder.cls <- vivit.embeddings.cls_token"] == "(1, 1, 48) -> (48,)"
    assert (report.ignored, report.kept, report.interpolated) == ({}, {}, {})


def test_a_key_too_few_too_many_or_misshapen_is_an_error(hugging_face: Any, tmp_path: Path) -> None:
    state = dict(hugging_face.state)
    del state["vivit.layernorm.bias"]
    state["vivit.pooler.weight"] = torch.zeros(3)
    state["classifier.bias"] = torch.zeros(12)
    save_file(state, tmp_path / "model.safetensors")
    model = ViViT(SMALL)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"model.safetensors does not fit ViViT") as caught:
        load_pretrained(model, tmp_path / "model.safetensors")
    report = caught.value.report
    assert report is not None
    assert report.missing == ["encoder.norm.bias"]
    assert report.unexpected == ["vivit.pooler.weight"]
    assert report.mismatched == {"head.targets.label.bias": "expected (11,), got (12,)"}
    lines = ("missing: 1\n  encoder.norm.bias", "unexpected: 1\n  vivit.pooler.weight", "expected (11,), got (12,)")
    for text in lines:
        assert text in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_part_too_few_of_fused_weights_is_an_error(hugging_face: Any, tmp_path: Path) -> None:
    state = dict(hugging_face.state)
    del state["vivit.encoder.layer.1.attention.attention.key.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"attention.qkv.weight: expected \(144, 48\), got \(96, 48\)"):
        load_pretrained(ViViT(SMALL), tmp_path / "model.safetensors")


def test_a_new_head_is_left_alone(hugging_face: Any, tmp_path: Path) -> None:
    save_file(hugging_face.state, tmp_path / "model.safetensors")
    model = ViViT(replace(SMALL, num_classes=174))
    report = load_pretrained(model, tmp_path / "model.safetensors", new_head=True)
    assert set(report.kept) == {"head.targets.label.weight", "head.targets.label.bias"}
    assert torch.equal(model.encoder.norm.weight, hugging_face.state["vivit.layernorm.weight"])


def test_position_tables_are_interpolated_and_reported(hugging_face: Any, tmp_path: Path) -> None:
    save_file(hugging_face.state, tmp_path / "model.safetensors")
    model = ViViT(replace(SMALL, num_frames=16, resolution=(48, 64)))
    report = load_pretrained(model, tmp_path / "model.safetensors", source=SMALL)
    assert report.interpolated == {"encoder.positions.weight": "(37, 48) -> (97, 48)"}


def test_a_stranger_is_refused_with_the_layouts_known(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.safetensors")
    with pytest.raises(CheckpointError, match=r"expected a layout of ViViT \(.*scenic.*\), got .* conv1.weight"):
        load_pretrained(ViViT(SMALL), tmp_path / "resnet.safetensors")


def test_conversion_and_its_command(hugging_face: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "small", replace(MODELS["vivit_base_model1"], config=replace(SMALL, num_classes=400)))
    save_file(hugging_face.state, tmp_path / "hub.safetensors")
    arguments = ["convert-weights", str(tmp_path / "hub.safetensors"), "--model", "small", "--out"]
    result = CliRunner().invoke(main, [*arguments, str(tmp_path / "ours.safetensors")])
    assert result.exit_code == 0, result.output
    assert "Hugging Face transformers 4.x: 56 tensors into 44" in result.output
    model = ViViT(SMALL)
    assert load_pretrained(model, tmp_path / "ours.safetensors").layout == "videotx"
    answers(model, hugging_face)

    result = CliRunner().invoke(main, [*arguments, str(tmp_path / "x"), "--resolution", "32", "32"])
    assert result.exit_code == 1
    assert "encoder.positions.weight: expected (17, 48), got (37, 48)" in result.output
    assert not (tmp_path / "x").exists()
    with pytest.raises(ValueError, match=r"expected one of vivit_base_model1, .*, got 'resnet'"):
        convert_weights(tmp_path / "hub.safetensors", "resnet", tmp_path / "x")


def test_models_are_listed() -> None:
    result = CliRunner().invoke(main, ["models", "vidtr"])
    lines = result.output.splitlines()
    assert len(lines) == 1 + sum("vidtr" in name for name in MODELS)
    assert " ".join(lines[1].split()) == "vidtr_small 87.5 158.2 8 x 8 224 x 224 77.7 Kinetics-400 arXiv 2104.11746"
