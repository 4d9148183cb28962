"""The bar types when other sounds play too, or when the layout alone does not separate the loops.

In each bin of a short-time Fourier transform of the bars, a search for the explanation with the fewest sounding cells
replaces least squares:

    minimise  sum over bars of log(|x_b - D_b s|^2 + f)  +  prior * sum over loops of log(mean |s_t|^2 + f)

This is done by iteratively reweighted least squares, while f falls from the bin's own power to a millionth of it
(Chartrand and Yin, "Iteratively reweighted algorithms for compressive sensing", ICASSP 2008). The first sum allows a
voice or a one-shot to differ from the model in the bars where it sounds. The second sum chooses among the solutions of
a singular D. Its mean is over the bar types of a loop, so that a long loop costs no more than a short one. The bars are
transformed as if silence were around them, so that x = D s holds in every bin for sound that repeats.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.bar_cuts import Bars
from core.audio.cube import window_length
from core.base.progress import Progress, silent
from core.base.threads import in_order
from core.base.weighted_least_squares import inverse, pooled, power_left, solve
from core.separation.waveforms.least_squares import Matrix, noise_gains

ROUNDS = 12
LAST_FLOOR = 1e-6  # of a bin's power: the last f, and how far below the mixture a loop still counts as sounding
LEAST_COST = 3e-6  # beside a weight of 1: about ten times the rounding error of float32
TRUSTED = 1.0  # noise gain up to which a bar type averages out other sounds and cannot grow by them
LOUDEST = 2.0  # times the mean power of the bars in which a bar type plays: others must cancel a louder one in all
# The cost of each multiple of this power beyond the first, relative to the weight of those bars. On 14 wrong layouts,
# energies of up to 39 times the song's fall to 1.4.
HELD = 0.3
MOST_EXCESS = 30.0  # times: a larger excess costs no more

Array = NDArray[np.float32]
Cells = NDArray[np.float32]
"""Spectra of one moment of all bars or bar types, [bars or bar types, parts, frequencies]. The real parts of all
channels come before the imaginary parts. D is real, so real and imaginary parts are as independent as the channels."""


def resolved(
    bars: Bars,
    mixing: Matrix,
    owners: NDArray[np.intp],
    *,
    rate: int,
    prior: float,
    bounded: bool = False,
    progress: Progress = silent,
) -> Bars:
    """The bar types S, float32 [bar types, channels, frames], of bars X that are mixed by D.

    Args:
        bars: X [bars, channels, frames].
        mixing: D [bars, bar types].
        owners: the loop of each bar type, [bar types].
        prior: the cost of a sounding cell of a loop, relative to one that is left unexplained: near 0 where almost
            nothing is left unexplained, 1 where much is.
        bounded: whether no bar type may be louder than the bars in which it plays; see `_room`.
        progress: called before each moment of the bar; may raise `Cancelled`.
    """
    channels, frames = bars.shape[1:]
    length = window_length(rate)
    hop = length // 2
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)  # overlapping squares sum to 1
    moments = -(-frames // hop) + 1
    mixed, shares = mixing.astype(np.float32), _shares(owners)

    def solved(moment: int) -> Array:
        spectrum = scipy.fft.rfft(_piece(bars, (moment - 1) * hop, length) * window, axis=-1)
        cells = sparsest(np.concatenate([spectrum.real, spectrum.imag], axis=1), mixed, shares, prior, bounded=bounded)
        wave = scipy.fft.irfft(cells[:, :channels] + 1j * cells[:, channels:], n=length, axis=-1)
        return np.asarray(wave * window, dtype=np.float32)

    bar_types = np.zeros((mixing.shape[1], channels, (moments + 1) * hop), dtype=np.float32)
    for moment, wave in enumerate(in_order(solved, range(moments))):
        progress(moment / moments, "separation")
        bar_types[..., moment * hop : moment * hop + length] += wave
    return bar_types[..., hop : hop + frames]


def _piece(bars: Bars, start: int, length: int) -> Bars:
    """`length` frames of all bars from `start` on, with silence outside the bars."""
    before, after = max(-start, 0), max(start + length - bars.shape[2], 0)
    return np.pad(bars[..., max(start, 0) : start + length], ((0, 0), (0, 0), (before, after)))


def sparsest(cells: Cells, mixing: Array, shares: Array, prior: float, *, bounded: bool = False) -> Cells:
    """The cells of the bar types that explain the cells of the bars with the fewest sounding ones.

    Args:
        cells: X [bars, parts, frequencies].
        mixing: D [bars, bar types].
        shares: [bar types, bar types], 1/n between the n bar types of a loop, else 0.
        prior, bounded: as in `resolved`.
    """
    bars, parts, bins = cells.shape
    power = np.square(cells).sum(axis=1).mean(axis=0) + np.float32(1e-20)
    weights: Array = np.ones((bars, bins), dtype=np.float32)
    costs: Array = np.full((mixing.shape[1], bins), 1e-3, dtype=np.float32)
    room, held = _room(cells, mixing) if bounded else None, np.zeros_like(costs)
    result: Cells = np.empty((mixing.shape[1], parts, bins), dtype=np.float32)
    for round_ in range(ROUNDS):
        solve(cells, mixing, weights, costs, result)
        floor = power * np.float32(LAST_FLOOR ** (round_ / (ROUNDS - 1)))
        # Only the ratio of weights and costs counts; the heaviest bar weighs 1.
        weights, scale = inverse(pooled(power_left(cells, mixing, result)), floor)
        own = pooled(np.square(result).sum(axis=1))
        loudness = shares @ own
        costs = np.float32(prior) * shares.diagonal()[:, None] / (loudness + floor) * scale
        costs += np.float32(LEAST_COST)  # so that a singular D can be solved
        if room is not None:
            held = np.maximum(_too_loud(own, room + floor, mixing, weights), held / 2)
            costs += held
    return result


def _room(cells: Cells, mixing: Array) -> Array:
    """The largest power of each bar type, [bar types, frequencies]: `LOUDEST` times that of its bars, or no limit.

    Bar types with a noise gain up to `TRUSTED` have no limit. Nearly as many bar types as bars can explain everything,
    if they are loud and cancel each other. Sounds in music do not.
    """
    on = (mixing > 0).astype(np.float32)
    room: Array = np.float32(LOUDEST) * (on / np.maximum(on.sum(axis=0), 1)).T @ pooled(np.square(cells).sum(axis=1))
    room[noise_gains(mixing.astype(np.float64)) <= TRUSTED] = np.inf
    return room


def _too_loud(own: Array, room: Array, mixing: Array, weights: Array) -> Array:
    """The cost of bar types that are louder than they may be, [bar types, frequencies]."""
    excess = np.clip(own / room - 1, 0, MOST_EXCESS)
    return np.asarray(np.float32(HELD) * excess * ((mixing > 0).astype(np.float32).T @ weights))


def _shares(owners: NDArray[np.intp]) -> Array:
    together = owners[:, None] == owners
    shares: Array = (together / together.sum(axis=1)).astype(np.float32)
    return shares
