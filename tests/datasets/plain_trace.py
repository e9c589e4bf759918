"""What `trace` does, said again in NumPy without a thought for speed: cell by cell fields, one point set at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EDGE, CONTRADICTION, LEAST_KNOWN, FURTHEST = 0.5, 1.5, 0.2, 16
UNKNOWN = -128


@dataclass
class Field:
    """Velocities (row, column, xy) in samples a frame, and 1 / the frames they are the mean over, 0 where unknown."""

    velocity: np.ndarray
    rate: np.ndarray

    @property
    def speaks(self) -> bool:
        return bool(self.rate.any())

    def at(self, row: np.ndarray, column: np.ndarray) -> Field:
        return Field(self.velocity[row, column], self.rate[row, column])


def sides(mv: np.ndarray, ref: np.ndarray) -> tuple[Field, Field]:
    """What the two lists of one frame say about the time before it and after it."""
    found = []
    for sign in (-1, 1):
        field = Field(np.zeros((*ref.shape[1:], 2), np.float32), np.zeros(ref.shape[1:], np.float32))
        for vectors, distance in zip(mv, ref.astype(np.float32), strict=True):
            says = (distance * sign > 0) & (distance != UNKNOWN)
            over = np.where(says, distance, 1)
            velocity = (vectors / np.float32(4) / over[..., None]).astype(np.float32)
            rate = np.where(says, 1 / np.abs(over), 0).astype(np.float32)
            share = np.where(says & (rate > field.rate), 1, np.where(says & (rate == field.rate), 0.5, 0))
            field.velocity += share[..., None].astype(np.float32) * (velocity - field.velocity)
            field.rate = np.maximum(field.rate, rate)
        found.append(field)
    return found[0], found[1]


@dataclass
class Tracer:
    mv: np.ndarray
    ref: np.ndarray
    block: int = 8

    def __post_init__(self) -> None:
        self.past, self.future = zip(*(sides(*frame) for frame in zip(self.mv, self.ref, strict=True)), strict=True)
        rows, columns = self.ref.shape[2:]
        y, x = np.mgrid[:rows, :columns]
        self.centres = ((np.stack([x, y], -1) + 0.5) * self.block).astype(np.float32)
        self.reach = [self._reach(field) for field in self.past]

    def _reach(self, field: Field) -> int:
        distances = np.sort(1 / field.rate[field.rate > 0])[::-1]
        half = -(-field.rate.size // 2)
        return min(round(float(distances[half - 1])), FURTHEST) if len(distances) >= half else 0

    def cell(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        column, row = np.moveaxis(np.trunc(position / self.block).astype(int), -1, 0)
        rows, columns = self.ref.shape[2:]
        return np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)

    def pull(self, field: Field, away: int, guess: np.ndarray) -> Field:
        """What a picture ``away`` frames on says about each block: v = field(centre + away * v), from a guess."""
        first = field.at(*self.cell(self.centres + np.float32(away) * guess))
        better = np.where((first.rate == 0)[..., None], guess, first.velocity)
        return field.at(*self.cell(self.centres + np.float32(away) * better))

    def known(self, own: Field, behind: Field, opposite: Field, away: int) -> Field:
        out = Field(own.velocity.copy(), own.rate.copy())
        if opposite.speaks:
            guess = np.where((own.rate == 0)[..., None], behind.velocity, own.velocity)
            found = self.pull(opposite, away, guess)
            better = (own.rate < 1) & (found.rate > own.rate)
            out.velocity[better], out.rate[better] = found.velocity[better], found.rate[better]
        return out

    def take_further(self, out: Field, further: Field, away: int, highest_rate: float, steady: bool) -> None:
        unknown = out.rate == 0
        found = self.pull(further, away, np.where(unknown[..., None], further.velocity, out.velocity))
        usable = (found.rate > 0) & (found.rate <= highest_rate)
        apart = np.abs(found.velocity - out.velocity).sum(-1)
        mixed = out.rate**2 / (out.rate**2 + found.rate**2 + np.float32(1e-20))
        agreed = usable & ~unknown & (apart < CONTRADICTION) & (found.rate < out.rate) & steady
        share = np.where(usable & unknown, 1, np.where(agreed, mixed, 0)).astype(np.float32)
        out.velocity += share[..., None] * (found.velocity - out.velocity)
        out.rate = np.where(usable & unknown, found.rate, out.rate)

    def link(self, first: int) -> tuple[Field, Field] | None:
        """Velocities between frame ``first`` and the next on the grid of either, or None for a cut."""
        past, future = self.past, self.future
        pair = (
            self.known(future[first], past[first], past[first + 1], 1),
            self.known(past[first + 1], future[first + 1], future[first], -1),
        )
        count = len(self.ref)
        anchors = [away for away in range(1, FURTHEST) if first + 1 + away < count]
        anchors = [away for away in anchors if self.reach[first + 1 + away] > away]
        if anchors:
            away = max(anchors, key=lambda away: (self.reach[first + 1 + away], -away))
            rate = 1.001 / (away + 1)
            self.take_further(pair[0], past[first + 1 + away], away + 1, rate, True)
            self.take_further(pair[1], past[first + 1 + away], away, rate, True)
        cells = pair[0].rate.size
        for away in range(1, FURTHEST + 1):
            if 2 * sum((field.rate == 0).sum() for field in pair) <= cells:
                break
            rate = 1.001 / (away + 1)
            if first + 1 + away < count:
                self.take_further(pair[0], past[first + 1 + away], away + 1, rate, False)
                self.take_further(pair[1], past[first + 1 + away], away, rate, False)
            if first - away >= 0:
                self.take_further(pair[0], future[first - away], -away, rate, False)
                self.take_further(pair[1], future[first - away], -away - 1, rate, False)
        if sum((field.rate > 0).sum() for field in pair) < LEAST_KNOWN * 2 * cells:
            return None
        for field in pair:
            close_holes(field)
        return pair

    def follow(self, start: int, end: int, points: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
        """Points (n, xy) of frame ``start`` in frame ``end``: displacement, sound (n,), steps that were filled (n,)."""
        at, sound, filled = points.astype(np.float32), np.ones(len(points), bool), np.zeros(len(points))
        rows, columns = self.ref.shape[2:]
        ahead = end > start
        for frame in range(start, end) if ahead else range(start - 1, end - 1, -1):
            link = self.link(frame)
            if link is None:
                sound[:] = False
                continue
            field = link[0 if ahead else 1]
            grid = np.maximum(at / self.block - 0.5, 0)
            corner = np.minimum(np.trunc(grid).astype(int), (columns - 1, rows - 1))
            weight = np.where(grid < (columns - 1, rows - 1), grid - corner, 0).astype(np.float32)
            (left, top), (u, v) = corner.T, weight.T[..., None]
            right, below = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
            velocity = field.velocity
            west = (1 - v) * velocity[top, left] + v * velocity[below, left]
            east = (1 - v) * velocity[top, right] + v * velocity[below, right]
            mean = (1 - u) * west + u * east
            nearest = (np.where(weight[:, 1] >= 0.5, below, top), np.where(weight[:, 0] >= 0.5, right, left))
            own = velocity[nearest]
            edge = np.abs(mean - own).sum(-1) > EDGE
            at = (at + (1 if ahead else -1) * np.where(edge[:, None], own, mean)).astype(np.float32)
            sound &= ((at >= 0) & (at <= (size[1], size[0]))).all(-1)
            filled += field.rate[nearest] == 0
        return at - points, sound, filled


def close_holes(field: Field) -> None:
    """Unknown cells take the mean of their known neighbours, ring by ring; their rates stay 0."""
    known = field.rate > 0
    while not known.all():
        closing = []
        for row, column in np.argwhere(~known):
            around = (slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2))
            if known[around].any():
                closing.append((row, column, field.velocity[around][known[around]].mean(0)))
        if not closing:
            break  # nothing is known at all
        for row, column, mean in closing:
            field.velocity[row, column] = mean
            known[row, column] = True
