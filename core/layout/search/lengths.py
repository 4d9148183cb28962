"""Moves that change how many bars a loop has."""

import numpy as np

from core.layout.cycles import LENGTHS, LoopBars, On, counted_from_song, counted_from_switch
from core.layout.search.description import Coder
from core.layout.search.proposals import PER_LOOP, Proposal, improved

RETURNS = 2.5  # so often a longer cycle must be heard to be tried


def phasings(on: On, length: int) -> list[LoopBars]:
    """The ways in which a loop of some length may be counted."""
    from_song, from_switch = counted_from_song(on, length), counted_from_switch(on, length)
    return [from_song] if np.array_equal(from_song, from_switch) else [from_song, from_switch]


def relengthened(subset: Coder, current: Proposal, longest: int) -> Proposal:
    """With other lengths of loops where the description gets shorter."""
    for k in range(current.loops):
        current = relengthened_one(subset, current, k, longest)
    return current


def relengthened_one(
    subset: Coder, current: Proposal, loop: int, longest: int, margin: float = PER_LOOP, *, every: bool = False
) -> Proposal:
    """The longest cycles are tried first, as they hold all that divide them; then shorter ones.

    Args:
        every: where the longest does not pay, the next ones are tried too.
    """
    on = current.loop_bars[loop] >= 0
    for cycles in cycle_lengths(on, longest):
        for length in cycles if every else cycles[:1]:
            longer = None if length == current.lengths[loop] else _counted(subset, current, loop, on, length, margin)
            if longer is not None:
                current = longer
                break
    for length in reversed(divisors(current.lengths[loop])):
        shorter = _counted(subset, current, loop, on, length, 0.0)
        if shorter is None:
            break
        current = shorter
    return current


def divisors(length: int) -> list[int]:
    """Shorter lengths of loops that divide this one."""
    return [n for n in LENGTHS if n < length and length % n == 0]


def _counted(subset: Coder, current: Proposal, loop: int, on: On, length: int, margin: float) -> Proposal | None:
    """With one loop of another length, counted as is best."""
    changed = [
        improved(subset, current, *with_one(current, loop, row, length), margin=margin) for row in phasings(on, length)
    ]
    return min((found for found in changed if found is not None), key=lambda found: found.score, default=None)


def with_one(current: Proposal, loop: int, row: LoopBars, length: int) -> tuple[list[LoopBars], list[int]]:
    """The loop bars and lengths with one loop's changed."""
    loop_bars, lengths = current.loop_bars, current.lengths
    return [*loop_bars[:loop], row, *loop_bars[loop + 1 :]], [*lengths[:loop], length, *lengths[loop + 1 :]]


def cycle_lengths(on: On, longest: int) -> list[list[int]]:
    """The cycles that a row is long enough for, longest first: those that do not divide by three, and those that do."""
    possible = [n for n in reversed(LENGTHS) if n <= longest and on.sum() >= RETURNS * n]
    return [[n for n in possible if n % 3], [n for n in possible if not n % 3]]
