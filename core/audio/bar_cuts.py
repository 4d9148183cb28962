"""Bars cut from a clip at their exact start, and loops laid back over it: the time-domain side of the bar grid.

A bar may start between two frames; it is then cut by a band-limited shift, a sinc under a Kaiser window (Smith and
Gossett, "A flexible sampling-rate conversion method", ICASSP 1984).
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Samples

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
    frames = samples.shape[-1]
    if abs(by) < SMALLEST_SHIFT:
        return samples[..., HALF_TAPS : frames - HALF_TAPS]
    size = scipy.fft.next_fast_len(frames, real=True)  # what runs round its end falls on the surroundings
    spectrum = scipy.fft.rfft(samples, n=size) * scipy.fft.rfft(_delay(-by), n=size)
    wave: Samples = scipy.fft.irfft(spectrum, n=size)
    return wave[..., 2 * HALF_TAPS : frames]


def cut_bars(samples: Samples, grid: BarGrid, shifts: NDArray[np.float64]) -> Bars:
    """The bars of samples [channels, frames]; what lies outside the clip is taken as silence."""
    surrounded = np.pad(samples, ((0, 0), (HALF_TAPS, HALF_TAPS)))
    bars = np.zeros((grid.bars, samples.shape[0], int(grid.lengths.max())), dtype=np.float32)
    for bar, (start, length) in enumerate(zip(grid.starts, grid.lengths, strict=False)):
        piece = surrounded[:, start : start + length + 2 * HALF_TAPS]
        bars[bar, :, :length] = advanced(piece, shifts[bar])
    return bars


def lay_bars(sound: Callable[[int], Samples | None], grid: BarGrid, shifts: NDArray[np.float64], onto: Samples) -> None:
    """The inverse of `cut_bars`: each bar put back, onto samples [channels, frames], where it was cut.

    Args:
        sound: gives what is heard in a bar, [channels, frames of the longest bar], or None for nothing.
    """
    for bar, (start, length) in enumerate(zip(grid.starts, grid.lengths, strict=False)):
        wave = sound(bar)
        if wave is None:
            continue
        if abs(shifts[bar]) < SMALLEST_SHIFT:
            onto[:, start : start + length] += wave[:, :length]
            continue
        # The shift spreads a hard cut to both sides of the bar line.
        spread = advanced(np.pad(wave[:, :length], ((0, 0), (2 * HALF_TAPS, 2 * HALF_TAPS))), -shifts[bar])
        first = max(HALF_TAPS - start, 0)
        place = onto[:, max(start - HALF_TAPS, 0) : start + length + HALF_TAPS]
        place += spread[:, first : first + place.shape[1]]


def _delay(by: float) -> NDArray[np.float32]:
    """Filter that makes samples late by a fraction of a frame, [2 * `HALF_TAPS` + 1]."""
    at = np.arange(-HALF_TAPS, HALF_TAPS + 1) - by
    window = np.i0(KAISER * np.sqrt(np.maximum(1 - np.square(at / (HALF_TAPS + 1)), 0.0))) / np.i0(KAISER)
    taps: NDArray[np.float32] = (np.sinc(at) * window).astype(np.float32)
    return taps
