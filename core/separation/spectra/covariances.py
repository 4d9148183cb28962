"""Sums of spatial covariances fitted to the observed ones: the inner loops of `wiener`, compiled.

Every matrix [channels, channels] is Hermitian. It is stored for many frequencies at once as two float32 planes, the
real and the imaginary parts: [2, channels, channels, frequencies]. The innermost loops run over the frequencies, which
are adjacent in memory, so the processor computes several of them at once.
"""

import numpy as np
from numpy.typing import NDArray

from core.base.compiled import compiled

Planes = NDArray[np.float32]

SPREAD = np.float32(0.03)  # share of the identity that is mixed into a place, so that its matrix can be inverted
TINY = np.float32(1e-12)


@compiled
def sweep(G: Planes, seen: Planes, squares: Planes, counts: Planes, on: Planes, floor: np.float32) -> None:
    """One step of expectation-maximisation, in place: G <- G + G Q G, where Q is the mean of T^-1 (seen - T) T^-1.

    Args:
        G: the covariances, [bar types, frames in a bar, 2, channels, channels, frequencies].
        seen: mean covariances of the bars of each group, [groups, frames in a bar, 2, channels, channels, frequencies].
        squares: the power of each bar type in each group, [groups, bar types]; T = squares G + floor.
        counts: the number of bars in each group.
        on: the number of bars in which each bar type sounds.
    """
    bar_types, frames = G.shape[:2]
    channels, frequencies = G.shape[3], G.shape[5]
    inverse, left = np.empty(G.shape[2:], dtype=np.float32), np.empty(G.shape[2:], dtype=np.float32)
    pull, total = np.empty(G.shape[2:], dtype=np.float32), np.empty(G.shape[2:], dtype=np.float32)
    push = np.empty((bar_types, *G.shape[2:]), dtype=np.float32)
    for t in range(frames):
        push.fill(0)
        for group in range(len(seen)):
            total.fill(0)
            for c in range(channels):
                for f in range(frequencies):
                    total[0, c, c, f] = floor
            for r in range(bar_types):
                if squares[group, r] > 0:
                    _add(G[r, t], squares[group, r], total)
            _invert(total, inverse)
            _multiply(inverse, seen[group, t], left)
            _multiply(left, inverse, pull)
            _add(inverse, np.float32(-1), pull)
            for r in range(bar_types):
                if squares[group, r] > 0:
                    _add(pull, counts[group] * squares[group, r] / on[r], push[r])
        for r in range(bar_types):
            _multiply(G[r, t], push[r], left)
            _multiply(left, G[r, t], pull)
            _add(pull, np.float32(1), G[r, t])


@compiled
def draw_to_place(G: Planes, owners: NDArray[np.intp], shares: Planes) -> None:
    """Replace a share, [bar types], of each covariance: it keeps its power and gets the place of its loop.

    The arrays are changed in place.

    A loop's place at a frequency is the mean of its covariances, scaled to a trace equal to the number of channels.
    """
    bar_types, frames = G.shape[:2]
    channels, frequencies = G.shape[3], G.shape[5]
    place, inverse = np.empty(G.shape[2:], dtype=np.float32), np.empty(G.shape[2:], dtype=np.float32)
    power = np.empty(frequencies, dtype=np.float32)
    for loop in range(owners.max() + 1):
        place.fill(0)
        for r in range(bar_types):
            if owners[r] == loop:
                for t in range(frames):
                    _add(G[r, t], np.float32(1), place)
        _to_unit_trace(place)
        _invert(place, inverse)
        for r in range(bar_types):
            if owners[r] == loop:
                for t in range(frames):
                    _trace_of_product(inverse, G[r, t], power)
                    for f in range(frequencies):
                        power[f] = shares[r] * max(power[f] / np.float32(channels), np.float32(0))
                    _blend(G[r, t], np.float32(1) - shares[r], place, power)


@compiled
def _to_unit_trace(place: Planes) -> None:
    channels = place.shape[1]
    for f in range(place.shape[3]):
        trace = TINY
        for c in range(channels):
            trace += place[0, c, c, f] / np.float32(channels)
        for i in range(channels):
            for j in range(channels):
                place[0, i, j, f] *= (np.float32(1) - SPREAD) / trace
                place[1, i, j, f] *= (np.float32(1) - SPREAD) / trace
            place[0, i, i, f] += SPREAD


@compiled
def _trace_of_product(A: Planes, B: Planes, trace: Planes) -> None:
    trace.fill(0)
    for i in range(A.shape[1]):
        for j in range(A.shape[1]):
            for f in range(A.shape[3]):
                trace[f] += A[0, i, j, f] * B[0, j, i, f] - A[1, i, j, f] * B[1, j, i, f]


@compiled
def _blend(G: Planes, keep: np.float32, place: Planes, power: Planes) -> None:
    for part in range(2):
        for i in range(G.shape[1]):
            for j in range(G.shape[1]):
                for f in range(G.shape[3]):
                    G[part, i, j, f] = keep * G[part, i, j, f] + power[f] * place[part, i, j, f]


@compiled
def _add(A: Planes, factor: np.float32, total: Planes) -> None:
    for part in range(2):
        for i in range(A.shape[1]):
            for j in range(A.shape[1]):
                for f in range(A.shape[3]):
                    total[part, i, j, f] += factor * A[part, i, j, f]


@compiled
def _multiply(A: Planes, B: Planes, product: Planes) -> None:
    channels, frequencies = A.shape[1], A.shape[3]
    product.fill(0)
    for i in range(channels):
        for j in range(channels):
            for k in range(channels):
                for f in range(frequencies):
                    product[0, i, j, f] += A[0, i, k, f] * B[0, k, j, f] - A[1, i, k, f] * B[1, k, j, f]
                    product[1, i, j, f] += A[0, i, k, f] * B[1, k, j, f] + A[1, i, k, f] * B[0, k, j, f]


@compiled
def _invert(A: Planes, inverse: Planes) -> None:
    """Gauss-Jordan elimination without pivots, because positive definite matrices need none."""
    channels, frequencies = A.shape[1], A.shape[3]
    inverse.fill(0)
    _add(A, np.float32(1), inverse)
    for k in range(channels):
        for f in range(frequencies):
            inverse[0, k, k, f] = np.float32(1) / inverse[0, k, k, f]
            inverse[1, k, k, f] = np.float32(0)
        for j in range(channels):
            if j != k:
                for f in range(frequencies):
                    inverse[0, k, j, f] *= inverse[0, k, k, f]
                    inverse[1, k, j, f] *= inverse[0, k, k, f]
        for i in range(channels):
            if i == k:
                continue
            for j in range(channels):
                if j != k:
                    for f in range(frequencies):
                        re, im = inverse[0, i, k, f], inverse[1, i, k, f]
                        inverse[0, i, j, f] -= re * inverse[0, k, j, f] - im * inverse[1, k, j, f]
                        inverse[1, i, j, f] -= re * inverse[1, k, j, f] + im * inverse[0, k, j, f]
            for f in range(frequencies):
                inverse[0, i, k, f] *= -inverse[0, k, k, f]
                inverse[1, i, k, f] *= -inverse[0, k, k, f]
