"""The length of a song's description by loops: what decides which loops there are.

A bin followed through the bars, x [bars], is described as x = D s + r: contents s of the bar types and what is left
over. Every number costs the logarithm of its power above a floor,

    L(D) = sum over bins of [ kappa * sum_types log(1 + |s|^2 / f) + sum_bars log(1 + |r|^2 / f) ]

so one content that replaces many bars pays, silence is free, what does not repeat (a voice, a fill) costs the same
whether it is called content or left over and so attracts no loops, and the contents of a right layout are sparser than
those of any other. No rank is assumed: more types than independent rows are fine. s minimises the same cost, by
iteratively reweighted least squares with a falling floor (Candes, Wakin and Boyd 2008; Chartrand and Yin 2008).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.compiled import compiled
from core.votes import Bins

Matrix = NDArray[np.float32]

KAPPA = 1.5  # contents cost more than left-overs, so that a type must return to pay for itself
FLOOR = 1e-3  # of a bin's mean power: -30 dB is as good as explained
CANCELLING = 4.0  # times the cost of a content that only undoes another: sounds do not cancel each other in music
SILENCED = 0.1  # power left of two contents that cancel
GLANCE = 4
FALL = np.logspace(2.5, 0.0, 6, dtype=np.float32)  # times the floor: one step of the search each


@dataclass(frozen=True)
class Description:
    """Bins described by types.

    Attributes:
        lengths: nats of each bin, [bins].
        contents: s, complex [bins, types].
        residual: r, complex [bins, bars].
    """

    lengths: NDArray[np.float32]
    contents: Bins
    residual: Bins

    @property
    def length(self) -> float:
        """Mean nats a bin."""
        return float(self.lengths.mean())


@dataclass(frozen=True)
class Coder:
    """Describes a fixed set of bins, complex [bins, bars], by any layout's types."""

    bins: Bins
    floor: Matrix

    @property
    def bars(self) -> int:
        return int(self.bins.shape[1])

    def cost(self, values: Bins) -> Matrix:
        """log(1 + |value|^2 / floor), [bins, ...]."""
        power = np.square(values.real) + np.square(values.imag)
        result: Matrix = np.log1p(power / self.floor[:, None])
        return result

    @cached_property
    def empty(self) -> Description:
        """No loops at all."""
        return Description(self.cost(self.bins).sum(axis=1), self.bins[:, :0], self.bins)

    @cached_property
    def glance(self) -> "Coder":
        """A coder of every `GLANCE`-th bin, for a first look at what a layout may be worth."""
        return Coder(self.bins[::GLANCE], self.floor[::GLANCE])

    def describe(self, types: Matrix) -> Description:
        """The shortest description by types [bars, types]."""
        gram = types.T @ types + np.float32(1e-2) * np.eye(types.shape[1], dtype=np.float32)
        contents: Bins = ((self.bins @ types) @ np.linalg.inv(gram)).astype(np.complex64)
        _reweight(self.bins, types, self.floor, FALL, contents)
        residual = self.bins - contents @ types.T
        length = self.cost(residual).sum(axis=1) + KAPPA * self.cost(contents).sum(axis=1)
        length += CANCELLING * KAPPA * self._cancelled(contents, types.T @ types > 0)
        return Description(length, contents, residual)

    def _cancelled(self, contents: Bins, together: NDArray[np.bool_]) -> Matrix:
        """Cost of the contents that cancel each other where they sound together, [bins]."""
        total = np.zeros(len(contents), dtype=np.float32)
        cost = self.cost(contents)
        power = np.square(np.abs(contents))
        for one in range(contents.shape[1] - 1):
            others = one + 1 + np.flatnonzero(together[one, one + 1 :])
            left = np.square(np.abs(contents[:, one, None] + contents[:, others]))
            gone = left < SILENCED * np.minimum(power[:, one, None], power[:, others])
            total += (gone * np.minimum(cost[:, one, None], cost[:, others])).sum(axis=1)
        return total


@compiled
def _reweight(bins: Bins, types: Matrix, floor: Matrix, fall: Matrix, contents: Bins) -> None:
    """Iteratively reweighted least squares in every bin, in place of the contents that it starts from.

    Each step solves (D' W D + U) s = D' W x, with W and U the inverse powers of left-overs and contents after the last
    one. Compiled because a step is many small systems, and most types are silent in most bars.
    """
    bars, count = types.shape
    sounding = np.zeros(bars, dtype=np.intp)
    here = np.zeros((bars, count), dtype=np.intp)
    for bar in range(bars):
        for t in range(count):
            if types[bar, t] != 0:
                here[bar, sounding[bar]] = t
                sounding[bar] += 1
    system = np.empty((count, count), dtype=np.float32)
    right = np.empty((2, count), dtype=np.float32)
    for n in range(len(bins)):
        for share in fall:
            f = floor[n] * share
            system[:] = 0
            right[:] = 0
            for bar in range(bars):
                x = bins[n, bar]
                left = x
                for i in range(sounding[bar]):
                    t = here[bar, i]
                    left -= types[bar, t] * contents[n, t]
                weight = 1 / (left.real**2 + left.imag**2 + f)
                for i in range(sounding[bar]):
                    row = here[bar, i]
                    weighted = weight * types[bar, row]
                    right[0, row] += weighted * x.real
                    right[1, row] += weighted * x.imag
                    for j in range(i, sounding[bar]):
                        column = here[bar, j]
                        system[row, column] += weighted * types[bar, column]
            for t in range(count):
                s = contents[n, t]
                system[t, t] += KAPPA / (s.real**2 + s.imag**2 + f)
            _solve(system, right)
            for t in range(count):
                contents[n, t] = complex(right[0, t], right[1, t])


@compiled
def _solve(system: Matrix, right: Matrix) -> None:
    """A x = b for a positive A given by its upper triangle, and each row b of `right`: x in its place.

    Cholesky's factor takes A's place, row by row, with the inverse of its diagonal on the diagonal.
    """
    count = len(system)
    for i in range(count):
        scale = 1 / np.sqrt(max(system[i, i], np.float32(1e-30)))
        for k in range(i + 1, count):
            system[i, k] *= scale
        system[i, i] = scale
        for j in range(i + 1, count):
            share = system[i, j]
            for k in range(j, count):
                system[j, k] -= share * system[i, k]
    for r in range(len(right)):
        for i in range(count):
            right[r, i] *= system[i, i]
            for k in range(i + 1, count):
                right[r, k] -= system[i, k] * right[r, i]
        for i in range(count - 1, -1, -1):
            for k in range(i + 1, count):
                right[r, i] -= system[i, k] * right[r, k]
            right[r, i] *= system[i, i]


def coder(bins: Bins, slack: NDArray[np.float32] | None = None) -> Coder:
    """A coder whose floor follows each bin's own level; `slack` [bins] raises it where repeats are not exact."""
    share = FLOOR if slack is None else FLOOR + slack
    return Coder(bins, (share * np.square(np.abs(bins)).mean(axis=1)).astype(np.float32))
