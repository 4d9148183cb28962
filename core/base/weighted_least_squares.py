"""Weighted least squares with one small system for each frequency, compiled. Layout and separation share it.

Cells are [bars or types, parts, frequencies]. The innermost loops run over neighbouring frequencies, so the processor
computes several at once and the data stays in its caches. D is mostly zeros, and zeros are skipped.
"""

import numpy as np
from numpy.typing import NDArray

from core.base.compiled import compiled

Array = NDArray[np.float32]

AT_ONCE = 256  # frequencies
ROUNDING = np.float32(1e-6)  # of a diagonal element: when elimination leaves less, only rounding error is left


@compiled
def solve(cells: Array, mixing: Array, weights: Array, costs: Array, result: Array) -> None:
    """The types s with the least sum over bars of weight |x_b - D_b s|^2 + sum over types of cost |s_t|^2.

    Args:
        cells: X [bars, parts, frequencies].
        mixing: D [bars, types].
        weights: [bars, frequencies].
        costs: [types, frequencies], above 0.
        result: receives S [types, parts, frequencies].
    """
    frequencies, bar_types = cells.shape[2], mixing.shape[1]
    width = min(AT_ONCE, frequencies)
    system = np.empty((bar_types, bar_types, width), dtype=np.float32)
    wanted = np.empty((bar_types, cells.shape[1], width), dtype=np.float32)
    for start in range(0, frequencies, width):
        count = min(width, frequencies - start)
        system.fill(1)  # past the last frequency any system will do that can be solved
        wanted.fill(0)
        _gather(cells, mixing, weights, start, count, system, wanted)
        for t in range(bar_types):
            for f in range(count):
                system[t, t, f] += costs[t, start + f]
        _eliminate(system, wanted)
        for t in range(bar_types):
            for p in range(cells.shape[1]):
                for f in range(count):
                    result[t, p, start + f] = wanted[t, p, f]


@compiled
def power_left(cells: Array, mixing: Array, bar_types: Array) -> Array:
    """The power of X - D S in each bar, summed over parts, [bars, frequencies]."""
    bars, parts, frequencies = cells.shape
    power = np.zeros((bars, frequencies), dtype=np.float32)
    left = np.empty(frequencies, dtype=np.float32)
    for b in range(bars):
        for p in range(parts):
            for f in range(frequencies):
                left[f] = cells[b, p, f]
            for t in range(mixing.shape[1]):
                gain = mixing[b, t]
                if gain != 0:
                    for f in range(frequencies):
                        left[f] -= gain * bar_types[t, p, f]
            for f in range(frequencies):
                power[b, f] += left[f] * left[f]
    return power


@compiled
def cancelled(bar_types: Array, costs: Array, together: NDArray[np.bool_], left: np.float32) -> Array:
    """The cost of pairs of types that cancel each other where they sound together, [frequencies].

    Args:
        types: S [types, parts, frequencies].
        costs: [types, frequencies]; for a pair that cancels, the lower cost of the two is added.
        together: [types, types], whether two types sound together.
        left: two types cancel if the power of their sum is below this share of the weaker one's power.
    """
    count, parts, frequencies = bar_types.shape
    total = np.zeros(frequencies, dtype=np.float32)
    power = np.zeros((count, frequencies), dtype=np.float32)
    both = np.empty(frequencies, dtype=np.float32)
    for t in range(count):
        for p in range(parts):
            for f in range(frequencies):
                power[t, f] += bar_types[t, p, f] * bar_types[t, p, f]
    for one in range(count):
        for other in range(one + 1, count):
            if not together[one, other]:
                continue
            for f in range(frequencies):
                both[f] = 0
            for p in range(parts):
                for f in range(frequencies):
                    both[f] += (bar_types[one, p, f] + bar_types[other, p, f]) ** 2
            for f in range(frequencies):
                if both[f] < left * min(power[one, f], power[other, f]):
                    total[f] += min(costs[one, f], costs[other, f])
    return total


