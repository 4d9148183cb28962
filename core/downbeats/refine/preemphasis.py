"""The signal that is used to refine bars: one channel with raised treble."""

import numpy as np
from numpy.typing import NDArray

from core.audio.clip import Samples

Starts = NDArray[np.float64]
EMPHASIS = 0.95  # one-tap whitening for the spectrum of music; causal, so attacks do not move
PADDING = 0.005  # seconds that may be missing from the first or the last bar


def emphasised(samples: Samples) -> Samples:
    """One channel [frames] with raised treble. The weights differ, so channels in opposite phase do not cancel."""
    mono = np.float32(0.8) * samples[0] + np.float32(0.6) * samples[-1]
    if len(samples) > 2:
        mono = mono + samples[1:-1].sum(axis=0)
    return np.asarray(np.diff(mono, prepend=mono[:1]) + np.float32(1 - EMPHASIS) * mono, dtype=np.float32)


def sounding(mono: Samples, starts: Starts) -> slice:
    """The slice of starts [bars + 1] from the first bar with sound to the end of the last bar with sound."""
    edges = np.clip(np.round(starts), 0, len(mono)).astype(np.int64)
    energies = np.add.reduceat(np.square(mono, dtype=np.float64), np.minimum(edges[:-1], len(mono) - 1))
    loud = np.flatnonzero(energies > 1e-6 * np.median(energies))
    return slice(loud[0], loud[-1] + 2)
