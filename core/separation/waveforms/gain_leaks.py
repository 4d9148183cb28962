"""Separates gains from leaks: of all equivalent pairs of gains and loops, the pair with the sparsest loops is chosen.

With gains, least squares have no unique solution. Suppose that some combination n of the other columns of D is zero in
all bars in which bar type k is off: D_(without k) n = 0 there. Then the gains d_k + D n with the bar types
s_j - n_j s_k explain the music as well as d_k and s_j do: a part of k moves into the others, or out of them. The
simplest case is a bar type j that sounds only where k does. The right n leaves the fewest sounding cells in the others,
because they are silent in most cells in which k sounds:

    minimise over n  sum over j and cells of sqrt(p) log(|s_j - n_j s_k|^2 + f p)

Here p is the power of both in the cell. The minimum is found by reweighted least squares with falling f (as in
`robust`).
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.bar_cuts import Bars
from core.audio.cube import window_length
from core.separation.waveforms.gains import LEAST, balanced
from core.separation.waveforms.least_squares import Matrix

SWEEPS = 3
ROUNDS = 15
LAST_FLOOR = 1e-4  # the last f
MOMENTS = 24
NOTHING = 0.05  # singular values below this share of the largest count as zero: gains are known to a few per cent

Spectra = NDArray[np.float64]
"""Cells of all bar types, [bar types, parts, cells]. The parts are the real and imaginary parts of all channels."""


def untangled(bar_types: Bars, mixing: Matrix, owners: NDArray[np.intp], rate: int) -> Matrix:
    """The mixing matrix [bars, bar types] with the gains that belong to the sparsest bar types.

    Args:
        bar_types: S [bar types, channels, frames], from least squares.
        mixing: D with gains, above zero where a bar type sounds.
        owners: the loop of each bar type.
    """
    spectra, current = _spectra(bar_types, window_length(rate)), mixing.copy()
    for _ in range(SWEEPS):
        for k in range(mixing.shape[1]):
            others = np.arange(mixing.shape[1]) != k
            choices = _nothing(current[mixing[:, k] <= 0][:, others])
            if choices.shape[1]:
                leaks = choices @ _sparsest(spectra[others], spectra[k], choices)
                leaks *= _room(current[:, k], current[:, others] @ leaks)
                spectra[others] -= leaks[:, None, None] * spectra[k]
                current[:, k] += current[:, others] @ leaks
    return balanced(current, mixing > 0, owners)


def _nothing(rows: Matrix) -> Matrix:
    """Combinations of the columns that are nearly zero, [columns, combinations]."""
    _, values, combinations = np.linalg.svd(rows, full_matrices=True)
    values = np.pad(values, (0, rows.shape[1] - len(values)))
    result: Matrix = combinations[values <= NOTHING * values.max(initial=0.0)].T
    return result


def _room(gains: NDArray[np.float64], change: NDArray[np.float64]) -> float:
    """How much of a change, 0 to 1, leaves all gains above zero. The next sweep may allow more."""
    falling = (gains > 0) & (change < 0)
    most = (gains[falling] - LEAST * gains[gains > 0].mean()) / -change[falling]
    return float(np.clip(most.min(initial=1.0), 0.0, 1.0))


def _sparsest(others: Spectra, own: NDArray[np.float64], choices: Matrix) -> NDArray[np.float64]:
    """The weights of the choices that remove the most of a bar type from the others."""
    alone = np.square(own).sum(axis=0)
    power = alone + np.square(others).sum(axis=1) + 1e-14
    weights = 1 / np.sqrt(power)
    found = np.zeros(choices.shape[1])
    for round_ in range(ROUNDS):
        system = choices.T @ ((weights @ alone)[:, None] * choices)
        wanted = choices.T @ np.einsum("jn,jpn,pn->j", weights, others, own, optimize=True)
        found = np.linalg.solve(system + 1e-9 * max(np.trace(system), 1e-30) * np.eye(len(system)), wanted)
        left = np.square(others - (choices @ found)[:, None, None] * own).sum(axis=1)
        weights = np.sqrt(power) / (left + LAST_FLOOR ** (round_ / (ROUNDS - 1)) * power)
    return found


def _spectra(bar_types: Bars, length: int) -> Spectra:
    """Cells of the bar types in up to `MOMENTS` windows spread over the bar."""
    count, channels, frames = bar_types.shape
    room = np.pad(bar_types, ((0, 0), (0, 0), (0, max(length - frames, 0))))
    starts = np.linspace(0, room.shape[2] - length, min(MOMENTS, -(-frames // length))).astype(np.intp)
    windows = np.lib.stride_tricks.sliding_window_view(room, length, axis=2)[:, :, starts]
    pieces = scipy.fft.rfft(windows * np.hanning(length), axis=-1)
    cells: Spectra = np.concatenate([pieces.real, pieces.imag], axis=1).reshape(count, 2 * channels, -1)
    return cells
