"""Bars cut from a clip at their exact start, and loops laid back over it: the time-domain side of the bar grid.

A bar may start between two frames; it is then cut by a band-limited shift, a sinc under a Kaiser window (Smith and
Gossett, "A flexible sampling-rate conversion method", ICASSP 1984).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import oaconvolve

from core.audio import Samples
from core.bars import BarGrid

HALF_TAPS = 256  # frames on either side: -90 dB up to 0.98 of the Nyquist frequency
KAISER = 9.0
SMALLEST_SHIFT = 1e-3  # of a frame: -50 dB at the Nyquist frequency, -75 dB where music has its energy

Bars = NDArray[np.float32]
"""Bars cut alike, [bars, channels, frames of the longest bar]; zero past the end of a shorter bar."""


def bar_shifts(grid: BarGrid, shifts: ArrayLike | None) -> NDArray[np.float64]:
    """How far behind its whole-frame start each bar truly starts, float64 [bars]; None means not at all."""
    return np.zeros(grid.bars) if shifts is None else np.asarray(shifts, dtype=np.float64)


def advanced(samples: Samples, by: float) -> Samples:
    """What samples [..., frames] with `HALF_TAPS` of surroundings on both sides are `by` frames later, without them."""
    if abs(by) < SMALLEST_SHIFT:
        return samples[..., HALF_TAPS : samples.shape[-1] - HALF_TAPS]
    taps = _delay(-by).reshape((1,) * (samples.ndim - 1) + (-1,))
    result: Samples = oaconvolve(samples, taps, mode="valid", axes=-1).astype(np.float32)
    return result


def cut_bars(samples: Samples, grid: BarGrid, shifts: NDArray[np.float64]) -> Bars:
    """The bars of samples [channels, frames]; what lies outside the clip is taken as silence."""
    surrounded = np.pad(samples, ((0, 0), (HALF_TAPS, HALF_TAPS)))
    bars = np.zeros((grid.bars, samples.shape[0], int(grid.lengths.max())), dtype=np.float32)
    for bar, (start, length) in enumerate(zip(grid.starts, grid.lengths, strict=False)):
        piece = surrounded[:, start : start + length + 2 * HALF_TAPS]
        bars[bar, :, :length] = advanced(piece, shifts[bar])
    return bars


def lay_bars(bars: Bars, grid: BarGrid, shifts: NDArray[np.float64], frames: int) -> Samples:
    """The inverse of `cut_bars`: samples [channels, frames], each bar put back where it was cut."""
    surrounded = np.zeros((bars.shape[1], frames + 2 * HALF_TAPS), dtype=np.float32)
    for bar, (start, length) in enumerate(zip(grid.starts, grid.lengths, strict=False)):
        if not bars[bar].any():
            continue
        # The shift spreads a hard cut to both sides of the bar line.
        spread = np.pad(bars[bar, :, :length], ((0, 0), (2 * HALF_TAPS, 2 * HALF_TAPS)))
        surrounded[:, start : start + length + 2 * HALF_TAPS] += advanced(spread, -shifts[bar])
    return surrounded[:, HALF_TAPS : HALF_TAPS + frames]


def _delay(by: float) -> NDArray[np.float32]:
    """Filter that makes samples late by a fraction of a frame, [2 * `HALF_TAPS` + 1]."""
    at = np.arange(-HALF_TAPS, HALF_TAPS + 1) - by
    window = np.i0(KAISER * np.sqrt(np.maximum(1 - np.square(at / (HALF_TAPS + 1)), 0.0))) / np.i0(KAISER)
    taps: NDArray[np.float32] = (np.sinc(at) * window).astype(np.float32)
    return taps
