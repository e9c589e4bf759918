"""What a model is fed: a tensor, or any object that carries one with its motion beside it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Clip(Protocol):
    """A batch of clips. ``rgb`` is float (b, 3, t, h, w), normalised as the model wants it."""

    @property
    def rgb(self) -> Tensor: ...


@runtime_checkable
class MotionClip(Clip, Protocol):
    """A batch of clips with what the encoder knew about their motion; the fields are those of `Motion`."""

    @property
    def displacement(self) -> Tensor: ...

    @property
    def valid(self) -> Tensor: ...

    @property
    def residual(self) -> Tensor: ...


class Motion(NamedTuple):
    """Motion between the sampled frames of a clip, per patch; t and t' both count sampled frames.

    ``displacement`` float (b, t, t', rows, columns, 2): pixels of the RGB crop, (x, y), from the patch in frame t to
    where it lies in frame t'. ``valid`` bool (b, t, t', rows, columns): False where the displacement is not known.
    ``residual`` float (b, t, t', rows, columns, 6): mean (3) and mean absolute value (3) of the RGB residual along that
    path.
    """

    displacement: Tensor
    valid: Tensor
    residual: Tensor
