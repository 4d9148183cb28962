"""Votes: on/off patterns over the bars that single bins of the spectral cube show.

In sequenced music one loop dominates most bins. Over the bars, such a bin has only two complex values: nearly nothing,
or one number s. This pattern is the on/off row of the loop, or the row of those loop bars that have sound in the bin.
Bins that contain mixtures show no such pattern. So the loops are found by counting equal patterns over many bins,
however many loops there are and whether or not their rows are linearly independent. (The idea is that of single-source
points in blind source separation, here applied across repeated bars.)
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.base.threads import in_order
from core.layout.cycles import On
from core.layout.evidence.bins import Bins

STARTS = (0.0, 0.1, 0.2, 0.35, 0.5)  # the two-level fit starts from these places among the sorted magnitudes
MISFITS = (0.02, 0.1, 0.2)  # a bin gives its pattern one vote for each of these that its misfit lies below
AT_ONCE = 1_000  # bins that are fitted at once: few enough for the processor's cache
FEWEST_VOTES = 4
MOST_PATTERNS = 80
STRAY = 0.15  # a pattern one bar away from a stronger one, with less than this share of its votes, counts as its error


@dataclass(frozen=True)
class Patterns:
    """Two-level patterns of bins.

    Attributes:
        on: bool [bins, bars].
        misfit: the energy of each bin that its pattern does not explain, as a share of the bin's energy, [bins].
        gains: the value of each bar along the bin's level s, 1 for s itself, float32 [bins, bars].
    """

    on: NDArray[np.bool_]
    misfit: NDArray[np.float32]
    gains: NDArray[np.float32]


@dataclass(frozen=True)
class Vote:
    """A pattern, its number of votes, and the median gain of its voters in each bar."""

    on: On
    count: int
    gains: NDArray[np.float32]


def two_level(bins: Bins, iterations: int = 4) -> Patterns:
    """The pattern in {0, s} nearest to each bin, by k-means with one centre fixed at zero, from several starts."""
    pieces = [bins[start : start + AT_ONCE] for start in range(0, max(len(bins), 1), AT_ONCE)]
    found = list(in_order(lambda piece: _two_level(piece, iterations), pieces))
    on, misfit, gains = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Patterns(on, misfit, gains)


def _two_level(bins: Bins, iterations: int) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """On, misfit and gains of the patterns of a few bins."""
    count, bars = bins.shape
    order = np.argsort(-np.abs(bins), axis=1)
    power = np.square(np.abs(bins))
    total = np.maximum(power.sum(axis=1), np.finfo(np.float32).tiny)
    best = np.full(count, np.inf, dtype=np.float32)
    on = np.zeros(bins.shape, dtype=np.bool_)
    levels = np.zeros(count, dtype=np.complex64)
    rows = np.arange(count)
    for start in STARTS:
        level = bins[rows, order[:, int(start * bars)]]
        for _ in range(iterations):
            near = np.abs(bins - level[:, None]) < np.abs(bins)
            members = near.sum(axis=1)
            level = np.where(members > 0, (bins * near).sum(axis=1) / np.maximum(members, 1), level)
        distance = np.square(np.abs(bins - level[:, None]))
        misfit = (np.minimum(distance, power).sum(axis=1) / total).astype(np.float32)
        better = misfit < best
        best[better], on[better], levels[better] = misfit[better], near[better], level[better]
    along = (bins * levels.conj()[:, None]).real / np.maximum(np.square(np.abs(levels)), 1e-30)[:, None]
    return on, best, along.astype(np.float32)


def count_votes(patterns: Patterns) -> list[Vote]:
    """Patterns of two bars and more with their votes, the most voted first, without errors of stronger patterns."""
    counter: Counter[bytes] = Counter()
    for misfit in MISFITS:
        counter.update(row.tobytes() for row in patterns.on[patterns.misfit < misfit])
    kept: list[tuple[On, int]] = []
    for key, count in counter.most_common():
        if count < FEWEST_VOTES or len(kept) == MOST_PATTERNS:
            break
        on = np.frombuffer(key, dtype=np.bool_)
        stray = any(np.count_nonzero(on != other) <= 1 and count < STRAY * more for other, more in kept)
        if on.sum() >= 2 and not stray:
            kept.append((on, count))
    return [Vote(on, count, _median_gains(patterns, on)) for on, count in kept]


def _median_gains(patterns: Patterns, on: On) -> NDArray[np.float32]:
    voters = (patterns.on == on).all(axis=1) & (patterns.misfit < MISFITS[-1])
    result: NDArray[np.float32] = np.where(on, np.median(patterns.gains[voters], axis=0), 1.0).astype(np.float32)
    return result
