"""The layout of music that is played by hand: magnitudes vote, for they return where phases do not.

Notes a few ms early or late and a little louder or softer change the magnitude of a bin by tenths, not its phase alone:
followed from bar to bar, a bin ruled by one loop still takes two values, nearly nothing and about one level. So the
votes of `evidence.votes` and the description lengths of `search.description` work on magnitudes as they do on
complex bins, with a floor that allows for the player. What differs is the choice: near every true row the player
leaves many that miss a bar or two, so loops are taken from the most voted down, and a row near a stronger one may only
take its place.
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
POOLED = 3  # frames that are averaged: what 3 ms move out of one comes into the next
SLACK = 0.03  # of a bin's power: 1.5 dB up and down
BARS_PER_LENGTH = 6  # a loop of n bars is looked for in songs of at least this many times n
NEAR = 8  # rows that differ in at most one bar of so many are near
EXPLAINED = 0.15  # of the empty description that loops must save: chance rows save 0.05, played songs half of it
FEW = 0.03  # of all votes but the strongest row's, which may be any number: a row with fewer is no loop of its own
STRAY = 0.05  # share of votes below which a near row that switches no less is the stronger one's error
LEFT = 0.6  # of what known loops leave: of a voice 0.75 and more stays, of what is played by hand 0.35 at most
BESIDE = 0.002  # of the empty description: what a loop must save beside known ones
FLICKER = 0.0013  # and for each time that it goes on or off
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
    """The layout of a song from its complex cube [channels, frequencies, frames per bar, bars], phases ignored.

    Args:
        known: loops that are there for certain: they come first in the result.
        count: at most so many loops, the known and the most voted; None for as many as pay.

    Returns:
        The layout, which has no loops where nothing repeats (though an unchanging noise does repeat in magnitude), and
        the proposal that it came from.

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
    """Up to `count` audible magnitudes [bins, bars] (complex only in type), spread evenly over log frequency.

    Of a stereo cube, middle and side count as channels too: each is blind to other places between the loudspeakers.
    """
    inner = cube[:, :, EDGE[0] : cube.shape[2] - EDGE[1]]
    power = np.stack([_pooled(_with_middle_and_side(inner[..., bar])) for bar in range(cube.shape[3])])
    channel, frequency, time = audible(power.sum(axis=0), count, seed)
    bins = np.sqrt(power[:, channel, frequency, time].T).astype(np.complex64)
    return Chosen(bins, np.full(len(bins), SLACK, dtype=np.float32))


def played_candidates(patterns: Patterns, longest: int) -> list[Candidate]:
    """Loops that the magnitudes vote for, the most voted first, without what looks like a stronger one's error."""
    kept: list[Candidate] = []
    for candidate in candidates(count_votes(patterns), longest):
        if len(kept) < MOST_CANDIDATES and not any(_is_stray(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def chosen_loops(
    subset: Coder, proposed: list[Candidate], known: list[Candidate], progress: Progress = silent
) -> list[Candidate]:
    """Known loops, then from the most voted down those that shorten the description and no later one made needless.

    A row may take the place of a near one that flickers where it does not. Votes rank the rows, not what each saves:
    magnitudes add up to more than nothing everywhere, so a row that always plays saves something at all times.
    """
    current = list(known)
    enough = FEW * sum(candidate.votes for candidate in proposed[1:])
    again = [*proposed, *proposed]  # a loop may pay only once others are there
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
    """Without new loops that save too little beside known ones: those leave errors behind, which repeat here and there.

    The first `known` stay.
    """
    whole = described(subset, loops).score
    for loop in reversed(loops[known:]):
        fewer = [other for other in loops if other is not loop]
        without = described(subset, fewer).score
        if without - whole < (BESIDE + FLICKER * switches(loop.on)) * subset.empty.length:
            loops, whole = fewer, without
    return loops


def _left(subset: Coder, found: Proposal) -> float:
    """The share of the power of all bins that loops do not explain."""
    return float(np.square(np.abs(found.description.residual)).sum() / np.square(np.abs(subset.bins)).sum())


def _certain(known: Layout | None) -> list[Candidate]:
    if known is None:
        return []
    rows = zip(known.loop_bars.T, known.bars_per_loop, known.activations.T, strict=True)
    return [Candidate(0, loop_bars >= 0, length, loop_bars, gains) for loop_bars, length, gains in rows]


def described(subset: Coder, loops: list[Candidate]) -> Proposal:
    """The subset described by these loops at their full levels."""
    return propose(subset, [loop.loop_bars for loop in loops], [loop.length for loop in loops])


def _is_stray(candidate: Candidate, other: Candidate) -> bool:
    """A row that misses a few bars of a stronger one, without being simpler."""
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
    """Mean powers of `POOLED` frames each: [channels, frequencies, frames] to [channels, frequencies, frames // 3]."""
    power = np.square(bar.real) + np.square(bar.imag)
    whole = bar.shape[2] // POOLED * POOLED
    return np.asarray(sum(power[..., frame:whole:POOLED] for frame in range(POOLED)) / np.float32(POOLED))
