"""Cycles: the loop bar that sounds in each bar of the song, given when the loop is on and how many bars it has.

An on/off row is bool [bars]. A row of loop bars is int16 [bars]: the loop bar that sounds, -1 where the loop is off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

On = NDArray[np.bool_]
LoopBars = NDArray[np.int16]

LENGTHS = (1, 2, 3, 4, 6, 8)
"""The lengths that a loop may have, in bars."""


def counted_from_song(on: On, length: int) -> LoopBars:
    """Loop bars counted by the song: its bar b always plays loop bar b modulo `length`, wherever the loop starts."""
    return np.where(on, np.arange(len(on)) % length, -1).astype(np.int16)


def counted_from_switch(on: On, length: int) -> LoopBars:
    """Loop bars counted by the loop: it starts with its first bar whenever it is switched on."""
    bars = np.arange(len(on))
    switched_on = on & ~np.concatenate([[False], on[:-1]])
    latest = np.maximum.accumulate(np.where(switched_on, bars, 0))
    return np.where(on, (bars - latest) % length, -1).astype(np.int16)


def switches(on: On) -> int:
    """How often a loop is switched on or off. It counts as off before and after the song."""
    return int(np.count_nonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8))))


def known_switches(on: On, known: On) -> int:
    """The `switches` of the known bars, as if there were no others."""
    return switches(on[known])


def residue_bars(on: On, length: int) -> On:
    """The bars whose position in a cycle of `length` is on somewhere: there `on` shows whether the loop plays."""
    bars = np.arange(len(on)) % length
    return np.isin(bars, np.unique(bars[on]))


def filled(on: On, known: On) -> On:
    """The row with its unknown bars filled in: on if the nearest known bars before and after are on, else off."""
    places = np.flatnonzero(known)
    bars = np.arange(len(on))
    before = np.clip(np.searchsorted(places, bars, side="right") - 1, 0, None)
    after = np.clip(np.searchsorted(places, bars, side="left"), None, len(places) - 1)
    outside = (bars < places[0]) | (bars > places[-1])
    return np.where(known, on, on[places[before]] & on[places[after]] & ~outside)


@dataclass(frozen=True)
class Columns:
    """Loops split into the sounds that return within them. A loop in a bar is the sum of its columns there.

    For example, a loop of four bars A B A C has a column for the sound that all four bars share, one for the first and
    third bar, one for the second and fourth, and one for each single bar.

    Attributes:
        matrix: 1 where a column sounds, else 0, float32 [bars, columns].
        owners: the loop of each column, [columns].
        periods, places: a column sounds in every `periods`-th bar of its loop, from loop bar `places` on, [columns].
    """

    matrix: NDArray[np.float32]
    owners: NDArray[np.intp]
    periods: NDArray[np.intp]
    places: NDArray[np.intp]

    def heard(self, loop: int, place: int) -> NDArray[np.intp]:
        """The columns that sound in a loop bar."""
        return np.flatnonzero((self.owners == loop) & (place % self.periods == self.places))


def columns_of(loop_bars: list[LoopBars], lengths: list[int]) -> Columns:
    """The columns of these loops, without those that never sound or that always sound together with another one."""
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
