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
LAST_FLOOR = 1e-6  # of a bin's power: the last f, and how far below the mixture a loop is still heard
LEAST_COST = 3e-6  # beside a weight of 1: some ten times the rounding of float32
TRUSTED = 1.0  # noise gain up to which a type averages out what is not its own, and cannot grow by it
LOUDEST = 2.0  # times the mean power of the bars in which a type plays: louder, others must cancel it in all of them
HELD = 0.3  # what each time more costs, beside those bars' weight: on 14 wrong layouts energies of 39 fall to 1.4
MOST_EXCESS = 30.0  # times: more says no more

Array = NDArray[np.float32]
Cells = NDArray[np.float32]
"""Spectra of one moment of all bars or types, [bars or types, parts, frequencies]; the real parts of all channels stand
before the imaginary ones: D is real, so that they are as independent as the channels."""


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
    """The types S, float32 [types, channels, frames], of bars X [bars, channels, frames] mixed by D [bars, types].

    Args:
        owners: the loop of each type, [types].
        prior: what a sounding cell of a loop costs beside one that nothing explains: near 0 where all but nothing is
            left unexplained, 1 where much is.
        bounded: whether no type may be louder than the bars in which it plays; see `_room`.
        progress: told before each moment of the bar; may raise `Cancelled`.
    """
    channels, frames = bars.shape[1:]
    length = window_length(rate)
    hop = length // 2
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)  # its square sums to one
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
    """So many frames of all bars from `start` on; silence where there are none."""
    before, after = max(-start, 0), max(start + length - bars.shape[2], 0)
    return np.pad(bars[..., max(start, 0) : start + length], ((0, 0), (0, 0), (before, after)))


def sparsest(cells: Cells, mixing: Array, shares: Array, prior: float, *, bounded: bool = False) -> Cells:
    """The cells of the types that explain those of the bars with the fewest that sound.

    Args:
        cells: X [bars, parts, frequencies].
        mixing: D [bars, types].
        shares: [types, types], 1/n between all types of a loop of n, else 0.
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
        costs += np.float32(LEAST_COST)  # so that a singular D does not show
        if room is not None:
            held = np.maximum(_too_loud(own, room + floor, mixing, weights), held / 2)
            costs += held
    return result


def _room(cells: Cells, mixing: Array) -> Array:
    """How loud each type may be, [types, frequencies]: as what is heard where it plays, if it cannot be trusted.

    Nearly as many types as bars explain everything, however loud they have to be to cancel each other; music does not.
    """
    on = (mixing > 0).astype(np.float32)
    room: Array = np.float32(LOUDEST) * (on / np.maximum(on.sum(axis=0), 1)).T @ pooled(np.square(cells).sum(axis=1))
    room[noise_gains(mixing.astype(np.float64)) <= TRUSTED] = np.inf
    return room


def _too_loud(own: Array, room: Array, mixing: Array, weights: Array) -> Array:
    """What types cost that are louder than they may be, [types, frequencies]."""
    excess = np.clip(own / room - 1, 0, MOST_EXCESS)
    return np.asarray(np.float32(HELD) * excess * ((mixing > 0).astype(np.float32).T @ weights))


def _shares(owners: NDArray[np.intp]) -> Array:
    together = owners[:, None] == owners
    shares: Array = (together / together.sum(axis=1)).astype(np.float32)
    return shares
