"""Where the bars start, to the sample, from changes in the sound: loops start and stop at bar lines.

Subtract from the sound the sound some bars earlier. The difference is silent until a loop starts or stops; then it
sounds for whole bars. The right bar lines cut this difference into the most silent bars: the sum over bars of the
logarithm of the difference's energy is least there. It jumps as soon as a bar line comes after the first sample of a
loop that starts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from core.audio.clip import Samples
from core.base.threads import in_order

LAGS = (1, 2, 4)  # bars between the sound and the subtracted sound: loops of these lengths cancel
SILENT = 1e-5  # of the sound's mean energy in a bar, -50 dB: added to energies, so all silent bars count alike
AFTER = 0.001  # seconds: the first hit of a loop rises within this time
COARSE = 0.001  # seconds between the moves of the first, coarse search
CLOSE = 0.005  # seconds around the best coarse moves that are searched to the sample
PLACES = 8  # the number of coarse moves that are searched further
HIT = 0.005  # seconds before and after a hit whose energies are compared
JUMP = 0.7  # least mean over bars of the log of that ratio: a factor of 2 in energy (log 2 = 0.69)


@dataclass(frozen=True)
class Move:
    """A move of all bars.

    Attributes:
        frames: how far the bars move.
        cliff: the rise of the cost when they move by `AFTER` more; 1 is a factor of e in the energy of one bar.
        gain: how much better the moved bars are than the given ones, in the same unit.
    """

    frames: float
    cliff: float
    gain: float


class Changes:
    """The differences between a signal [frames] and itself 1, 2 and 4 bars earlier, as running sums of their energy."""

    def __init__(self, mono: Samples, bar_frames: float, rate: int) -> None:
        self._rate = rate
        self._reference = float(np.square(mono).mean(dtype=np.float64)) * bar_frames + 1e-30
        self._most = int(len(mono) / bar_frames)
        lags = [lag for lag in LAGS if lag + 3 < self._most]
        sums = in_order(lambda lag: _running(_difference(mono, lag * bar_frames, rate)), lags)
        self._sums = dict(zip(lags, sums, strict=True))

    def cost(self, starts: NDArray[np.float64], moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of log energies of the differences in bars [bars + 1], after each of the moves, [moves]."""
        total = np.zeros(len(moves))
        edges = np.round(starts + moves[:, None]).astype(np.int64)
        for lag, sums in self._sums.items():
            # The first bars have no earlier bar to compare with, and the last bar may be incomplete.
            places = np.clip(edges[:, lag + 1 : -1], 0, len(sums) - 1)
            energies = np.diff(sums[places], axis=1) / self._reference
            total += np.log(energies + SILENT).sum(axis=1)
        return total

    def best_move(self, starts: NDArray[np.float64], reach: float, *, price: float = 0.0, free: float = 0.0) -> Move:
        """The move of bars [bars + 1], by at most `reach` frames, to the likeliest bar lines.

        Args:
            price: the penalty for a move by more than `free` frames.
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
        """The quality of moved bar lines, cliff - cost, and the cliffs: good lines have a low cost before a cliff."""
        costs = self.cost(starts, moves)
        cliffs = self.cost(starts, moves + AFTER * self._rate) - costs
        return cliffs - costs, cliffs

    def _promising(self, starts: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
        """The moves to test, sorted: close to zero, and close to the best ones of a coarse search."""
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
    """How many frames, within `reach`, bars [bars] must move to start with their first hits; 0 if there are no hits.

    This is for songs in which nothing falls silent. At the right move, the mean jump in energy is largest.
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
    """The energy of the signal minus itself `lag` frames earlier, [frames]; 0 in the first `lag` frames.

    If the lag is no whole number, a repetition lies on the frame before, on the frame after, or, resampled, between
    them. In each millisecond the difference with the least energy is used.
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
    """The sum of all energies before each frame, [frames + 1]."""
    return np.concatenate([[0.0], np.cumsum(energy, dtype=np.float64)])
