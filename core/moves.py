"""Moves in the search for a layout: each takes a proposal and gives one whose description is shorter, or the same.

Loops come, go, become one, are given their bars anew, get other lengths and exchange them (for those that ring on, see
`core.tails`).
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from core.cycles import LENGTHS, On, Phases, counted_from_song, counted_from_switch, switches
from core.progress import Progress
from core.proposals import (
    GAIN_RANGE,
    PER_LOOP,
    PER_SWITCH,
    Gains,
    Proposal,
    improved,
    only,
    propose,
    some_of,
    with_gains,
    worth,
)
from core.sparse_code import Coder
from core.votes import Candidate

ROUNDS = 3
RETURNS = 2.5  # so often a longer cycle must be heard to be tried
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
        phases, lengths, gains = _loops_of([candidate])
        gains = np.concatenate([current.gains, gains], axis=1)
        more = improved(subset, current, current.phases + phases, current.lengths + lengths, gains)
        if more is not None:
            current = _relengthened(subset, more, more.loops - 1, longest, FIRST_LENGTH)
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
            apart = np.count_nonzero((current.phases[one] >= 0) != (current.phases[other] >= 0))
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
                return joined(subset, _relengthened(subset, fitted, fitted.loops - 1, longest), longest)
    return current


def _joins(subset: Coder, current: Proposal, one: int, other: int, longest: int) -> Iterator[Proposal]:
    """One loop in the place of two, if it comes and goes no more often, and might do once gains are fitted."""
    first, second = current.phases[one] >= 0, current.phases[other] >= 0
    on, both = first | second, first & second
    if switches(on) >= switches(first) + switches(second):
        return
    if both.any() and switches(on) > min(switches(first), switches(second)):
        return
    scale = np.median(current.gains[both, one] / current.gains[both, other]) if both.any() else 1.0
    row_gains = np.where(first, current.gains[:, one], scale * current.gains[:, other])
    phases, lengths, gains = some_of(current, [k for k in range(current.loops) if k not in (one, other)])
    gains = np.concatenate([gains, row_gains[:, None]], axis=1).astype(np.float32)
    likely = [cycles[0] for cycles in _cycles(on, longest) if cycles]
    for length in sorted({current.lengths[one], current.lengths[other], *likely}):
        for row in phasings(on, length):
            fewer = improved(subset, current, [*phases, row], [*lengths, length], gains, margin=-SHADOW)
            if fewer is not None:
                yield fewer


def phasings(on: On, length: int) -> list[Phases]:
    """The ways in which a loop of some length may be counted."""
    from_song, from_switch = counted_from_song(on, length), counted_from_switch(on, length)
    return [from_song] if np.array_equal(from_song, from_switch) else [from_song, from_switch]


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


def reassigned(subset: Coder, current: Proposal) -> Proposal:
    """Each bar given its loops anew while the contents stay, as long as that helps."""
    for _ in range(ROUNDS):
        phases = _flipped(subset, current)
        if all(np.array_equal(a, b) for a, b in zip(phases, current.phases, strict=True)):
            break
        changed = improved(subset, current, phases, current.lengths)
        if changed is None:
            break
        current = changed
    return current


def _flipped(subset: Coder, current: Proposal) -> list[Phases]:
    """The phases after the best single switch in each bar, taken while it saves more than it costs."""
    columns = current.columns()
    rows = [row.copy() for row in current.phases]
    price = PER_SWITCH * subset.empty.length
    for bar in range(subset.bars):
        residual = current.description.residual[:, bar]
        base = float(np.log1p(np.square(np.abs(residual)) / subset.floor).mean())
        best, choice = 1e-6, None
        for k, row in enumerate(rows):
            gain = current.gains[bar, k]
            for option, place, sign in _options(row, current.lengths[k], bar):
                left = residual - sign * gain * current.sounds(columns, k, place)
                saved = base - float(np.log1p(np.square(np.abs(left)) / subset.floor).mean())
                flipped = row.copy()
                flipped[bar] = option
                saved -= price * (switches(flipped >= 0) - switches(row >= 0))
                if saved > best:
                    best, choice = saved, (k, option)
        if choice is not None:
            rows[choice[0]][bar] = choice[1]
    return rows


def _options(row: Phases, length: int, bar: int) -> list[tuple[int, int, int]]:
    """What else a loop could do in a bar: (its new phase, the bar of the loop that comes or goes, its sign)."""
    if row[bar] >= 0:
        heard_again = np.count_nonzero(row == row[bar]) > 2
        return [(-1, int(row[bar]), -1)] if heard_again else []
    neighbours = set()
    if bar > 0 and row[bar - 1] >= 0:
        neighbours.add((int(row[bar - 1]) + 1) % length)
    if bar + 1 < len(row) and row[bar + 1] >= 0:
        neighbours.add((int(row[bar + 1]) - 1) % length)
    return [(place, place, 1) for place in sorted(neighbours or {bar % length})]


def relengthened(subset: Coder, current: Proposal, longest: int) -> Proposal:
    """With other lengths of loops where the description gets shorter."""
    for k in range(current.loops):
        current = _relengthened(subset, current, k, longest)
    return current


def _relengthened(
    subset: Coder, current: Proposal, loop: int, longest: int, margin: float = PER_LOOP, *, every: bool = False
) -> Proposal:
    """The longest cycles are tried first, as they hold all that divide them; then shorter ones.

    Args:
        every: where the longest does not pay, the next ones are tried too.
    """
    on = current.phases[loop] >= 0
    for cycles in _cycles(on, longest):
        for length in cycles if every else cycles[:1]:
            longer = None if length == current.lengths[loop] else _counted(subset, current, loop, on, length, margin)
            if longer is not None:
                current = longer
                break
    for length in reversed(_divisors(current.lengths[loop])):
        shorter = _counted(subset, current, loop, on, length, 0.0)
        if shorter is None:
            break
        current = shorter
    return current


def _divisors(length: int) -> list[int]:
    """Shorter lengths of loops that divide this one."""
    return [n for n in LENGTHS if n < length and length % n == 0]


def exchanged(subset: Coder, current: Proposal, longest: int, progress: Progress) -> Proposal:
    """With a loop's longer cycle given to another one where that is shorter, though neither half of the step need be.

    A search among few bins tells what to look at closely.
    """
    loop = 0
    while loop < current.loops:
        progress(loop / current.loops, "layout")
        rough = subset.glance
        now = propose(rough, current.phases, current.lengths, current.gains)
        other = min(_exchanges(rough, current, loop, longest), key=lambda other: other.score, default=None)
        loop += 1
        if other is not None and other.score < now.score + EXCHANGE * rough.empty.length:
            other = propose(subset, other.phases, other.lengths, other.gains)
            if other.score < current.score - EXCHANGE * subset.empty.length:
                current = joined(subset, with_gains(subset, other), longest)
    return current


def _exchanges(subset: Coder, current: Proposal, loop: int, longest: int) -> Iterator[Proposal]:
    for length in _divisors(current.lengths[loop]):
        for row in phasings(current.phases[loop] >= 0, length):
            changed = propose(subset, *_with_one(current, loop, row, length), current.gains)
            for other in range(current.loops):
                if other != loop:
                    changed = _relengthened(subset, changed, other, longest, 0.0, every=True)
            yield changed


def _counted(subset: Coder, current: Proposal, loop: int, on: On, length: int, margin: float) -> Proposal | None:
    """With one loop of another length, counted as is best."""
    changed = [
        improved(subset, current, *_with_one(current, loop, row, length), margin=margin) for row in phasings(on, length)
    ]
    return min((found for found in changed if found is not None), key=lambda found: found.score, default=None)


def _with_one(current: Proposal, loop: int, row: Phases, length: int) -> tuple[list[Phases], list[int]]:
    """The phases and lengths with one loop's changed."""
    phases, lengths = current.phases, current.lengths
    return [*phases[:loop], row, *phases[loop + 1 :]], [*lengths[:loop], length, *lengths[loop + 1 :]]


def _cycles(on: On, longest: int) -> list[list[int]]:
    """The cycles that a row is long enough for, longest first: those that do not divide by three, and those that do."""
    possible = [n for n in reversed(LENGTHS) if n <= longest and on.sum() >= RETURNS * n]
    return [[n for n in possible if n % 3], [n for n in possible if not n % 3]]


def _loops_of(proposed: list[Candidate]) -> tuple[list[Phases], list[int], Gains]:
    gains = np.ones((len(proposed[0].on), len(proposed)), dtype=np.float32)
    for k, candidate in enumerate(proposed):
        level = float(np.median(candidate.gains[candidate.on]))
        gains[:, k] = np.clip(candidate.gains / level, *GAIN_RANGE) if level > 0 else 1.0
        if np.abs(gains[candidate.on, k] - 1).max() < EVEN:
            gains[:, k] = 1.0
    return [c.phases for c in proposed], [c.length for c in proposed], gains
