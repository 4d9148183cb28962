"""Candidates: loops that the votes suggest."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.layout.cycles import (
    LENGTHS,
    LoopBars,
    On,
    counted_from_song,
    counted_from_switch,
    filled,
    known_switches,
    residue_bars,
    switches,
)
from core.layout.evidence.votes import FEWEST_VOTES, Vote

SHORT = 24  # bars: in shorter songs, chance patterns look like loops more often
OWNS = 0.03  # a row owns a part only if it has more than this share of the part's votes: rows of mixtures fit all parts


@dataclass(frozen=True)
class Candidate:
    """A loop that the votes suggest.

    Attributes:
        votes: the number of votes.
        on: the on/off row, bool [bars].
        length: the length in bars.
        loop_bars: the loop bar that sounds in each bar, int16 [bars].
        gains: how strongly it sounds there, float32 [bars].
    """

    votes: int
    on: On
    length: int
    loop_bars: LoopBars
    gains: NDArray[np.float32]


def candidates(votes: list[Vote], longest: int) -> list[Candidate]:
    """Loops that explain the voted patterns, the most voted first.

    A pattern is either the whole on/off row of a loop, or a part: some bars of the loop's cycle. The votes of a part
    count for the row that contains it, and for the length of that loop. If the whole row of a loop got no vote, the row
    is assembled from its parts.
    """
    wholes: list[tuple[Vote, Counter[int]]] = []
    parts: list[tuple[Vote, int]] = []
    for vote in sorted(votes, key=lambda vote: _shortest_reading(vote.on, longest) > 1):  # whole rows first
        length = _shortest_reading(vote.on, longest)
        strong = (whole for whole in wholes if whole[0].count > OWNS * vote.count)
        owner = next((whole for whole in strong if _cycle_of(vote.on, whole[0].on, longest)), None)
        if owner is not None:
            owner[1][_cycle_of(vote.on, owner[0].on, longest)] += vote.count
        elif length == 1:
            wholes.append((vote, Counter({1: vote.count})))
        else:
            parts.append((vote, length))
    wholes += _assembled(parts)
    found = [_candidate(vote, lengths) for vote, lengths in wholes]
    return sorted(found, key=lambda candidate: -candidate.votes)


def _shortest_reading(on: On, longest: int) -> int:
    """The cycle length under which a pattern switches least often: 1 for a whole row, more for a part.

    A pattern is a part only if its cycle returns at least twice on average before it stops. So the scattered bars of a
    loop that is switched bar by bar are a whole row. In a short song such bars fit some cycle by chance, so there the
    cycle must return more often.
    """
    best, fewest = 1, switches(on)
    returns = on.sum() - (len(on) < SHORT)
    for length in LENGTHS[1:]:
        known = residue_bars(on, length)
        if length <= longest and not known.all():
            count = known_switches(on, known)
            if count < fewest and returns >= count:
                best, fewest = length, count
    return best


def _cycle_of(part: On, whole: On, longest: int) -> int:
    """The shortest cycle of the row `whole` of which `part` is some loop bars. 0 if there is none.

    It is negative if the cycle is counted from where the loop is switched on.
    """
    if (part & ~whole).any():
        return 0
    for length in LENGTHS:
        if length > longest or whole.sum() < 2 * length:
            break
        for sign, loop_bars in ((1, counted_from_song(whole, length)), (-1, counted_from_switch(whole, length))):
            if (np.isin(loop_bars, loop_bars[part]) == part).all():
                return sign * length
    return 0


def _assembled(parts: list[tuple[Vote, int]]) -> list[tuple[Vote, Counter[int]]]:
    """Rows assembled from parts of the same cycle that are switched on and off together."""
    rows: list[tuple[Vote, Counter[int]]] = []
    left = list(parts)
    while left:
        vote, length = left.pop(0)
        on, gains, count = vote.on, vote.gains, vote.count
        known = residue_bars(on, length)
        others, left = left, []
        for other, other_length in others:
            theirs = residue_bars(other.on, length)
            apart = other_length == length and not (known & theirs).any()
            together = known_switches(on | other.on, known | theirs)
            if apart and together <= min(known_switches(on, known), known_switches(other.on, theirs)):
                on, gains = on | other.on, np.where(other.on, other.gains, gains)
                known, count = known | theirs, count + other.count
            else:
                left.append((other, other_length))
        rows.append((Vote(filled(on, known), count, gains), Counter({length: count})))
    return rows


def _candidate(vote: Vote, lengths: Counter[int], share: float = 0.02) -> Candidate:
    votes = sum(lengths.values())
    supported = [length for length, count in lengths.items() if count >= max(FEWEST_VOTES, share * votes)]
    length = max(supported, key=abs, default=1)
    loop_bars = counted_from_song(vote.on, length) if length > 0 else counted_from_switch(vote.on, -length)
    return Candidate(votes, vote.on, abs(length), loop_bars, vote.gains)
