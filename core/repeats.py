"""How well the bars of a clip repeat each other: the correlation of their spectra, at any shift between frames."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio import Samples

DISTANCES = (1, 2, 4, 8, 16)  # bars between those compared
SAME = 0.01  # bars whose lengths differ by more count as unlike


class BarSpectra:
    """The spectra of all bars of a signal [frames], complex64 [bars, frequencies]."""

    def __init__(self, mono: Samples, starts: NDArray[np.int64]) -> None:
        lengths = np.diff(starts)
        median = float(np.median(lengths))
        self._frames = scipy.fft.next_fast_len(int(median), real=True)
        bars = np.zeros((len(lengths), self._frames), dtype=np.float32)
        for bar in np.flatnonzero(np.abs(lengths / median - 1) <= SAME):
            piece = mono[starts[bar] : starts[bar] + min(int(lengths[bar]), int(median))]
            bars[bar, : len(piece)] = piece
        self._spectra: NDArray[np.complex64] = scipy.fft.rfft(bars, axis=1)

    def coherence(self, shifts: NDArray[np.float64] | None = None) -> float:
        """The share of the sound that returns 1, 2, 4, 8 or 16 bars later, the best of them, -1 to 1.

        Args:
            shifts: frames by which each bar starts later than its spectrum says, [bars].
        """
        spectra = self._spectra
        if shifts is not None and np.any(shifts):
            spectra = spectra * _turns(shifts, self._frames, spectra.shape[1])
        power = np.square(np.abs(spectra)).sum(axis=1, dtype=np.float64)
        found = [0.0]
        for distance in DISTANCES:
            if distance <= len(spectra) // 2:
                shared = np.vdot(spectra[distance:], spectra[:-distance]).real
                found.append(2 * float(shared) / float(power[distance:].sum() + power[:-distance].sum() + 1e-30))
        return max(found)


def _turns(shifts: NDArray[np.float64], frames: int, frequencies: int) -> NDArray[np.complex64]:
    """What a spectrum is multiplied with to be heard `shifts` frames earlier, [bars, frequencies]."""
    angles = 2 * np.pi * np.arange(frequencies) / frames
    turns: NDArray[np.complex64] = np.exp(1j * shifts[:, None] * angles).astype(np.complex64)
    return turns