@compiled
def pooled(power: Array) -> Array:
    """Each power [bars or types, frequencies] replaced by the mean over it and the two neighbouring frequencies."""
    rows, last = power.shape[0], power.shape[1] - 1
    result = np.empty_like(power)
    for b in range(rows):
        for f in range(1, last):
            result[b, f] = (power[b, f - 1] + power[b, f] + power[b, f + 1]) / np.float32(3)
        result[b, 0] = (np.float32(2) * power[b, 0] + power[b, min(last, 1)]) / np.float32(3)
        result[b, last] = (np.float32(2) * power[b, last] + power[b, max(last - 1, 0)]) / np.float32(3)
    return result


@compiled
def inverse(power: Array, floor: Array) -> tuple[Array, Array]:
    """1 / (power + floor) over its maximum m of all bars, [bars, frequencies]; and 1 / m, [frequencies]."""
    bars, frequencies = power.shape
    result = np.empty_like(power)
    most = np.zeros(frequencies, dtype=np.float32)
    for b in range(bars):
        for f in range(frequencies):
            result[b, f] = np.float32(1) / (power[b, f] + floor[f])
            most[f] = max(most[f], result[b, f])
    for b in range(bars):
        for f in range(frequencies):
            result[b, f] /= most[f]
    for f in range(frequencies):
        most[f] = np.float32(1) / most[f]
    return result, most


@compiled
def _gather(cells: Array, mixing: Array, weights: Array, start: int, count: int, system: Array, wanted: Array) -> None:
    """Compute the upper half of D^T W D, and D^T W X, for `count` frequencies."""
    bars, parts, _ = cells.shape
    bar_types = mixing.shape[1]
    weight = np.empty(count, dtype=np.float32)
    weighted = np.empty((parts, count), dtype=np.float32)
    for i in range(bar_types):
        for j in range(bar_types):
            for f in range(count):
                system[i, j, f] = 0
    for b in range(bars):
        for f in range(count):
            weight[f] = weights[b, start + f]
        for p in range(parts):
            for f in range(count):
                weighted[p, f] = weight[f] * cells[b, p, start + f]
        for i in range(bar_types):
            gain = mixing[b, i]
            if gain == 0:
                continue
            for j in range(i, bar_types):
                both = gain * mixing[b, j]
                if both != 0:
                    for f in range(count):
                        system[i, j, f] += both * weight[f]
            for p in range(parts):
                for f in range(count):
                    wanted[i, p, f] += gain * weighted[p, f]


@compiled
def _eliminate(system: Array, wanted: Array) -> None:
    """Gaussian elimination of symmetric positive definite systems, of which the upper half is given, in place."""
    bar_types, parts, frequencies = wanted.shape
    least = np.empty((bar_types, frequencies), dtype=np.float32)
    factor = np.empty(frequencies, dtype=np.float32)
    for i in range(bar_types):
        for f in range(frequencies):
            least[i, f] = ROUNDING * system[i, i, f]
    for i in range(bar_types):
        for f in range(frequencies):
            system[i, i, f] = max(system[i, i, f], least[i, f])  # rounding error may leave nothing of it
        for j in range(i + 1, bar_types):
            for f in range(frequencies):
                factor[f] = system[i, j, f] / system[i, i, f]
            for k in range(j, bar_types):
                for f in range(frequencies):
                    system[j, k, f] -= factor[f] * system[i, k, f]
            for p in range(parts):
                for f in range(frequencies):
                    wanted[j, p, f] -= factor[f] * wanted[i, p, f]
    for i in range(bar_types - 1, -1, -1):
        for p in range(parts):
            for j in range(i + 1, bar_types):
                for f in range(frequencies):
                    wanted[i, p, f] -= system[i, j, f] * wanted[j, p, f]
            for f in range(frequencies):
                wanted[i, p, f] /= system[i, i, f]
