"""The layout of music that is played by hand: magnitudes vote, because they return where phases do not.

A player's notes are a few ms early or late, and a little louder or softer. This changes the phase of a bin, and its
magnitude by some tenths. But over the bars, a bin that one loop dominates still has two values: nearly nothing, or
about one level. So the votes of `evidence.votes` and the lengths of `search.description` work on magnitudes as on
complex bins, with a floor that allows for the player. Only the choice of loops differs. Beside every true row, a player
causes many rows that miss a bar or two. So loops are chosen from the most voted down, and a row with few votes may only
replace a near row that switches more often.
"""

import numpy as np
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.base.progress import Progress, silent
from core.layout.cycles import On, switches
from core.layout.evidence.bins import EDGE, Chosen, audible
from core.layout.evidence.candidates import Candidate, candidates
from core.layout.evidence.votes import Patterns, count_votes, two_level
from core.layout.layout import Layout
from core.layout.search.description import Coder, coder
from core.layout.search.proposals import Proposal, propose
from core.layout.search.search import strata

VOTERS = 20_000
POOLED = 3  # frames that are averaged: sound that moves out of one frame by 3 ms moves into the next
SLACK = 0.03  # of a bin's power: 1.5 dB up and down
BARS_PER_LENGTH = 6  # a loop of n bars is searched only in songs of at least this many times n bars
NEAR = 8  # two rows are near each other if they differ in at most one bar of this many
EXPLAINED = 0.15  # of the empty description: what all loops must save. Chance rows save 0.05, played songs half of it
FEW = 0.03  # of all votes but the strongest row's, whose number varies freely: a row with fewer adds no loop
STRAY = 0.05  # a near row with less than this share of a stronger one's votes that switches no less is its error
LEFT = 0.6  # of the power left by known loops: of a voice 0.75 and more stays unexplained, of played loops 0.35 at most
BESIDE = 0.002  # of the empty description: what a loop must save beside known ones
FLICKER = 0.0013  # and in addition for each time that it is switched on or off
MOST_CANDIDATES = 20

Levels = NDArray[np.float32]


