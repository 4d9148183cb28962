"""Sections of a piece: runs of bars in which the same loops play. Equal sections have equal letters: A, B, A, C."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BOUNDARY = 1.5  # the cost of a section: a loop that pauses for one bar makes no section, a change for four bars does
ALIKE = 0.5  # two sections whose mean activations have a smaller squared distance get the same letter


@dataclass(frozen=True)
class Section:
    """Bars `start` to `end`, counted from 0, `end` excluded, and the section's letter."""

    start: int
    end: int
    name: str


def find_sections(activations: NDArray[np.floating]) -> list[Section]:
    """The sections of activations [bars, loops]. They cover every bar, and neighbours have different letters.

    They minimise the squared deviations of the activations from each section's mean, plus `BOUNDARY` for each section.
    The optimum is exact, by dynamic programming over the start of the last section (Jackson et al. 2005, "An algorithm
    for optimal partitioning of data on an interval").
    """
    edges = _edges(np.asarray(activations, dtype=np.float64))
    means: list[Array] = []
    found: list[Section] = []
    for start, end in pairwise(edges):
        mean = activations[start:end].mean(axis=0, dtype=np.float64)
        alike = [k for k, known in enumerate(means) if np.square(known - mean).sum() < ALIKE]
        if not alike:
            means.append(mean)
        name = _letter(alike[0] if alike else len(means) - 1)
        if found and found[-1].name == name:
            start = found.pop().start
        found.append(Section(start, end, name))
    return found


def _edges(activations: Array) -> list[int]:
    bars = len(activations)
    sums = np.concatenate([np.zeros((1, activations.shape[1])), np.cumsum(activations, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum(np.square(activations).sum(axis=1))])
    best = np.zeros(bars + 1)
    last = np.zeros(bars + 1, dtype=np.intp)
    for end in range(1, bars + 1):
        spread = np.square(sums[end] - sums[:end]).sum(axis=1) / (end - np.arange(end))
        costs = best[:end] + squares[end] - squares[:end] - spread + BOUNDARY
        last[end] = np.argmin(costs)
        best[end] = costs[last[end]]
    edges = [bars]
    while edges[-1] > 0:
        edges.append(int(last[edges[-1]]))
    return edges[::-1]


def _letter(index: int) -> str:
    """A to Z, then A2 to Z2 and so on.

    >>> _letter(0), _letter(27)
    ('A', 'B2')
    """
    turn, place = divmod(index, 26)
    return chr(ord("A") + place) + (str(turn + 1) if turn else "")
