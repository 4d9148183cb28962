"""Gains told from leaks: which of the equivalent pairs of gains and loops is the one with the sparsest loops.

Where type b is heard wherever type a is, gains leave least squares a choice: for any e, loops s_a - e s_b and gains
d_b + e d_a explain the music as well as s_a and d_b do. A wrong e puts a copy of b into a. The right one leaves the
fewest sounding cells in a, since a is silent in most cells in which b sounds:

    minimise over e  sum over cells of sqrt(p) log(|s_a - sum over b of e_b s_b|^2 + f p)

p being the power in the cell of all that takes part, by reweighted least squares with falling f (as `core.reweighted`).
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.barcuts import Bars
from core.cube import window_length
from core.gains import balanced
from core.repetition import Matrix

SWEEPS = 3
ROUNDS = 15
FLOOR = 1e-4  # the last f

Spectra = NDArray[np.float64]
"""Cells of all types, [types, parts, cells], real and imaginary parts of all channels."""


def untangled(types: Bars, mixing: Matrix, owners: NDArray[np.intp], rate: int) -> Matrix:
    """The mixing matrix [bars, types] with those gains that go with the sparsest types.

    Args:
        types: S [types, channels, frames], as least squares has them.
        mixing: D, with gains, above zero where a type is heard.
        owners: the loop of each type.
    """
    spectra, current = _spectra(types, window_length(rate)), mixing.copy()
    parents = _parents(mixing > 0)
    longest_first = np.argsort(-(mixing > 0).sum(axis=0), kind="stable")
    for _ in range(SWEEPS):
        for a in longest_first:
            if parents[a]:
                leaks = _leaks(spectra[a], spectra[parents[a]])
                spectra[a] -= np.tensordot(leaks, spectra[parents[a]], axes=1)
                current[:, parents[a]] += np.outer(current[:, a], leaks)
    return balanced(current, mixing > 0, owners)


def _parents(on: NDArray[np.bool_]) -> list[list[int]]:
    """For each type those that are heard wherever it is, and elsewhere too."""
    inside = ~np.any(on[:, :, None] & ~on[:, None, :], axis=0)
    return [[int(b) for b in np.flatnonzero(inside[a] & ~inside[:, a])] for a in range(on.shape[1])]


def _leaks(own: Spectra, others: Spectra) -> NDArray[np.float64]:
    """How much of each of the others is in a type: from cells [parts, n] and [others, parts, n]."""
    power = np.square(own).sum(axis=0) + np.square(others).sum(axis=(0, 1)) + 1e-14
    weights = 1 / np.sqrt(power)
    leaks = np.zeros(len(others))
    for round_ in range(ROUNDS):
        weighted = (others * weights).reshape(len(others), -1)
        products = weighted @ others.reshape(len(others), -1).T
        products += 1e-9 * np.trace(products) * np.eye(len(others))
        leaks = np.linalg.solve(products, weighted @ own.ravel())
        left = np.square(own - np.tensordot(leaks, others, axes=1)).sum(axis=0)
        weights = np.sqrt(power) / (left + FLOOR ** (round_ / (ROUNDS - 1)) * power)
    return leaks


def _spectra(types: Bars, length: int) -> Spectra:
    """Cells of the types from windows side by side: enough of them to tell by."""
    count, channels, frames = types.shape
    moments = max(frames // length, 1)
    room = np.zeros((count, channels, moments * length))
    room[..., : min(frames, moments * length)] = types[..., : moments * length]
    pieces = scipy.fft.rfft(room.reshape(count, channels, moments, length) * np.hanning(length), axis=-1)
    cells: Spectra = np.concatenate([pieces.real, pieces.imag], axis=1).reshape(count, 2 * channels, -1)
    return cells
