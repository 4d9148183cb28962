"""The bins of the spectral cube that vote: the audible ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from core.audio.cube import Cube
from core.base.errors import Code, LoopError

Bins = NDArray[np.complex64]
"""Bins followed from bar to bar: complex [bins, bars]."""
EDGE = (2, 4)  # frames at a bar's start and end with sound of the neighbouring bars, as windows cross the bar line
PEAK_RANGE = 1e-6  # -60 dB: bins further below the loudest bin are left out
LOCAL_RANGE = 0.1  # -10 dB: a bin needs this share of the mean power of the frequencies around it
NEIGHBOURS = 31  # frequencies in that mean
BANDS_PER_OCTAVE = 4
WIDEST_TURN = 0.3  # radians: beyond this turn of the phase, repeats are no longer alike
STRAYS = 6.0  # times the root mean square by which repeats are off; with less, rounded bar starts look like loops


@dataclass(frozen=True)
class Chosen:
    """Bins of the cube, complex [bins, bars], and how inexact repeats may be, as a share of the power, [bins]."""

    bins: Bins
    slack: NDArray[np.float32]


def choose_bins(cube: Cube, count: int, seed: int, jitter: float = 0.0) -> Chosen:
    """Up to `count` audible bins of any channel, spread evenly over a logarithmic frequency axis.

    Args:
        jitter: frames by which repeats may be off their bars (root mean square). A shift by d frames turns the phase at
            frequency bin m of window length n by 2 pi m d / n. Frequencies at which this turn is too wide are left out.
    """
    turn = 2 * np.pi * jitter * np.arange(cube.shape[1]) / (2 * (cube.shape[1] - 1))
    cube = cube[:, : np.count_nonzero(turn < WIDEST_TURN)]
    inner = cube[:, :, EDGE[0] : cube.shape[2] - EDGE[1]]
    power = np.zeros_like(inner[..., 0].real)
    for bar in range(cube.shape[3]):  # in the cube's order in memory
        power += np.square(inner[..., bar].real) + np.square(inner[..., bar].imag)
    channel, frequency, time = audible(power, count, seed)
    bins = np.empty((len(channel), cube.shape[3]), dtype=np.complex64)
    for bar in range(cube.shape[3]):
        bins[:, bar] = inner[channel, frequency, time, bar]
    return Chosen(bins, np.square(STRAYS * turn[frequency]).astype(np.float32))


def audible(power: NDArray[np.float32], count: int, seed: int) -> NDArray[np.intp]:
    """Audible bins drawn evenly over log frequency: their channels, frequencies and frames, [3, at most `count`].

    Args:
        power: the power of each bin, summed over all bars, [channels, frequencies, frames in a bar].

    Raises:
        LoopError: MUSIC_NOT_USABLE for silence.
    """
    if not power.any():
        raise LoopError(Code.MUSIC_NOT_USABLE, "the bars contain nothing but silence; choose a part with music in it")
    local = uniform_filter1d(power.mean(axis=(0, 2)), NEIGHBOURS, mode="constant")
    where = np.argwhere((power > LOCAL_RANGE * local[None, :, None]) & (power > PEAK_RANGE * power.max()))
    band = np.floor(np.log2((where[:, 1] + 8) / 8) * BANDS_PER_OCTAVE).astype(int)
    weight = 1.0 / np.bincount(band)[band]
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(where), min(count, len(where)), replace=False, p=weight / weight.sum())
    return np.ascontiguousarray(where[np.sort(drawn)].T)
