"""How well the bars of a clip repeat each other: the correlation of their spectra, at any shift between frames."""

from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.clip import Samples

DISTANCES = (1, 2, 4, 8, 16)  # bars from one bar to the bar that it is compared with
FRAMES = 4  # largest relative move of two bars when the rounding of their starts is tested
ROUNDS = 5  # of alignment, each against the mean of the round before
SAME = 0.01  # bars whose lengths differ by a larger share are counted as not alike


class BarSpectra:
    """The spectra of all bars of a signal [frames], complex64 [bars, frequencies]."""

    def __init__(self, mono: Samples, starts: NDArray[np.int64]) -> None:
        self._lengths = np.diff(starts)
        self._frames = scipy.fft.next_fast_len(int(self._lengths.max()), real=True)
        bars = np.zeros((len(self._lengths), self._frames), dtype=np.float32)
        for bar, (start, end) in enumerate(pairwise(starts)):
            bars[bar, : end - start] = mono[start:end]
        self._spectra: NDArray[np.complex64] = scipy.fft.rfft(bars, axis=1)

    def at_distances(self, shifts: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The correlation of bars with those 1, 2, 4, 8 and 16 bars later, up to half the song, [distances].

        Args:
            shifts: the frames by which each bar truly starts after the start of its spectrum, [bars].
        """
        spectra = self._spectra
        if shifts is not None and np.any(shifts):
            spectra = spectra * _turns(shifts, self._frames, spectra.shape[1])
        power = np.square(np.abs(spectra)).sum(axis=1, dtype=np.float64)
        found = []
        for distance in DISTANCES:
            if distance <= len(spectra) // 2:
                products = (np.conj(spectra[:-distance]) * spectra[distance:]).real.sum(axis=1)
                shared = products[np.abs(self._lengths[distance:] / self._lengths[:-distance] - 1) <= SAME].sum()
                found.append(2 * shared / (power[distance:].sum() + power[:-distance].sum() + 1e-30))
        return np.array(found, dtype=np.float64)

    def agreement(self, moves: NDArray[np.int64]) -> float:
        """The summed correlation of all bars with those 1, 2, 4, 8 and 16 later, each bar `moves` [bars] frames later.

        After the first call this is cheap. Relative moves are limited to `FRAMES`.
        """
        total = 0.0
        for distance, table in self._tables.items():
            delays = np.clip(moves[distance:] - moves[:-distance], -FRAMES, FRAMES) + FRAMES
            total += float(table[np.arange(len(table)), delays].sum())
        return total

    @cached_property
    def _tables(self) -> dict[int, NDArray[np.float32]]:
        """For each distance, the correlations of its pairs of bars at delays of -FRAMES to FRAMES."""
        near = np.arange(-FRAMES, FRAMES + 1)
        tables = {}
        for distance in DISTANCES:
            if distance <= len(self._spectra) // 2:
                pairs = zip(self._spectra[:-distance], self._spectra[distance:], strict=True)
                tables[distance] = np.array(
                    [scipy.fft.irfft(np.conj(early) * late, n=self._frames)[near] for early, late in pairs]
                )
        return tables

    def lateness(self, reach: int) -> NDArray[np.float64]:
        """How many frames each bar is late, at most `reach`, float64 [bars]; the median is 0.

        In each round, every bar is aligned with the mean of the others at the delay of the best correlation.
        """
        late = np.zeros(len(self._spectra))
        for _ in range(ROUNDS):
            turned = self._spectra * _turns(late, self._frames, self._spectra.shape[1])
            total = turned.sum(axis=0)
            for bar, spectrum in enumerate(self._spectra):
                shared = scipy.fft.irfft(np.conj(total - turned[bar]) * spectrum, n=self._frames)
                late[bar] = _peak(np.concatenate([shared[-reach - 1 :], shared[: reach + 2]])) - reach
            late -= np.median(late)
        return late


def best_of(correlations: NDArray[np.float64]) -> float:
    """The coherence of bars: the share of the sound that repeats, at the best of the distances, 0 to 1."""
    return max(0.0, float(correlations.max(initial=0.0)))


def _peak(values: NDArray[np.float32]) -> float:
    """The index of the highest inner value, counted from the second value; a parabola places it between samples."""
    best = int(np.argmax(values[1:-1])) + 1
    before, here, after = (float(value) for value in values[best - 1 : best + 2])
    bend = before - 2 * here + after
    return best - 1 + (0.5 * (before - after) / bend if bend < 0 and here >= max(before, after) else 0.0)


def _turns(shifts: NDArray[np.float64], frames: int, frequencies: int) -> NDArray[np.complex64]:
    """Phase factors that move the sound of a spectrum `shifts` frames earlier, [bars, frequencies]."""
    cycles = shifts[:, None] * (np.arange(frequencies) / frames)
    angles = (2 * np.pi * (cycles - np.round(cycles))).astype(np.float32)  # whole cycles would cost precision
    turns = np.empty(angles.shape, dtype=np.complex64)
    turns.real, turns.imag = np.cos(angles), np.sin(angles)
    return turns
