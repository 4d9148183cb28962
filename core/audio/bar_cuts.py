"""Bars cut from a clip at their exact start, and loops added back at these places: the bar grid in the time domain.

A bar may start between two frames. It is then cut with a band-limited shift: a sinc with a Kaiser window (Smith and
Gossett, "A flexible sampling-rate conversion method", ICASSP 1984).
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Samples

HALF_TAPS = 256  # frames on either side: an error of -90 dB up to 0.98 of the Nyquist frequency
KAISER = 9.0  # shape of the window, chosen together with `HALF_TAPS`
SMALLEST_SHIFT = 1e-3  # of a frame: to leave it out costs -50 dB at the Nyquist frequency, -75 dB where music is loud

Bars = NDArray[np.float32]
"""Bars in one array, [bars, channels, frames of the longest bar]; zero past the end of a shorter bar."""


def bar_shifts(grid: BarGrid, shifts: ArrayLike | None) -> NDArray[np.float64]:
    """How many frames after its whole-frame start each bar truly starts, float64 [bars]; None gives zeros."""
    return np.zeros(grid.bars) if shifts is None else np.asarray(shifts, dtype=np.float64)


def advanced(samples: Samples, by: float) -> Samples:
    """Samples [..., frames] read `by` frames later, without their `HALF_TAPS` of surroundings on each side."""
    frames = samples.shape[-1]
    if abs(by) < SMALLEST_SHIFT:
        return samples[..., HALF_TAPS : frames - HALF_TAPS]
    size = scipy.fft.next_fast_len(frames, real=True)  # circular convolution spoils only the surroundings
    spectrum = scipy.fft.rfft(samples, n=size) * scipy.fft.rfft(_delay(-by), n=size)
    wave: Samples = scipy.fft.irfft(spectrum, n=size)
    return wave[..., 2 * HALF_TAPS : frames]


def cut_bars(samples: Samples, grid: BarGrid, shifts: NDArray[np.float64]) -> Bars:
    """The bars of samples [channels, frames]. Outside the clip there is silence."""
    surrounded = np.pad(samples, ((0, 0), (HALF_TAPS, HALF_TAPS)))
    bars = np.zeros((grid.bars, samples.shape[0], int(grid.lengths.max())), dtype=np.float32)
    for bar, (start, length) in enumerate(zip(grid.starts, grid.lengths, strict=False)):
        piece = surrounded[:, start : start + length + 2 * HALF_TAPS]
        bars[bar, :, :length] = advanced(piece, shifts[bar])
    return bars


def lay_bars(sound: Callable[[int], Samples | None], grid: BarGrid, shifts: NDArray[np.float64], onto: Samples) -> None:
    """The inverse of `cut_bars`: add each bar to samples [channels, frames] at the place where it was cut.

    Args:
        sound: returns the sound of a bar, [channels, frames of the longest bar], or None for silence.
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
    """Filter that delays samples by a fraction of a frame, [2 * `HALF_TAPS` + 1]."""
    at = np.arange(-HALF_TAPS, HALF_TAPS + 1) - by
    window = np.i0(KAISER * np.sqrt(np.maximum(1 - np.square(at / (HALF_TAPS + 1)), 0.0))) / np.i0(KAISER)
    taps: NDArray[np.float32] = (np.sinc(at) * window).astype(np.float32)
    return taps
