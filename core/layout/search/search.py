"""The blind layout: the number of loops, their lengths, and when each plays, estimated from the spectral cube alone.

Votes of single bins suggest candidates, and the shortest description of the song decides which of them are loops.
Candidates are added in the order of their votes if they lower the score. Loops that others make needless are removed.
The loops of each bar are decided anew, other lengths are tried, and the residual votes again.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.base.progress import Progress, part_of, silent
from core.layout.evidence.bins import choose_bins
from core.layout.evidence.candidates import Candidate, candidates
from core.layout.evidence.votes import MISFITS, Patterns, count_votes, two_level
from core.layout.layout import Layout
from core.layout.search.description import Coder, coder
from core.layout.search.hidden_loops import widened
from core.layout.search.lengths import relengthened
from core.layout.search.moves import exchanged, grown, joined, merged, pruned, without_shadows
from core.layout.search.proposals import (
    PER_LOOP,
    Proposal,
    evened,
    only,
    propose,
    silenced,
    uncancelled,
    with_gains,
    worth,
)
from core.layout.search.reassign import reassigned
from core.layout.search.tails import owners, ringing

VOTERS = 20_000  # bins that vote
CODED = 250  # bins that are described: half of them from the strongest patterns, half at random
MOST, REPEATING = 4, 0.25  # up to 4 times as many if a smaller share repeats, so that enough of them do
STRATA = 20
EVENNESS = 0.3  # exponent from a pattern's votes to its share: at 0, chance patterns count as much as loops
EXACTLY = 0.02  # least share of bins that repeat phase and all: 0.1 and more in sequenced music, none in played
MOST_CANDIDATES = 24
ROUNDS = 3
BARS_PER_LENGTH = 5  # a loop of n bars is searched only in songs of at least this many times n bars


@dataclass(frozen=True)
class Found:
    """A layout found blind, and the evidence for it.

    Attributes:
        layout: the layout; it has no loops where nothing repeats exactly.
        repeating: the share of the audible bins that repeat like a single loop.
        savings: how much each loop shortens the description, as a share of the empty description, float64 [loops].
    """

    layout: Layout
    repeating: float
    savings: NDArray[np.float64]

    def of(self, loops: NDArray[np.intp]) -> "Found":
        """The result with the given loops only, in the given order."""
        return replace(self, layout=self.layout.of(loops), savings=self.savings[loops])

    def in_turn(self, one: int, other: int) -> "Found":
        """The result with two loops that never play together: the one that plays in more bars is off where both play.

        A loop that then never plays is removed.
        """
        on = self.layout.loop_bars >= 0
        longer = one if on[:, one].sum() >= on[:, other].sum() else other
        layout = self.layout.off(on[:, one] & on[:, other], longer)
        return replace(self, layout=layout).of(np.flatnonzero((layout.loop_bars >= 0).any(axis=0)))


@dataclass(frozen=True)
class Survey:
    """What a song's cube shows about its loops, whatever number of loops is requested.

    Attributes:
        subset: the bins that are described.
        found: the proposal with as many loops as lower the score.
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
        count: the largest number of loops; None for as many as lower the score.
        longest: the length in bars of the longest loop to search for.
        jitter: frames by which repeats may be off their bars, as in `choose_bins`.
    """
    return layout_of(survey(cube, longest=longest, jitter=jitter, seed=seed, progress=progress), count)


def survey(cube: Cube, *, longest: int = 8, jitter: float = 0.0, seed: int = 0, progress: Progress = silent) -> Survey:
    """The slow part of `find_layout`, which does not depend on the number of loops."""
    progress(0.0, "votes")
    longest = min(longest, max(cube.shape[3] // BARS_PER_LENGTH, 1))
    chosen = choose_bins(cube, VOTERS, seed, jitter)
    patterns = two_level(chosen.bins)
    proposed = candidates(count_votes(patterns), longest)[:MOST_CANDIDATES]
    repeating = float(((patterns.misfit < MISFITS[-1]) & (patterns.on.sum(axis=1) > 1)).mean())
    described = strata(patterns, seed, round(CODED * np.clip(REPEATING / max(repeating, EXACTLY), 1, MOST)))
    subset = coder(chosen.bins[described], chosen.slack[described])
    if repeating < EXACTLY:
        return Survey(subset, propose(subset, [], []), repeating)
    return Survey(subset, _settle(subset, proposed, longest, part_of(progress, 0.2, 1.0)), repeating)


def layout_of(surveyed: Survey, count: int | None = None) -> Found:
    """The layout of at most `count` loops, those that save most; None for all."""
    subset = surveyed.subset
    found = _at_most(subset, surveyed.found, count)
    savings = worth(subset, found) / max(subset.empty.length, 1e-30)
    owner = owners(found)
    loops = np.flatnonzero(owner == np.arange(found.loops))
    rings = tuple(bool(np.count_nonzero(owner == loop) > 1) for loop in loops)
    return Found(replace(_layout(found, subset.bars).of(loops), rings=rings), surveyed.repeating, savings[loops])


def strata(patterns: Patterns, seed: int, count: int = CODED) -> NDArray[np.intp]:
    """The bins to describe, [at most `count`]: half from the patterns with most votes, the others at random.

    Patterns with more votes get only a few more bins, so that no loop decides alone.
    """
    rng = np.random.default_rng(seed)
    several = patterns.on.sum(axis=1) > 1
    good = np.flatnonzero((patterns.misfit < 0.1) & several)
    _, pattern, counts = np.unique(patterns.on[good], axis=0, return_inverse=True, return_counts=True)
    strongest = np.argsort(-counts, kind="stable")[:STRATA]
    weights = counts[strongest] ** EVENNESS
    shares = np.maximum(count / 2 * weights / max(weights.sum(), 1.0), 1).astype(np.intp)
    drawn = zip(strongest, shares, strict=True)
    chosen = [rng.permutation(good[pattern == k])[:share] for k, share in drawn if counts[k] > 2]
    picked = np.concatenate(chosen) if chosen else np.array([], dtype=np.intp)
    others = np.setdiff1d(np.flatnonzero(several), picked)
    return np.sort(np.concatenate([picked, rng.permutation(others)[: count - len(picked)]])).astype(np.intp)


def _settle(subset: Coder, proposed: list[Candidate], longest: int, progress: Progress) -> Proposal:
    current = propose(subset, [], [])
    pool = proposed
    for round_ in range(ROUNDS):
        progress(round_ / (ROUNDS + 2), "layout")
        before = current.score
        current = grown(subset, current, [c for c in pool if not _there(c, current)], longest)
        current = _tidied(subset, current, longest)
        if not current.loops or current.score >= before:
            break
        # A candidate that saves too little beside half the loops may save enough beside all, so all are tried again.
        pool = proposed + _left_over(current, longest)
    current = _reconsidered(subset, current, proposed, longest, part_of(progress, ROUNDS / (ROUNDS + 2), 0.9))
    current = exchanged(subset, _widened(subset, current, longest), longest, part_of(progress, 0.9, 1.0))
    return evened(subset, with_gains(subset, without_shadows(subset, pruned(subset, current))))


def _tidied(subset: Coder, current: Proposal, longest: int) -> Proposal:
    """The proposal after all moves on the loops that it has."""
    current = joined(subset, _without_needless(subset, current), longest)
    return _reshaped(subset, current, longest)


def _without_needless(subset: Coder, current: Proposal) -> Proposal:
    current = uncancelled(subset, merged(subset, pruned(subset, with_gains(subset, current))))
    return evened(subset, silenced(subset, current))


def _reshaped(subset: Coder, current: Proposal, longest: int) -> Proposal:
    return relengthened(subset, reassigned(subset, ringing(subset, current)), longest)


def _reconsidered(
    subset: Coder, current: Proposal, proposed: list[Candidate], longest: int, progress: Progress
) -> Proposal:
    """The proposal with other loops in the place of one, where that lowers the score.

    A loop that was added too early may keep the right ones out. So each loop in turn is left out and tried again after
    all other candidates. A search over few bins selects the replacements that are checked on all bins.
    """
    rough, loop, done = subset.glance, 0, 0.0
    while loop < current.loops:
        done = max(done, loop / current.loops)
        progress(done, "layout")
        fewer = only(rough, current, [k for k in range(current.loops) if k != loop])
        fewer = relengthened(rough, fewer, longest)
        pool = [c for c in proposed + _left_over(fewer, longest) if not _there(c, fewer)]
        pool.sort(key=lambda candidate: np.array_equal(candidate.on, current.loop_bars[loop] >= 0))
        other = grown(rough, fewer, pool, longest)
        loop += 1
        if _rows(other) != _rows(current):
            other = _reshaped(rough, _without_needless(rough, other), longest)
            other = propose(subset, other.loop_bars, other.lengths, other.gains)
            if other.score < current.score - PER_LOOP * subset.empty.length:
                current = joined(subset, with_gains(subset, other), longest)
    return current


def _widened(subset: Coder, current: Proposal, longest: int) -> Proposal:
    for _ in range(ROUNDS):
        wider = widened(subset, current, [candidate.on for candidate in _left_over(current, longest)])
        if wider.loops == current.loops:
            break
        current = _tidied(subset, wider, longest)
    return current


def _there(candidate: Candidate, current: Proposal) -> bool:
    return any(np.array_equal(row >= 0, candidate.on) for row in current.loop_bars)


def _rows(current: Proposal) -> set[bytes]:
    return {row.tobytes() for row in current.loop_bars}


def _at_most(subset: Coder, current: Proposal, count: int | None) -> Proposal:
    """The `count` most useful loops with their tails."""
    while count is not None:
        owner = owners(current)
        loops = np.flatnonzero(owner == np.arange(current.loops))
        if len(loops) <= count:
            break
        least = loops[np.argmin(worth(subset, current)[loops])]
        current = only(subset, current, np.flatnonzero(owner != least).tolist())
    return current


def _left_over(current: Proposal, longest: int) -> list[Candidate]:
    """Candidates that the residual votes for."""
    return candidates(count_votes(two_level(current.description.residual)), longest)[:8]


def _layout(found: Proposal, bars: int) -> Layout:
    loop_bars = np.array(found.loop_bars, dtype=np.int16).reshape(found.loops, bars).T
    return Layout(np.where(loop_bars >= 0, found.gains, 0.0).astype(np.float32), tuple(found.lengths), loop_bars)
