"""The shared layers against closed forms and torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from videotx.models.layers.attention import Attention
from videotx.models.layers.depthwise import depthwise_conv3d
from videotx.models.layers.drop_path import DropPath, drop_path_rates
from videotx.models.layers.head import Head
from videotx.models.layers.positions import PositionTable, resize_grid
from videotx.models.layers.tubelet import TubeletEmbedding
from videotx.models.vidtr import BorderedPositionTable

sizes = st.integers(1, 5)
grids = st.tuples(sizes, sizes, sizes)


def test_tubelets_are_a_convolution_with_stride_equal_to_kernel() -> None:
    embedding = TubeletEmbedding((2, 4, 8), 5)
    torch.nn.init.normal_(embedding.bias)
    rgb = torch.randn(2, 3, 6, 8, 24)
    expected = F.conv3d(rgb, embedding.weight, embedding.bias, stride=(2, 4, 8)).permute(0, 2, 3, 4, 1)
    torch.testing.assert_close(embedding(rgb), expected, rtol=1e-5, atol=1e-5)


def test_padded_tubelets_see_zeros_behind_the_end() -> None:
    padded, exact = TubeletEmbedding((2, 4, 4), 5, pad=True), TubeletEmbedding((2, 4, 4), 5)
    exact.load_state_dict(padded.state_dict())
    rgb = torch.randn(1, 3, 3, 7, 9)
    torch.testing.assert_close(padded(rgb), exact(F.pad(rgb, (0, 3, 0, 1, 0, 1))))


def test_a_clip_that_does_not_divide_into_tubelets_is_refused() -> None:
    with pytest.raises(ValueError, match=r"frames, height and width are multiples of 2, 4 and 4, got 3, 8 and 8"):
        TubeletEmbedding((2, 4, 4), 5)(torch.zeros(1, 3, 3, 8, 8))


def test_attention_is_the_formula_with_its_mask() -> None:
    attention = Attention(12, 3).double()
    x = torch.randn(2, 4, 5, 12, dtype=torch.float64)
    bias = torch.randn(3, 5, 5, dtype=torch.float64)
    q, k, v = (y.unflatten(-1, (3, 4)).transpose(2, 3) for y in attention.qkv(x).chunk(3, -1))
    weights = (q @ k.transpose(-2, -1) / 2 + bias).softmax(-1)
    expected = attention.proj((weights @ v).transpose(2, 3).flatten(3))
    torch.testing.assert_close(attention(x, bias), expected)
    alone = attention(x, torch.eye(5, dtype=torch.bool))
    torch.testing.assert_close(alone, attention.proj(attention.qkv(x)[..., 24:]))


def test_drop_path_keeps_or_drops_whole_samples_and_the_mean() -> None:
    torch.manual_seed(0)
    layer = DropPath(0.25)
    dropped = layer(torch.ones(20_000, 2, 3))
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert torch.equal(dropped.amin((1, 2)), dropped.amax((1, 2)))
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(layer.eval()(torch.ones(4, 2)), torch.ones(4, 2))
    assert drop_path_rates(0.3, 4) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"expected a rate in \[0, 1\), got 1.0"):
        DropPath(1.0)


def test_a_head_needs_classes() -> None:
    with pytest.raises(ValueError, match="expected at least one class"):
        Head(4, {"verb": 3, "noun": 0})


@settings(deadline=None, max_examples=40)
@given(grids, grids)
def test_resizing_keeps_constants_and_axes_apart(old: tuple[int, int, int], new: tuple[int, int, int]) -> None:
    constant = torch.arange(3.0).expand(*old, 3)
    torch.testing.assert_close(resize_grid(constant, new), torch.arange(3.0).expand(*new, 3), rtol=1e-5, atol=1e-5)
    values = torch.randn(*old, 2)
    turned = resize_grid(values.transpose(1, 2), (new[0], new[2], new[1])).transpose(1, 2)
    torch.testing.assert_close(resize_grid(values, new), turned, rtol=1e-4, atol=1e-5)
    assert torch.equal(resize_grid(values, old), values)


def test_time_is_interpolated_linearly_between_centres() -> None:
    values = torch.tensor([0.0, 4.0])[:, None, None, None]
    assert resize_grid(values, (4, 1, 1)).flatten().tolist() == [0.0, 1.0, 3.0, 4.0]


def test_the_prefix_of_a_table_is_left_alone() -> None:
    table = PositionTable((2, 2, 2), 3, num_prefix=1)
    resized = table((4, 3, 2))
    assert resized.shape == (25, 3)
    assert torch.equal(resized[0], table.weight[0])
    assert table((2, 2, 2)) is table.weight


def test_class_tokens_border_the_positions_of_vidtr() -> None:
    """A table made of one number per time step, place and corner keeps that form at any other size."""
    table = BorderedPositionTable((2, 2, 2), 1)
    with torch.no_grad():
        grid = table.weight.view(3, 5)
        grid.fill_(1.0)
        grid[0, 1:], grid[1:, 0], grid[0, 0] = 2.0, 3.0, 4.0
    resized = table((4, 3, 2)).detach().view(5, 7)
    assert float(resized[0, 0]) == 4.0
    torch.testing.assert_close(resized[0, 1:], torch.full((6,), 2.0))
    torch.testing.assert_close(resized[1:, 0], torch.full((4,), 3.0))
    torch.testing.assert_close(resized[1:, 1:], torch.ones(4, 6))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((3, 3, 3), (1, 1, 1), (1, 1, 1)),
        ((3, 6, 6), (1, 4, 4), (1, 1, 1)),
        ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        ((3, 3, 3), (1, 2, 1), (2, 0, 3)),
        ((5, 1, 2), (1, 1, 2), (0, 0, 0)),
        ((15, 1, 1), (1, 1, 1), (7, 0, 0)),  # longer than the clip
    ],
)
def test_depthwise_convolution_and_its_gradients(
    dtype: torch.dtype,
    channels_last: bool,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> None:
    x = torch.randn(2, 5, 6, 9, 8, dtype=dtype)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last_3d)
    weight = torch.randn(5, 1, *kernel, dtype=dtype)
    x, weight = x.requires_grad_(), weight.requires_grad_()
    exact = [tensor.detach().double().requires_grad_() for tensor in (x, weight)]
    ours = depthwise_conv3d(x, weight, stride, padding)
    theirs = torch.nn.functional.conv3d(*exact, None, stride, padding, groups=5)
    upstream = torch.randn_like(theirs).to(dtype)
    of_ours = torch.autograd.grad(ours, (x, weight), upstream)
    of_theirs = torch.autograd.grad(theirs, exact, upstream.double())
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    for a, b in zip((ours, *of_ours), (theirs, *of_theirs), strict=True):
        assert a.dtype == dtype
        assert float(((a.double() - b).norm() / b.norm()).detach()) < tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_depthwise_convolution_is_an_operator_as_torch_wants_it(dtype: torch.dtype) -> None:
    x = torch.randn(2, 5, 4, 6, 7, dtype=dtype).contiguous(memory_format=torch.channels_last_3d).requires_grad_()
    weight = torch.randn(5, 1, 3, 3, 3, dtype=dtype, requires_grad=True)
    torch.library.opcheck(torch.ops.videotx.depthwise_conv3d_cpu, (x, weight, (1, 2, 2), (1, 1, 1)))


def test_a_depthwise_convolution_skips_no_frames() -> None:
    with pytest.raises(ValueError, match="stride of 1 over frames, got 2"):
        depthwise_conv3d(torch.zeros(1, 2, 4, 4, 4), torch.zeros(2, 1, 3, 3, 3), (2, 1, 1), (1, 1, 1))
