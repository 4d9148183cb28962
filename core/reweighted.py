"""What repeats when something else sounds too, or when the layout alone cannot tell the loops apart.

Bin by bin of a short-time Fourier transform of each bar, least squares becomes the search for the explanation with the
fewest sounding cells:

    minimise  sum over bars of log(|x_b - D_b s|^2 + f)  +  prior * sum over loops of log(mean |s_t|^2 + f)

by iteratively reweighted least squares while f falls from the bin's own power to a millionth of it (Chartrand and Yin,
"Iteratively reweighted algorithms for compressive sensing", ICASSP 2008). The first sum lets a voice or a one-shot go
its own way in the bars where it sounds. The second one chooses among the solutions of a singular D; its mean is over
the types of a loop, so that a long loop costs no more than a short one. The bars are transformed as if silence lay
around them, so that x = D s holds in every bin of what repeats.
"""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from core.barcuts import Bars
from core.cube import window_length
from core.progress import Progress, silent
from core.repetition import Matrix

ROUNDS = 12
FLOOR = 1e-6  # of a bin's power: the last f, and how far below the mixture a loop is still heard
LEAST_COST = 3e-6  # beside a weight of 1: some ten times the rounding of float32
ROUNDING = 1e-6  # share of a diagonal element below which elimination has left nothing but rounding
POOLED = 3  # neighbouring frequencies that share their weights

Array = NDArray[np.float32]
Cells = NDArray[np.float32]
"""Spectra of one moment of all bars or types, [bars or types, parts, frequencies]; the real parts of all channels stand
before the imaginary ones: D is real, so that they are as independent as the channels."""


def resolved(
    bars: Bars, mixing: Matrix, owners: NDArray[np.intp], *, rate: int, prior: float, progress: Progress = silent
) -> Bars:
    """The types S, float32 [types, channels, frames], of bars X [bars, channels, frames] mixed by D [bars, types].

    Args:
        owners: the loop of each type, [types].
        prior: what a sounding cell of a loop costs beside one that nothing explains: near 0 where all but nothing is
            left unexplained, 1 where much is.
        progress: told before each moment of the bar; may raise `Cancelled`.
    """
    count, channels, frames = bars.shape
    length = window_length(rate)
    hop = length // 2
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)  # its square sums to one
    moments = -(-frames // hop) + 1
    padded = np.zeros((count, channels, (moments + 1) * hop), dtype=np.float32)
    padded[..., hop : hop + frames] = bars
    types = np.zeros((mixing.shape[1], channels, padded.shape[2]), dtype=np.float32)
    shares = _shares(owners)
    for moment in range(moments):  # each by itself, which bounds the memory
        progress(moment / moments, "separation")
        span = slice(moment * hop, moment * hop + length)
        spectrum = scipy.fft.rfft(padded[..., span] * window, axis=-1)
        cells = sparsest(
            np.concatenate([spectrum.real, spectrum.imag], axis=1), mixing.astype(np.float32), shares, prior
        )
        wave = scipy.fft.irfft(cells[:, :channels] + 1j * cells[:, channels:], n=length, axis=-1)
        types[..., span] += wave * window
    return types[..., hop : hop + frames]


def sparsest(cells: Cells, mixing: Array, shares: Array, prior: float) -> Cells:
    """The cells of the types that explain those of the bars with the fewest that sound.

    Args:
        cells: X [bars, parts, frequencies].
        mixing: D [bars, types].
        shares: [types, types], 1/n between all types of a loop of n, else 0.
        prior: as in `resolved`.
    """
    bars, parts, bins = cells.shape
    types = mixing.shape[1]
    squares = (mixing[:, :, None] * mixing[:, None, :]).reshape(bars, -1).T
    power = np.square(cells).sum(axis=1).mean(axis=0) + np.float32(1e-20)
    weights: Array = np.ones((bars, bins), dtype=np.float32)
    costs: Array = np.full((types, bins), 1e-3, dtype=np.float32)
    result: Cells = np.zeros((types, parts, bins), dtype=np.float32)
    for round_ in range(ROUNDS):
        systems: NDArray[Any] = (squares @ weights).reshape(types, types, bins)
        systems[np.arange(types), np.arange(types)] += costs
        wanted = (mixing.T @ (weights[:, None] * cells).reshape(bars, -1)).reshape(types, parts, bins)
        result = _solved(systems, wanted)
        left = cells - (mixing @ result.reshape(types, -1)).reshape(bars, parts, bins)
        floor = power * np.float32(FLOOR ** (round_ / (ROUNDS - 1)))
        weights = 1 / (_pooled(left) + floor)
        costs = np.float32(prior) * shares.diagonal()[:, None] / (shares @ _pooled(result) + floor)
        # Only their ratio counts; the heaviest bar weighs 1, and no cost is so small that a singular D shows.
        scale = 1 / weights.max(axis=0)
        weights, costs = weights * scale, costs * scale + np.float32(LEAST_COST)
    return result


def _shares(owners: NDArray[np.intp]) -> Array:
    together = owners[:, None] == owners
    shares: Array = (together / together.sum(axis=1)).astype(np.float32)
    return shares


def _pooled(cells: Cells) -> Array:
    """Power of each cell over its parts and its neighbours in frequency."""
    pooled: Array = uniform_filter1d(np.square(cells).sum(axis=1), POOLED, axis=-1, mode="nearest")
    # The filter's running sum leaves rounding behind loud cells, below zero at times, which no power may be.
    return np.maximum(pooled, 0)


def _solved(systems: Array, wanted: Cells) -> Cells:
    """Solutions of positive definite systems [types, types, n] for [types, parts, n], in place: Gauss's elimination.

    All n at once a row: several times as fast as a call of LAPACK for each small system.
    """
    types = len(systems)
    least = np.float32(ROUNDING) * systems[np.arange(types), np.arange(types)]
    for i in range(types):
        np.maximum(systems[i, i], least[i], out=systems[i, i])  # rounding may take all of it away
        for j in range(i + 1, types):
            factor = systems[j, i] / systems[i, i]
            systems[j, i + 1 :] -= factor * systems[i, i + 1 :]
            wanted[j] -= factor * wanted[i]
    for i in reversed(range(types)):
        for j in range(i + 1, types):
            wanted[i] -= systems[i, j] * wanted[j]
        wanted[i] /= systems[i, i]
    return wanted
