"""A piece's bars as a tempo map for hosts and MIDI files: stretches of whole bars at one tempo and in one metre.

Positions are quarter notes from the start of the song. Bars have exact positions, so the bar lines of host and song
agree. A song seldom starts with its first bar. The time before it is filled with bars of the first bar's length. The
remainder, at the very start, is filled with one short bar of sixty-fourths, or of longer notes if there are too many.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from core.results.piece import Piece

Starts = NDArray[np.int64]

ROUNDING = 1.0  # frames between bar lines and an even tempo: bar lines are whole frames
TRACKED = 0.015  # seconds, for a tracker's bar lines: its steps are 0.01 s, and a new tempo in every bar is useless
MOST_BEATS = 255  # in a metre: one byte in MIDI
SHORTEST_NOTE = 64


@dataclass(frozen=True)
class Stretch:
    """Bars at one tempo in one metre.

    Attributes:
        frame: its start in frames of the song.
        quarter: its start in quarter notes.
        bpm: quarter notes a minute.
        metre: beats in a bar, and the note value of a beat.
    """

    frame: int
    quarter: Fraction
    bpm: float
    metre: tuple[int, int]


@dataclass(frozen=True)
class TempoMap:
    """A tempo map.

    Attributes:
        stretches: from the start of the song; each lasts until the next one, the last has no end.
        lead: quarter notes before the first bar.
        bar: quarter notes in a bar.
    """

    stretches: tuple[Stretch, ...]
    lead: Fraction
    bar: Fraction

    def quarter(self, bar: int) -> Fraction:
        """The start of a bar, numbered from 0, in quarter notes."""
        return self.lead + bar * self.bar


def tempo_map(piece: Piece) -> TempoMap:
    """The tempo map of a piece, with as few stretches as the accuracy of its bar lines allows (see `TRACKED`)."""
    metre = (piece.grid.beats_per_bar, piece.grid.beat_unit)
    bar = Fraction(4 * metre[0], metre[1])
    tolerance = max(ROUNDING, TRACKED * piece.rate) if piece.grid.origin == "tracker" else ROUNDING
    starts = piece.grid.starts.copy()
    before = _lead_in(starts, bar, metre)
    if not before:
        starts[0] = 0
    stretches, at, frame = [], Fraction(0), 0
    for quarters, own_metre, end in (
        *before,
        *((bars * bar, metre, end) for bars, end in _even_runs(starts, tolerance)),
    ):
        bpm = float(quarters) * 60 * piece.rate / (end - frame)
        stretches.append(Stretch(frame, at, bpm, own_metre))
        at, frame = at + quarters, end
    return TempoMap(tuple(stretches), sum((quarters for quarters, _, _ in before), Fraction(0)), bar)


def _even_runs(starts: Starts, tolerance: float) -> list[tuple[int, int]]:
    """The longest possible runs of bars of even length, as the number of bars and the frame of the end."""
    runs, first, bars = [], 0, len(starts) - 1
    while first < bars:
        last = first + 1
        while last < bars and _even(starts[first : last + 2], tolerance):
            last += 1
        runs.append((last - first, int(starts[last])))
        first = last
    return runs


def _even(starts: Starts, tolerance: float) -> bool:
    steady = np.linspace(starts[0], starts[-1], len(starts))
    return bool(np.abs(starts - steady).max() <= tolerance)


def _lead_in(starts: Starts, bar: Fraction, metre: tuple[int, int]) -> list[tuple[Fraction, tuple[int, int], int]]:
    """The bars before the first bar: quarter notes, metre and end frame, for a short bar and for whole bars.

    There is no short bar if the frames are fewer than half the shortest note; then the first bar includes them.
    """
    length = int(starts[1] - starts[0])
    whole, left = divmod(int(starts[0]), length)
    short = _short_bar(left / length * float(bar))
    found = []
    if short is not None:
        found.append((Fraction(4 * short[0], short[1]), short, left))
    if whole:
        found.append((whole * bar, metre, int(starts[0])))
    return found


def _short_bar(quarters: float) -> tuple[int, int] | None:
    """The metre of a bar of about this many quarter notes; None if that rounds to no notes."""
    unit = SHORTEST_NOTE
    while quarters * unit / 4 > MOST_BEATS:
        unit //= 2
    notes = Fraction(round(quarters * unit / 4), unit)
    if not notes:
        return None
    least = max(notes.denominator, 4)  # in the usual notation: 2/4, not 1/2
    return int(notes * least), least
