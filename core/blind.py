"""The blind layout: how many loops there are, how long they are, and when each plays, from the spectral cube alone.

Votes of single bins propose loops; the shortest description of the song by loops decides which of them there are.
Proposals are taken in the order of their votes where they shorten the description; those that others make superfluous
are taken out again, each bar is given its loops anew, lengths are tried, and what is left unexplained votes once more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.cube import Cube
from core.cycles import LENGTHS, On, Phases, counted_from_song, counted_from_switch, switches
from core.layout import Layout
from core.progress import Progress, part_of, silent
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
from core.sparse_code import Coder, coder
from core.votes import MISFITS, Candidate, Patterns, candidates, choose_bins, count_votes, two_level

VOTERS = 20_000  # bins that vote
CODED = 250  # bins that are described: evenly from the strongest patterns, and as many at random
STRATA = 20
MOST_CANDIDATES = 24
ROUNDS = 3
BARS_PER_LENGTH = 5  # a loop of n bars is looked for in songs of at least this many times n
RETURNS = 2.5  # so often a longer cycle must be heard to be tried
FIRST_LENGTH = 0.01  # of the empty description: what a longer cycle must save while other loops are still missing
SHADOW = 0.1  # of the empty description: a loop that saves more is no mere change of level
EVEN = 0.03  # gains all this near to 1 are 1


@dataclass(frozen=True)
class Found:
    """A layout found blind, and what speaks for it.

    Attributes:
        layout: without loops where nothing repeats.
        repeating: share of the audible bins that repeat like a single loop.
        savings: by how much each loop shortens the description of the song, as a share of it, float64 [loops].
    """

    layout: Layout
    repeating: float
    savings: NDArray[np.float64]


@dataclass(frozen=True)
class Survey:
    """What a song's cube says about its loops, whatever number of them is asked for.

    Attributes:
        subset: the bins that are described.
        found: as many loops as pay.
        repeating: as in `Found`.
    """

    subset: Coder
    found: Proposal
    repeating: float


def find_layout(
    cube: Cube,
    *,
    count: int | None = None,
    longest: int = 8,
    jitter: float = 0.0,
    seed: int = 0,
    progress: Progress = silent,
) -> Found:
    """The layout of a song from its complex cube [channels, frequencies, frames per bar, bars].

    Args:
        count: at most so many loops, or None for as many as pay.
        longest: bars of the longest loop to look for.
        jitter: frames by which repeats may be off their bars, as in `choose_bins`.
    """
    return layout_of(survey(cube, longest=longest, jitter=jitter, seed=seed, progress=progress), count)


def survey(cube: Cube, *, longest: int = 8, jitter: float = 0.0, seed: int = 0, progress: Progress = silent) -> Survey:
    """The part of `find_layout` that takes long and does not depend on the number of loops."""
    progress(0.0, "votes")
    longest = min(longest, max(cube.shape[3] // BARS_PER_LENGTH, 1))
    chosen = choose_bins(cube, VOTERS, seed, jitter)
    patterns = two_level(chosen.bins)
    proposed = candidates(count_votes(patterns), longest)[:MOST_CANDIDATES]
    described = strata(patterns, seed)
    subset = coder(chosen.bins[described], chosen.slack[described])
    found = _settle(subset, proposed, longest, part_of(progress, 0.2, 1.0))
    repeating = (patterns.misfit < MISFITS[-1]) & (patterns.on.sum(axis=1) > 1)
    return Survey(subset, found, float(repeating.mean()))


def layout_of(surveyed: Survey, count: int | None = None) -> Found:
    """The layout of at most `count` loops, those that are worth most; None for all."""
    subset = surveyed.subset
    found = _at_most(subset, surveyed.found, count)
    savings = worth(subset, found) / max(subset.empty.length, 1e-30)
    return Found(_layout(found, subset.bars), surveyed.repeating, savings)


def strata(patterns: Patterns, seed: int) -> NDArray[np.intp]:
    """Which bins to describe: as many of each strong pattern, so that loud loops do not decide alone, and others."""
    rng = np.random.default_rng(seed)
    several = patterns.on.sum(axis=1) > 1
    good = np.flatnonzero((patterns.misfit < 0.1) & several)
    _, pattern, counts = np.unique(patterns.on[good], axis=0, return_inverse=True, return_counts=True)
    strongest = np.argsort(-counts, kind="stable")[:STRATA]
    share = max(CODED // 2 // max(len(strongest), 1), 1)
    chosen = [rng.permutation(good[pattern == k])[:share] for k in strongest if counts[k] > 2]
    picked = np.concatenate(chosen) if chosen else np.array([], dtype=np.intp)
    others = np.setdiff1d(np.flatnonzero(several), picked)
    return np.sort(np.concatenate([picked, rng.permutation(others)[: CODED - len(picked)]])).astype(np.intp)


def _settle(subset: Coder, proposed: list[Candidate], longest: int, progress: Progress) -> Proposal:
    current = propose(subset, [], [])
    pool = proposed
    for round_ in range(ROUNDS):
        progress(round_ / ROUNDS, "layout")
        before = current.score
        current = grown(subset, current, [c for c in pool if not _there(c, current)], longest)
        current = merged(subset, pruned(subset, with_gains(subset, current)))
        current = joined(subset, current, longest)
        current = relengthened(subset, reassigned(subset, current), longest)
        if not current.loops or current.score >= before:
            break
        # What did not pay beside half the loops may pay beside all of them, so all are asked again.
        pool = proposed + _left_over(current, longest)
    return with_gains(subset, without_shadows(subset, pruned(subset, current)))


def _there(candidate: Candidate, current: Proposal) -> bool:
    return any(np.array_equal(row >= 0, candidate.on) for row in current.phases)


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
    for length in sorted({current.lengths[one], current.lengths[other], *_longest_cycles(on, longest)}):
        for row in _phasings(on, length):
            fewer = improved(subset, current, [*phases, row], [*lengths, length], gains, margin=-SHADOW)
            if fewer is not None:
                yield fewer


def _phasings(on: On, length: int) -> list[Phases]:
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


def _at_most(subset: Coder, current: Proposal, count: int | None) -> Proposal:
    """The `count` most useful loops."""
    while count is not None and current.loops > count:
        current = _without(subset, current, int(np.argmin(worth(subset, current))))
    return current


def _without(subset: Coder, current: Proposal, loop: int) -> Proposal:
    return only(subset, current, [k for k in range(current.loops) if k != loop])


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


def _relengthened(subset: Coder, current: Proposal, loop: int, longest: int, margin: float = PER_LOOP) -> Proposal:
    """The longest cycles are tried first, as they hold all that divide them; then shorter ones."""
    on = current.phases[loop] >= 0
    for length in _longest_cycles(on, longest):
        if length != current.lengths[loop]:
            current = _counted(subset, current, loop, on, length, margin) or current
    for length in (n for n in reversed(LENGTHS) if current.lengths[loop] % n == 0 and n < current.lengths[loop]):
        shorter = _counted(subset, current, loop, on, length, 0.0)
        if shorter is None:
            break
        current = shorter
    return current


def _counted(subset: Coder, current: Proposal, loop: int, on: On, length: int, margin: float) -> Proposal | None:
    """With one loop of another length, counted as is best."""
    lengths = [*current.lengths[:loop], length, *current.lengths[loop + 1 :]]
    changed = [
        improved(subset, current, [*current.phases[:loop], row, *current.phases[loop + 1 :]], lengths, margin=margin)
        for row in _phasings(on, length)
    ]
    return min((found for found in changed if found is not None), key=lambda found: found.score, default=None)


def _longest_cycles(on: On, longest: int) -> list[int]:
    """The longest cycles, of those that divide by three and those that do not, that a row is long enough for."""
    possible = [n for n in LENGTHS if n <= longest and on.sum() >= RETURNS * n]
    return [group[-1] for group in ([n for n in possible if n % 3], [n for n in possible if not n % 3]) if group]


def _left_over(current: Proposal, longest: int) -> list[Candidate]:
    """Loops that the residual votes for."""
    return candidates(count_votes(two_level(current.description.residual)), longest)[:8]


def _loops_of(proposed: list[Candidate]) -> tuple[list[Phases], list[int], Gains]:
    gains = np.ones((len(proposed[0].on), len(proposed)), dtype=np.float32)
    for k, candidate in enumerate(proposed):
        level = float(np.median(candidate.gains[candidate.on]))
        gains[:, k] = np.clip(candidate.gains / level, *GAIN_RANGE) if level > 0 else 1.0
        if np.abs(gains[candidate.on, k] - 1).max() < EVEN:
            gains[:, k] = 1.0
    return [c.phases for c in proposed], [c.length for c in proposed], gains


def _layout(found: Proposal, bars: int) -> Layout:
    phases = np.array(found.phases, dtype=np.int16).reshape(found.loops, bars).T
    return Layout(np.where(phases >= 0, found.gains, 0.0).astype(np.float32), tuple(found.lengths), phases)
