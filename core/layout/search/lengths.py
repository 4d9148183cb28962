"""Moves that change the lengths of loops."""

import numpy as np

from core.layout.cycles import LENGTHS, LoopBars, On, counted_from_song, counted_from_switch
from core.layout.search.description import Coder
from core.layout.search.proposals import PER_LOOP, Proposal, improved

RETURNS = 2.5  # a longer cycle is tried only if the loop plays at least this many times its length


def phasings(on: On, length: int) -> list[LoopBars]:
    """The ways to count the bars of a loop of this length: by the song, or from where it is switched on."""
    from_song, from_switch = counted_from_song(on, length), counted_from_switch(on, length)
    return [from_song] if np.array_equal(from_song, from_switch) else [from_song, from_switch]


def relengthened(subset: Coder, current: Proposal, longest: int) -> Proposal:
    """The proposal with other lengths of loops where they lower the score."""
    for k in range(current.loops):
        current = relengthened_one(subset, current, k, longest)
    return current


def relengthened_one(
    subset: Coder, current: Proposal, loop: int, longest: int, margin: float = PER_LOOP, *, every: bool = False
) -> Proposal:
    """The proposal with another length of one loop where that lowers the score.

    The longest cycles are tried first, because they contain all that divide them; then shorter ones.

    Args:
        margin: what a longer cycle must save, as a share of the empty description.
        every: whether the next longest cycles are tried too if the longest does not save enough.
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
    """The shorter lengths of loops that divide this one."""
    return [n for n in LENGTHS if n < length and length % n == 0]


def _counted(subset: Coder, current: Proposal, loop: int, on: On, length: int, margin: float) -> Proposal | None:
    """The proposal with another length of one loop, counted in the best way; None if that does not save `margin`."""
    changed = [
        improved(subset, current, *with_one(current, loop, row, length), margin=margin) for row in phasings(on, length)
    ]
    return min((found for found in changed if found is not None), key=lambda found: found.score, default=None)


def with_one(current: Proposal, loop: int, row: LoopBars, length: int) -> tuple[list[LoopBars], list[int]]:
    """The loop bars and lengths with those of one loop replaced."""
    loop_bars, lengths = current.loop_bars, current.lengths
    return [*loop_bars[:loop], row, *loop_bars[loop + 1 :]], [*lengths[:loop], length, *lengths[loop + 1 :]]


def cycle_lengths(on: On, longest: int) -> list[list[int]]:
    """The cycle lengths that a row is long enough for, longest first: those not divisible by three, then the others."""
    possible = [n for n in reversed(LENGTHS) if n <= longest and on.sum() >= RETURNS * n]
    return [[n for n in possible if n % 3], [n for n in possible if not n % 3]]