def find_played_layout(
    cube: Cube,
    *,
    known: Layout | None = None,
    count: int | None = None,
    longest: int = 8,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Layout, Proposal]:
    """The layout of a song from its complex cube [channels, frequencies, frames per bar, bars], without the phases.

    Args:
        known: loops that are certain. They come first in the result.
        count: the largest number of loops, known and most voted ones; None for as many as lower the score.

    Returns:
        The layout, and the proposal that it was made from. It has no loops where nothing repeats. (A steady noise does
        repeat in magnitude.)

    Raises:
        LoopError: MUSIC_NOT_USABLE for silence.
    """
    progress(0.0, "votes")
    chosen = magnitude_bins(cube, VOTERS, seed)
    patterns = two_level(chosen.bins)
    proposed = played_candidates(patterns, min(longest, max(cube.shape[3] // BARS_PER_LENGTH, 1)))
    spread = strata(patterns, seed)
    subset = coder(chosen.bins[spread], chosen.slack[spread])
    found = described(subset, chosen_loops(subset, proposed, _certain(known), progress)[:count])
    weak = found.score > (1 - EXPLAINED) * subset.empty.length
    if weak or (known is not None and _left(subset, found) > LEFT):
        found = propose(subset, [], [])
    loop_bars = np.array(found.loop_bars, dtype=np.int16).reshape(found.loops, cube.shape[3]).T
    return Layout((loop_bars >= 0).astype(np.float32), tuple(found.lengths), loop_bars), found


def magnitude_bins(cube: Cube, count: int, seed: int) -> Chosen:
    """The magnitudes of up to `count` audible bins, [bins, bars], evenly over log frequency; complex only in type.

    In stereo, middle and side count as channels too: each of the four lacks sounds from other places in the image.
    """
    inner = cube[:, :, EDGE[0] : cube.shape[2] - EDGE[1]]
    power = np.stack([_pooled(_with_middle_and_side(inner[..., bar])) for bar in range(cube.shape[3])])
    channel, frequency, time = audible(power.sum(axis=0), count, seed)
    bins = np.sqrt(power[:, channel, frequency, time].T).astype(np.complex64)
    return Chosen(bins, np.full(len(bins), SLACK, dtype=np.float32))


def played_candidates(patterns: Patterns, longest: int) -> list[Candidate]:
    """Candidates that the magnitudes vote for, the most voted first, without those that are errors of stronger ones."""
    kept: list[Candidate] = []
    for candidate in candidates(count_votes(patterns), longest):
        if len(kept) < MOST_CANDIDATES and not any(_is_stray(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def chosen_loops(
    subset: Coder, proposed: list[Candidate], known: list[Candidate], progress: Progress = silent
) -> list[Candidate]:
    """Known loops, and candidates that lower the score, tried from the most voted down, without those no longer needed.

    A row may replace a near row that switches more than twice as often. Votes rank the rows, not the savings:
    magnitudes are above zero everywhere, so a row that always plays saves something in every bar.
    """
    current = list(known)
    enough = FEW * sum(candidate.votes for candidate in proposed[1:])
    again = [*proposed, *proposed]  # a loop may lower the score only beside others
    for number, candidate in enumerate(again):
        progress(0.2 + 0.8 * number / len(again), "layout")
        if any(candidate is other for other in current):
            continue
        places = [other for other in current[len(known) :] if _smoother(candidate, other)]
        options = [[*(o for o in current if o is not other), candidate] for other in places]
        if candidate.votes >= enough:
            options.append([*current, candidate])
        current = min([current, *options], key=lambda loops: described(subset, loops).score)
    for candidate in reversed(current[len(known) :]):
        fewer = [other for other in current if other is not candidate]
        current = min([current, fewer], key=lambda loops: described(subset, loops).score)
    return _worthwhile(subset, current, len(known)) if known else current


def _worthwhile(subset: Coder, loops: list[Candidate], known: int) -> list[Candidate]:
    """The loops without new ones that save too little. The first `known` loops stay.

    Known loops leave errors behind, and these repeat here and there.
    """
    whole = described(subset, loops).score
    for loop in reversed(loops[known:]):
        fewer = [other for other in loops if other is not loop]
        without = described(subset, fewer).score
        if without - whole < (BESIDE + FLICKER * switches(loop.on)) * subset.empty.length:
            loops, whole = fewer, without
    return loops


def _left(subset: Coder, found: Proposal) -> float:
    """The share of the power of all bins that the loops do not explain."""
    return float(np.square(np.abs(found.description.residual)).sum() / np.square(np.abs(subset.bins)).sum())


def _certain(known: Layout | None) -> list[Candidate]:
    if known is None:
        return []
    rows = zip(known.loop_bars.T, known.bars_per_loop, known.activations.T, strict=True)
    return [Candidate(0, loop_bars >= 0, length, loop_bars, gains) for loop_bars, length, gains in rows]


def described(subset: Coder, loops: list[Candidate]) -> Proposal:
    """The subset described by these loops, with all gains at 1."""
    return propose(subset, [loop.loop_bars for loop in loops], [loop.length for loop in loops])


def _is_stray(candidate: Candidate, other: Candidate) -> bool:
    """Whether a row has few votes beside a near row and switches no less often."""
    weak = candidate.votes < STRAY * other.votes
    return weak and _near(candidate.on, other.on) and switches(candidate.on) >= switches(other.on)


def _smoother(candidate: Candidate, other: Candidate) -> bool:
    return _near(candidate.on, other.on) and 2 * switches(candidate.on) < switches(other.on)


def _near(one: On, other: On) -> bool:
    return bool(np.count_nonzero(one != other) <= max(len(one) // NEAR, 1))


def _with_middle_and_side(bar: Cube) -> Cube:
    if len(bar) != 2:
        return bar
    left, right = bar
    return np.stack([left, right, (left + right) / np.float32(np.sqrt(2)), (left - right) / np.float32(np.sqrt(2))])


def _pooled(bar: Cube) -> Levels:
    """Mean powers of `POOLED` frames each, from [channels, frequencies, frames] to [..., frames // `POOLED`]."""
    power = np.square(bar.real) + np.square(bar.imag)
    whole = bar.shape[2] // POOLED * POOLED
    return np.asarray(sum(power[..., frame:whole:POOLED] for frame in range(POOLED)) / np.float32(POOLED))
