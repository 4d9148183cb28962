"""Where the bars start, to the sample, from what changes: loops are switched at bar lines.

The difference between the sound and itself some bars earlier is silent until a loop is switched, and sounds for whole
bars from then on. Cut into bars at the right place, it has the most silent bars: the sum over bars of the logarithm of
the difference's energy is least there, and jumps as soon as the cut misses the first sample of a switch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from core.audio.clip import Samples
from core.base.threads import in_order

LAGS = (1, 2, 4)  # bars to compare over: loops of these lengths are silent in the difference
SILENT = 1e-5  # of the sound's own energy, -50 dB: below it silence is silence
AFTER = 0.001  # seconds within which a loop's first hit rises
COARSE = 0.001  # seconds between the places of a first look
CLOSE = 0.005  # seconds around each of them looked at to the sample
PLACES = 8
HIT = 0.005  # seconds before and after a hit that are compared
JUMP = 0.7  # least mean of a hit's jump, a factor of 2 in energy


@dataclass(frozen=True)
class Move:
    """By how much bars should move.

    Attributes:
        frames: the move.
        cliff: by how much the cost rises within `AFTER` of it; 1 is a factor of e in the silence of one bar.
        gain: by how much the moved bars are better than the given ones.
    """

    frames: float
    cliff: float
    gain: float


class Changes:
    """The differences of a signal [frames] with itself 1, 2 and 4 bars earlier, ready to be cut into bars."""

    def __init__(self, mono: Samples, bar_frames: float, rate: int) -> None:
        self._rate = rate
        self._reference = float(np.square(mono).mean(dtype=np.float64)) * bar_frames + 1e-30
        self._most = int(len(mono) / bar_frames)
        lags = [lag for lag in LAGS if lag + 3 < self._most]
        sums = in_order(lambda lag: _running(_difference(mono, lag * bar_frames, rate)), lags)
        self._sums = dict(zip(lags, sums, strict=True))

    def cost(self, starts: NDArray[np.float64], moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far from silent bars [bars + 1] are on the whole when they are moved, [moves]."""
        total = np.zeros(len(moves))
        edges = np.round(starts + moves[:, None]).astype(np.int64)
        for lag, sums in self._sums.items():
            # The first bars have nothing to be compared with, and the last may lack its end.
            places = np.clip(edges[:, lag + 1 : -1], 0, len(sums) - 1)
            energies = np.diff(sums[places], axis=1) / self._reference
            total += np.log(energies + SILENT).sum(axis=1)
        return total

    def best_move(self, starts: NDArray[np.float64], reach: float, *, price: float = 0.0, free: float = 0.0) -> Move:
        """The move of bars [bars + 1] by at most `reach` frames that makes their starts the likeliest bar lines.

        Args:
            price: cost of a move by more than `free` frames.
        """
        close = reach <= CLOSE * self._rate
        moves = np.arange(-int(reach), reach + 1.0) if close else self._promising(starts, reach)
        worth, cliffs = self._worth(starts, np.append(moves, 0.0))
        worth[:-1] -= price * (np.abs(moves) > free)
        best = int(np.argmax(worth[:-1]))
        return Move(float(moves[best]), float(cliffs[best]), float(worth[best] - worth[-1]))

    def _worth(
        self, starts: NDArray[np.float64], moves: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How good bar lines these are, and the cliffs after them: just before a cliff, where the cost is low."""
        costs = self.cost(starts, moves)
        cliffs = self.cost(starts, moves + AFTER * self._rate) - costs
        return cliffs - costs, cliffs

    def _promising(self, starts: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
        """Moves, sorted, around none and around the best of a coarse look."""
        looks = np.round(np.arange(-reach, reach, COARSE * self._rate))
        costs = self.cost(starts, looks)
        close = round(CLOSE * self._rate)
        found = [np.arange(-close, close + 1.0)]
        for _ in range(PLACES):
            best = int(np.argmin(costs))
            found.append(looks[best] + np.arange(-close, close + 1.0))
            costs[np.abs(looks - looks[best]) <= close] = np.inf
        return np.unique(np.concatenate(found))


def first_hits(mono: Samples, starts: NDArray[np.float64], reach: float, rate: int) -> float:
    """By how many frames, within `reach`, bars [bars] must move to start with their first hits; 0 where there are none.

    For songs in which nothing falls silent: on the mean over the bars, the sound jumps up there.
    """
    sums = _running(np.square(mono))
    moves = np.arange(-int(reach), reach + 1.0)
    width = round(HIT * rate)
    floor = SILENT * sums[-1] / len(mono) * width
    places = np.clip(np.round(starts)[None, :] + moves[:, None], width, len(mono) - width).astype(np.int64)
    before, after = sums[places] - sums[places - width], sums[places + width] - sums[places]
    jumps = np.log((after + floor) / (before + floor)).mean(axis=1)
    return float(moves[np.argmax(jumps)]) if jumps.max() > JUMP else 0.0


def _difference(mono: Samples, lag: float, rate: int) -> Samples:
    """Energy of the signal minus itself `lag` frames earlier, [frames]; 0 before there is any earlier.

    Clips that repeat at a fraction of a frame lie on the frame before or after it or, shifted, between: whichever
    leaves least over a millisecond counts.
    """
    before = int(np.floor(lag))
    part = np.float32(lag - before)
    now = mono[before + 1 :]
    early, late = now - mono[: len(now)], now - mono[1 : len(now) + 1]
    if part in (0.0, 1.0) or min(part, 1 - part) < 1e-3 * lag / rate:
        energies = [np.square(late if part < 0.5 else early)]
    else:
        energies = [np.square(early), np.square(late), np.square(part * early + (1 - part) * late)]
    energy = energies[0]
    if len(energies) > 1:
        width = int(COARSE * rate)
        least = np.argmin([uniform_filter1d(each, width) for each in energies], axis=0)
        energy = np.choose(least, energies)
    return np.concatenate([np.zeros(before + 1, dtype=np.float32), energy])


def _running(energy: Samples) -> NDArray[np.float64]:
    """Sums of all before each frame, [frames + 1]."""
    return np.concatenate([[0.0], np.cumsum(energy, dtype=np.float64)])
