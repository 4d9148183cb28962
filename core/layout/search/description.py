"""The length of a song's description by loops. It decides which loops a song has.

A bin over the bars, x [bars], is described as x = D s + r: the contents s of the bar types, and the residual r. Every
number costs the logarithm of its power above a floor,

    L(D) = sum over bins of [ kappa * sum over bar types of log(1 + |s|^2 / f) + sum over bars of log(1 + |r|^2 / f) ]

One content that replaces many bars makes the description shorter. Silence costs nothing. Sound that does not repeat (a
voice, a fill) is no cheaper as content than as residual, so it attracts no loops. The contents of the right layout are
sparser than those of any other. No rank is assumed: there may be more bar types than independent rows. s minimises the
same cost, by iteratively reweighted least squares with a falling floor (Candes, Wakin and Boyd 2008; Chartrand and Yin
2008).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.base.weighted_least_squares import cancelled, power_left, solve
from core.layout.evidence.bins import Bins

Matrix = NDArray[np.float32]

KAPPA = 1.5  # contents cost more than residuals, so that a bar type must return to shorten the description
POWER_FLOOR = 1e-3  # of a bin's mean power: -30 dB counts as explained
CANCELLING = 1.0  # times the cost of a content that only cancels another: sounds in music seldom cancel each other
SILENCED = 0.1  # share of the power that is left of two contents that cancel
GLANCE = 4  # a glance describes every so many-th bin
FALL = np.logspace(2.5, 0.0, 6, dtype=np.float32)  # times the floor, for each step of the reweighting


@dataclass(frozen=True)
class Description:
    """Bins described by bar types.

    Attributes:
        lengths: the length of each bin's description in nats, [bins].
        contents: s, complex [bins, bar types].
        residual: r, complex [bins, bars].
    """

    lengths: NDArray[np.float32]
    contents: Bins
    residual: Bins

    @property
    def length(self) -> float:
        """The mean length in nats per bin."""
        return float(self.lengths.mean())


@dataclass(frozen=True)
class Coder:
    """Describes a fixed set of bins, complex [bins, bars], by the bar types of any layout."""

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
        """The empty description: no loops, all residual."""
        return Description(self.cost(self.bins).sum(axis=1), self.bins[:, :0], self.bins)

    @cached_property
    def glance(self) -> "Coder":
        """A coder of every `GLANCE`-th bin, for a fast estimate of what a layout saves."""
        return Coder(self.bins[::GLANCE], self.floor[::GLANCE])

    def describe(self, bar_types: Matrix) -> Description:
        """The shortest description by these bar types, [bars, bar types]."""
        bar_types = np.ascontiguousarray(bar_types)
        gram = bar_types.T @ bar_types + np.float32(1e-2) * np.eye(bar_types.shape[1], dtype=np.float32)
        cells = self._cells
        found = np.ascontiguousarray(np.tensordot(np.linalg.inv(gram) @ bar_types.T, cells, axes=1))
        for share in FALL:
            floor = self.floor * share
            weights = 1 / (power_left(cells, bar_types, found) + floor)
            solve(cells, bar_types, weights, np.float32(KAPPA) / (np.square(found).sum(axis=1) + floor), found)
        contents = (found[:, 0] + np.complex64(1j) * found[:, 1]).T
        residual = self.bins - contents @ bar_types.T
        costs = self.cost(contents)
        length = self.cost(residual).sum(axis=1) + KAPPA * costs.sum(axis=1)
        length += CANCELLING * KAPPA * cancelled(found, costs.T, bar_types.T @ bar_types > 0, np.float32(SILENCED))
        return Description(length, contents, residual)

    @cached_property
    def _cells(self) -> Matrix:
        """The bins as `core.base.weighted_least_squares` needs them, [bars, real and imaginary part, bins]."""
        return np.ascontiguousarray(np.stack([self.bins.real.T, self.bins.imag.T], axis=1))


def coder(bins: Bins, slack: NDArray[np.float32] | None = None) -> Coder:
    """A coder whose floor is relative to each bin's own power. `slack` [bins] raises it where repeats are not exact."""
    share = POWER_FLOOR if slack is None else POWER_FLOOR + slack
    return Coder(bins, (share * np.square(np.abs(bins)).mean(axis=1)).astype(np.float32))
