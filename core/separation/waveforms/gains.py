"""Gains of loops in each bar: alternating least squares of bar types and gains, from the Gram matrix of the bars alone.

With G = X X^T and P = pinv(D), the inner products of the bar types are S S^T = P G P^T, and those with the bars are
S X^T = P G. So a round costs the same whatever the length of the bars. (Barchiesi and Reiss, "Reverse engineering of a
mix", JAES 2010, solve for the gains of known tracks; here the tracks are solved for as well.)
"""

import numpy as np
from numpy.typing import NDArray

from core.separation.waveforms.least_squares import CUTOFF, Matrix

ROUNDS = 60
LEAST = 0.05  # the least gain of a loop that plays
WORTH = 0.25  # of the energy unexplained without gains: gains are used only if they leave less


def balanced(mixing: Matrix, on: NDArray[np.bool_], owners: NDArray[np.intp]) -> Matrix:
    """D with gains of at least `LEAST` where a loop is on, and a mean of 1: only gain times loop is determined."""
    result: Matrix = np.where(on, np.maximum(mixing, LEAST), 0.0)
    for loop in np.unique(owners):
        own = result[:, owners == loop]
        result[:, owners == loop] = own / max(float(own[own > 0].mean()), 1e-9)
    return result


def refined(gram: Matrix, mixing: Matrix, owners: NDArray[np.intp]) -> Matrix:
    """The mixing matrix D [bars, bar types] with gains, whose mean is 1 where a loop plays; or D unchanged.

    Args:
        gram: G, the inner products of the bars, whitened over frequency.
        mixing: D, above zero where a bar type sounds.
        owners: the loop of each bar type, [bar types].
    """
    current = mixing
    for _ in range(ROUNDS):
        current = balanced(_regressed(gram, current), mixing > 0, owners)
    return current if unexplained(gram, current) < WORTH * unexplained(gram, mixing) else mixing


def unexplained(gram: Matrix, mixing: Matrix) -> float:
    """The energy that least squares leaves, trace((I - D pinv(D)) G), at least 0."""
    left = np.trace(gram) - np.sum((mixing @ np.linalg.pinv(mixing, rcond=CUTOFF)) * gram)
    return max(float(left), 0.0)


def _regressed(gram: Matrix, mixing: Matrix) -> Matrix:
    """D fitted again bar by bar on its support, to the bar types of the given D."""
    solver = np.linalg.pinv(mixing, rcond=CUTOFF)
    bar_types, products = solver @ gram @ solver.T, solver @ gram
    on = mixing > 0
    # Outside of the support an identity makes every bar's system the same size.
    systems = np.where(on[:, :, None] & on[:, None, :], bar_types, 0.0)
    level = max(float(np.trace(bar_types)) / len(bar_types), 1e-30)
    systems += level * np.where(on, 1e-9, 1.0)[:, :, None] * np.eye(len(bar_types))
    gains: Matrix = np.linalg.solve(systems, np.where(on, products.T, 0.0)[..., None])[..., 0]
    return gains
