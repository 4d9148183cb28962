"""Cycles: which bar of a loop sounds in each bar of the song, from when the loop is on and how long it is.

An on/off row is bool [bars]; a phase row is int16 [bars], the bar of the loop that is heard, -1 where it is off.
"""

import numpy as np
from numpy.typing import NDArray

On = NDArray[np.bool_]
Phases = NDArray[np.int16]

LENGTHS = (1, 2, 3, 4, 6, 8)
"""Bars that a loop may last."""


def counted_from_song(on: On, length: int) -> Phases:
    """Phases of a loop that follows the song's own count of bars, wherever it is switched on."""
    return np.where(on, np.arange(len(on)) % length, -1).astype(np.int16)


def counted_from_switch(on: On, length: int) -> Phases:
    """Phases of a loop that begins with its first bar whenever it is switched on."""
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


def types(phases: list[Phases], lengths: list[int]) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """One column for each bar of each loop that sounds somewhere.

    Returns:
        Matrix of 0 and 1, float32 [bars, types]; the loop of each column; the bar of that loop.
    """
    columns, owners, places = [], [], []
    for loop, (row, length) in enumerate(zip(phases, lengths, strict=True)):
        for place in range(length):
            here = row == place
            if here.any():
                columns.append(here)
                owners.append(loop)
                places.append(place)
    matrix = np.array(columns, dtype=np.float32).T
    return matrix, np.array(owners, dtype=np.intp), np.array(places, dtype=np.intp)
