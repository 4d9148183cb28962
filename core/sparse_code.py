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

import numpy as np
from numpy.typing import NDArray

from core.votes import Bins

Matrix = NDArray[np.float32]

KAPPA = 1.5  # contents cost more than left-overs, so that a type must return to pay for itself
FLOOR = 1e-3  # of a bin's mean power: -30 dB is as good as explained
CANCELLING = 4.0  # times the cost of a content that only undoes another: sounds do not cancel each other in music
SILENCED = 0.1  # power left of two contents that cancel
ANNEALING = 2.5  # decades from which the floor falls


@dataclass(frozen=True)
class Description:
    """Bins described by types.

    Attributes:
        length: mean nats a bin.
        contents: s, complex [bins, types].
        residual: r, complex [bins, bars].
    """

    length: float
    contents: Bins
    residual: Bins


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

    def empty(self) -> Description:
        """No loops at all."""
        return Description(float(self.cost(self.bins).sum(axis=1).mean()), self.bins[:, :0], self.bins)

    def describe(self, types: Matrix, iterations: int = 6) -> Description:
        """The shortest description by types [bars, types]."""
        count = types.shape[1]
        pairs = (types[:, :, None] * types[:, None, :]).reshape(self.bars, count * count)
        gram = types.T @ types + np.float32(1e-2) * np.eye(count, dtype=np.float32)
        contents: Bins = ((self.bins @ types) @ np.linalg.inv(gram)).astype(np.complex64)
        for decade in np.linspace(ANNEALING, 0.0, iterations):
            contents = self._reweighted(types, pairs, contents, self.floor[:, None] * np.float32(10**decade))
        residual = self.bins - contents @ types.T
        length = self.cost(residual).sum(axis=1) + KAPPA * self.cost(contents).sum(axis=1)
        length += CANCELLING * KAPPA * self._cancelled(contents, types.T @ types > 0)
        return Description(float(length.mean()), contents, residual)

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

    def _reweighted(self, types: Matrix, pairs: Matrix, contents: Bins, floor: Matrix) -> Bins:
        """One step: (D' W D + U) s = D' W x in every bin, with W and U the inverse powers of the last step."""
        residual = self.bins - contents @ types.T
        count = types.shape[1]
        weights = 1 / (np.square(residual.real) + np.square(residual.imag) + floor)
        prior = KAPPA / (np.square(contents.real) + np.square(contents.imag) + floor)
        system = (weights @ pairs).reshape(-1, count, count)
        diagonal = np.arange(count)
        system[:, diagonal, diagonal] += prior
        right = (weights * self.bins) @ types
        solved = np.linalg.solve(system, np.stack([right.real, right.imag], axis=-1))
        return (solved[..., 0] + 1j * solved[..., 1]).astype(np.complex64)


def coder(bins: Bins, slack: NDArray[np.float32] | None = None) -> Coder:
    """A coder whose floor follows each bin's own level; `slack` [bins] raises it where repeats are not exact."""
    share = FLOOR if slack is None else FLOOR + slack
    return Coder(bins, (share * np.square(np.abs(bins)).mean(axis=1)).astype(np.float32))
