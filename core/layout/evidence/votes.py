"""Votes: what single bins of the spectral cube say about the layout.

In sequenced music most bins of the time-frequency plane are ruled by one loop. Such a bin, followed from bar to bar,
takes just two complex values: nearly nothing, and one number s. Its two-level pattern then is that loop's on/off row,
or the row of those bars of the loop that have something there. Bins that hold mixtures do not look like this, so
counting equal patterns over many bins names the loops, however many they are and whether or not their rows are
linearly independent. (The idea is that of single-source points in blind separation, here across repeated bars.)
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.base.threads import in_order
from core.layout.cycles import On
from core.layout.evidence.bins import Bins

"""Bins followed through the bars: complex [bins, bars]."""
STARTS = (0.0, 0.1, 0.2, 0.35, 0.5)  # which of the sorted magnitudes the two-level fit starts from
MISFITS = (0.02, 0.1, 0.2)  # a pattern counts once for each of these that its bin fits better than
AT_ONCE = 1_000  # bins whose patterns are sought together: few enough for the cache
FEWEST_VOTES = 4
MOST_PATTERNS = 80
STRAY = 0.15  # share of votes below which a pattern one bar away from a stronger one is taken for its error


@dataclass(frozen=True)
class Patterns:
    """Two-level patterns of bins.

    Attributes:
        on: bool [bins, bars].
        misfit: how badly each bin fits its pattern, share of its energy, [bins].
        gains: each bar's value along the bin's level, 1 at the level itself, float32 [bins, bars].
    """

    on: NDArray[np.bool_]
    misfit: NDArray[np.float32]
    gains: NDArray[np.float32]


@dataclass(frozen=True)
class Vote:
    """A pattern, how often it was seen, and the median gain of its voters in each bar."""

    on: On
    count: int
    gains: NDArray[np.float32]


def two_level(bins: Bins, iterations: int = 4) -> Patterns:
    """The pattern in {0, s} nearest to each bin, by k-means with one centre held at zero, from several starts."""
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
    """Patterns of two bars and more with their votes, the most voted first; strays of one bar's error left out."""
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
