"""Moves in the search for a layout: each takes a proposal and gives one whose description is shorter, or the same.

Loops come, go, become one, are given their bars anew, get other lengths and exchange them (for those that ring on, see
`tails`).
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from core.base.progress import Progress
from core.layout.cycles import LoopBars, switches
from core.layout.evidence.candidates import Candidate
from core.layout.search.description import Coder
from core.layout.search.lengths import cycle_lengths, divisors, phasings, relengthened_one, with_one
from core.layout.search.proposals import (
    GAIN_RANGE,
    Gains,
    Proposal,
    improved,
    only,
    propose,
    some_of,
    with_gains,
    worth,
)
from core.layout.search.tails import is_tail

FIRST_LENGTH = 0.01  # of the empty description: what a longer cycle must save while other loops are still missing
SHADOW = 0.1  # of the empty description: a loop that saves more is no mere change of level
EXCHANGE = 0.001  # of the empty description: what exchanged cycles must save
EVEN = 0.03  # gains all this near to 1 are 1


def grown(subset: Coder, current: Proposal, proposed: list[Candidate], longest: int) -> Proposal:
    """With those proposed loops that are worth their price, asked in the order of their votes.

    Rows with many votes are nearly always loops; rows with few are often bins in which loops share a sound. Those come
    last, when there is little left for them to explain.
    """
    for candidate in proposed:
        loop_bars, lengths, gains = _loops_of([candidate])
        gains = np.concatenate([current.gains, gains], axis=1)
        more = improved(subset, current, current.loop_bars + loop_bars, current.lengths + lengths, gains)
        if more is not None:
            current = relengthened_one(subset, more, more.loops - 1, longest, FIRST_LENGTH)
    return current


def pruned(subset: Coder, current: Proposal) -> Proposal:
    """Without the loops that are not worth their price, the least useful ones first."""
    while current.loops:
        for k in np.argsort(worth(subset, current), kind="stable"):
            keep = [other for other in range(current.loops) if other != k]
            fewer = improved(subset, current, *some_of(current, keep))
            if fewer is not None:
                current = fewer
                break
        else:
            break
    return current


def merged(subset: Coder, current: Proposal) -> Proposal:
    """With loops that are never heard apart made one, of the longer cycle: nobody could say what belongs to which."""
    keep = list(range(current.loops))
    for one in range(current.loops):
        for other in range(one + 1, current.loops):
            apart = np.count_nonzero((current.loop_bars[one] >= 0) != (current.loop_bars[other] >= 0))
            if one in keep and other in keep and not apart:
                keep.remove(min(one, other, key=lambda k: current.lengths[k]))
    if len(keep) == current.loops:
        return current
    return only(subset, current, keep)


def joined(subset: Coder, current: Proposal, longest: int) -> Proposal:
    """With two rows made one loop where that is shorter: a loop's rare bars may have got a row of their own."""
    for one, other in combinations(range(current.loops), 2):
        for fewer in _joins(subset, current, one, other, longest):
            fitted = with_gains(subset, fewer)
            if fitted.score < current.score:
                return joined(subset, relengthened_one(subset, fitted, fitted.loops - 1, longest), longest)
    return current


def _joins(subset: Coder, current: Proposal, one: int, other: int, longest: int) -> Iterator[Proposal]:
    """One loop in the place of two, if it comes and goes no more often, and might do once gains are fitted.

    Two that are never heard at once may be bars of a loop of any length. A tail reads as a second bar, too, and stays.
    """
    first, second = current.loop_bars[one] >= 0, current.loop_bars[other] >= 0
    on, both = first | second, first & second
    if switches(on) >= switches(first) + switches(second):
        return
    if both.any() and switches(on) > min(switches(first), switches(second)):
        return
    scale = np.median(current.gains[both, one] / current.gains[both, other]) if both.any() else 1.0
    row_gains = np.where(first, current.gains[:, one], scale * current.gains[:, other])
    loop_bars, lengths, gains = some_of(current, [k for k in range(current.loops) if k not in (one, other)])
    gains = np.concatenate([gains, row_gains[:, None]], axis=1).astype(np.float32)
    tried = 1 if both.any() or is_tail(current, one, other) or is_tail(current, other, one) else None
    likely = [length for cycles in cycle_lengths(on, longest) for length in cycles[:tried]]
    for length in sorted({current.lengths[one], current.lengths[other], *likely}):
        for row in phasings(on, length):
            fewer = improved(subset, current, [*loop_bars, row], [*lengths, length], gains, margin=-SHADOW)
            if fewer is not None:
                yield fewer


def without_shadows(subset: Coder, current: Proposal) -> Proposal:
    """Without the loops that only make up for a change of another one's level, once the gains are fitted anew."""
    for k in reversed(range(current.loops)):
        keep = [other for other in range(current.loops) if other != k]
        fewer = improved(subset, current, *some_of(current, keep), margin=-SHADOW) if keep else None
        if fewer is not None:
            fewer = with_gains(subset, fewer)
            if fewer.score < current.score:
                current = fewer
    return current


def exchanged(subset: Coder, current: Proposal, longest: int, progress: Progress) -> Proposal:
    """With a loop's longer cycle given to another one where that is shorter, though neither half of the step need be.

    A search among few bins tells what to look at closely.
    """
    loop = 0
    while loop < current.loops:
        progress(loop / current.loops, "layout")
        rough = subset.glance
        now = propose(rough, current.loop_bars, current.lengths, current.gains)
        other = min(_exchanges(rough, current, loop, longest), key=lambda other: other.score, default=None)
        loop += 1
        if other is not None and other.score < now.score + EXCHANGE * rough.empty.length:
            other = propose(subset, other.loop_bars, other.lengths, other.gains)
            if other.score < current.score - EXCHANGE * subset.empty.length:
                current = joined(subset, with_gains(subset, other), longest)
    return current


def _exchanges(subset: Coder, current: Proposal, loop: int, longest: int) -> Iterator[Proposal]:
    for length in divisors(current.lengths[loop]):
        for row in phasings(current.loop_bars[loop] >= 0, length):
            changed = propose(subset, *with_one(current, loop, row, length), current.gains)
            for other in range(current.loops):
                if other != loop:
                    changed = relengthened_one(subset, changed, other, longest, 0.0, every=True)
            yield changed


def _loops_of(proposed: list[Candidate]) -> tuple[list[LoopBars], list[int], Gains]:
    gains = np.ones((len(proposed[0].on), len(proposed)), dtype=np.float32)
    for k, candidate in enumerate(proposed):
        level = float(np.median(candidate.gains[candidate.on]))
        gains[:, k] = np.clip(candidate.gains / level, *GAIN_RANGE) if level > 0 else 1.0
        if np.abs(gains[candidate.on, k] - 1).max() < EVEN:
            gains[:, k] = 1.0
    return [c.loop_bars for c in proposed], [c.length for c in proposed], gains
