"""Moves of the search for a layout: loops are added, removed, merged, joined, and exchange their cycles.

Each move except `merged` returns a proposal with a lower score, or the given one. More moves are in `lengths`,
`reassign`, `hidden_loops`, `tails` and `proposals`.
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
SHADOW = 0.1  # of the empty description: a loop that saves more is more than a change of another one's level
EXCHANGE = 0.001  # of the empty description: what exchanged cycles must save
EVEN = 0.03  # if all gains of a loop are this near to 1, they are set to 1


def grown(subset: Coder, current: Proposal, proposed: list[Candidate], longest: int) -> Proposal:
    """The proposal with those candidates added that lower the score, tried in the order of their votes.

    Rows with many votes are nearly always loops. Rows with few votes often come from bins in which loops overlap. They
    are tried last, when little is left for them to explain.
    """
    for candidate in proposed:
        loop_bars, lengths, gains = _loops_of([candidate])
        gains = np.concatenate([current.gains, gains], axis=1)
        more = improved(subset, current, current.loop_bars + loop_bars, current.lengths + lengths, gains)
        if more is not None:
            current = relengthened_one(subset, more, more.loops - 1, longest, FIRST_LENGTH)
    return current


def pruned(subset: Coder, current: Proposal) -> Proposal:
    """The proposal without loops that save less than their price, removed from the least useful on."""
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
    """The proposal with loops that play in the same bars merged, with the longer cycle: nothing could separate them."""
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
    """The proposal with two rows joined to one loop where that lowers the score: rare bars of a loop may form a row."""
    for one, other in combinations(range(current.loops), 2):
        for fewer in _joins(subset, current, one, other, longest):
            fitted = with_gains(subset, fewer)
            if fitted.score < current.score:
                return joined(subset, relengthened_one(subset, fitted, fitted.loops - 1, longest), longest)
    return current


def _joins(subset: Coder, current: Proposal, one: int, other: int, longest: int) -> Iterator[Proposal]:
    """Proposals with one loop in the place of two, if it switches no more often. Gains may still have to be fitted.

    Two rows that never sound together may be bars of a loop of any length, so all lengths are tried. Not so for a tail:
    it looks like a second bar, too, but belongs in a row of its own.
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
    """The proposal without loops that only stand for a change of another loop's level, with gains fitted anew."""
    for k in reversed(range(current.loops)):
        keep = [other for other in range(current.loops) if other != k]
        fewer = improved(subset, current, *some_of(current, keep), margin=-SHADOW) if keep else None
        if fewer is not None:
            fewer = with_gains(subset, fewer)
            if fewer.score < current.score:
                current = fewer
    return current


def exchanged(subset: Coder, current: Proposal, longest: int, progress: Progress) -> Proposal:
    """The proposal with the longer cycle of one loop passed to another one where that lowers the score.

    Both changes are tried at once, because each alone may raise the score. A search over few bins selects the exchanges
    that are checked on all bins.
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
