"""Cycles: which bar of a loop sounds in each bar of the song, from when the loop is on and how long it is.

An on/off row is bool [bars]; a row of loop bars is int16 [bars]: which bar of the loop sounds, -1 where it is off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

On = NDArray[np.bool_]
LoopBars = NDArray[np.int16]

LENGTHS = (1, 2, 3, 4, 6, 8)
"""Bars that a loop may last."""


def counted_from_song(on: On, length: int) -> LoopBars:
    """Loop bars of a loop that follows the song's own count of bars, wherever it is switched on."""
    return np.where(on, np.arange(len(on)) % length, -1).astype(np.int16)


def counted_from_switch(on: On, length: int) -> LoopBars:
    """Loop bars of a loop that begins with its first bar whenever it is switched on."""
    bars = np.arange(len(on))
    switched_on = on & ~np.concatenate([[False], on[:-1]])
    latest = np.maximum.accumulate(np.where(switched_on, bars, 0))
    return np.where(on, (bars - latest) % length, -1).astype(np.int16)


def switches(on: On) -> int:
    """How often a loop goes on or off, the song's ends counted as silence."""
    return int(np.count_nonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8))))


def known_switches(on: On, known: On) -> int:
    """`switches` among the known bars alone."""
    return switches(on[known])


def residue_bars(on: On, length: int) -> On:
    """The bars whose place in a cycle of `length` is on somewhere: where `on` tells whether the loop plays."""
    bars = np.arange(len(on)) % length
    return np.isin(bars, np.unique(bars[on]))


def filled(on: On, known: On) -> On:
    """On between two known on-bars, off elsewhere among the unknown bars."""
    places = np.flatnonzero(known)
    bars = np.arange(len(on))
    before = np.clip(np.searchsorted(places, bars, side="right") - 1, 0, None)
    after = np.clip(np.searchsorted(places, bars, side="left"), None, len(places) - 1)
    outside = (bars < places[0]) | (bars > places[-1])
    return np.where(known, on, on[places[before]] & on[places[after]] & ~outside)


@dataclass(frozen=True)
class Columns:
    """What sounds when: a loop's sound in a bar is the sum of its columns there.

    A loop of several bars has a column for each of its bars, and one for what returns within it: a loop of bars A B A C
    has what is the same in all four, what is the same in its first and third bar, and what is left of each.

    Attributes:
        matrix: 0 and 1, float32 [bars, columns].
        owners: the loop of each column, [columns].
        periods, places: a column is heard in every `periods`-th bar of its loop, from bar `places` on, [columns].
    """

    matrix: NDArray[np.float32]
    owners: NDArray[np.intp]
    periods: NDArray[np.intp]
    places: NDArray[np.intp]

    def heard(self, loop: int, place: int) -> NDArray[np.intp]:
        """The columns that sound in a bar of a loop."""
        return np.flatnonzero((self.owners == loop) & (place % self.periods == self.places))


def columns_of(loop_bars: list[LoopBars], lengths: list[int]) -> Columns:
    """The columns of these loops, those left out that never sound or would be heard just when another one is."""
    rows: list[NDArray[np.bool_]] = []
    keys: list[tuple[int, int, int]] = []
    for loop, (row, length) in enumerate(zip(loop_bars, lengths, strict=True)):
        seen = set()
        for period in (n for n in range(length, 0, -1) if length % n == 0):
            for place in range(period):
                here = (row >= 0) & (row % period == place)
                if here.any() and here.tobytes() not in seen:
                    seen.add(here.tobytes())
                    rows.append(here)
                    keys.append((loop, period, place))
    owners, periods, places = np.array(keys, dtype=np.intp).reshape(-1, 3).T
    matrix = np.array(rows, dtype=np.float32).reshape(len(rows), len(loop_bars[0]) if loop_bars else 0)
    return Columns(matrix.T, owners, periods, places)
