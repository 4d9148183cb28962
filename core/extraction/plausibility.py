"""Whether a separation can be right: the one place that decides what may be delivered, and of what a user is warned.

Sounds of a song are nearly independent of each other, so the energies of its loops add up to about that of the song,
whatever the loops are. Two mistakes break this. Where a layout has nearly as many parts as bars, waveforms that
explain all bars can be far louder than the song and cancel each other; and where one loop was taken for another one
with something added, the second cancels the first. Music in which no bar returns is refused before
(`core.separation.likeness`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Samples

MOST_ENERGY = 1.5  # of the song's: at most 1.02 on 28 synthesised songs, 1.11 on 12 real ones; 1.8 to 39 of wrong ones
CANCELLED = 0.5  # of the louder loop's energy, left of both where both sound: 1.00 and more on 28 synthesised songs
UNDOING = 0.9  # the same from which it is worth trying whether one loop takes the place of the other
COUNTS = 0.02  # share of the song's energy that a loop must have to count
HEARD = 1e-4  # of its loudest bar: -40 dB, below it a loop is off
SURE = 0.5  # 25 of 26 synthesised songs (11 to 100 dB) lie above, 10 of 12 real ones (0 to 10 dB) below
HEARD_REST = 0.01  # share of the energy: 0.2 % at most where all is loops, 2 % and more where other things sound
LOUD_REST = 0.5  # from here on the bars may be at fault
NOT_LOOPS = "voices, one-shots, and loops that were not recognised"
DOUBTFUL = (
    "these are probably not the loops that the song was made of: some cannot be separated from others; check them by"
    " ear, and try other bars or another number of loops"
)
QUIET = 1e-12

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What a separation's own sound says about it.

    Attributes:
        energy: of all stems together, as a share of the song's inside the bars.
        pairs: of two loops, counted from 0, how much is left where both sound, as a share of the louder one's energy
            there: 1 and more of independent ones. The least first.
    """

    energy: float
    pairs: tuple[tuple[float, int, int], ...]

    @property
    def failure(self) -> str | None:
        """Why this cannot be delivered, None where it can."""
        if self.energy > MOST_ENERGY:
            return f"the loops found hold {self.energy:.1f} times the song's energy and cancel each other"
        if self.pairs and self.pairs[0][0] < CANCELLED:
            return "loops were found that cancel each other"
        return None

    def confidence(self, noise_gains: Sequence[float]) -> float:
        """How sure it is that waveforms are the loops of the song, 0 to 1; below `SURE` they probably are not.

        Half where what does not repeat reaches a loop as strongly as it is heard (`noise_gains` of 1), and less where
        two loops undo each other.
        """
        left = self.pairs[0][0] if self.pairs else 1.0
        return float(np.clip(min(left, 1.0) / (1 + max(noise_gains, default=0.0)), 0.0, 1.0))

    @property
    def undoing(self) -> tuple[int, int] | None:
        """The two loops that undo each other most, None where none do."""
        return self.pairs[0][1:] if self.pairs and self.pairs[0][0] < UNDOING else None


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """What a user should know, by the diagnostics `confidence` (of waveforms) and `rest_share`, a sentence each."""
    rest = report["rest_share"]
    found = []
    if report.get("confidence", 1.0) < SURE:
        found.append(DOUBTFUL)
    if rest > LOUD_REST:
        found.append(f"{rest:.0%} of the sound belongs to no loop and is kept in the rest; are the bars right?")
    elif rest > HEARD_REST:
        found.append(f"{rest:.0%} of the sound belongs to no loop and is kept in the rest: {NOT_LOOPS}")
    return found


def judged(samples: Samples, stems: Samples, grid: BarGrid) -> Judgement:
    """Judge stems [loops, channels, frames] of a song's samples [channels, frames]."""
    song = max(float(bar_energies(samples, grid).sum()), QUIET)
    products = _products(stems, grid)
    pairs = [(_left(products[:, pair][:, :, pair], song), *pair) for pair in combinations(range(len(stems)), 2)]
    return Judgement(float(np.einsum("bkk->", products)) / song, tuple(sorted(pairs)))


def _products(stems: Samples, grid: BarGrid) -> Array:
    """Inner products of all stems in each bar, [bars, loops, loops]."""
    bars = [stems[..., start:end].reshape(len(stems), -1) for start, end in pairwise(grid.starts)]
    return np.array([bar @ bar.T for bar in bars], dtype=np.float64)


def _left(products: Array, song: float) -> float:
    """What is left of two loops, by their inner products [bars, 2, 2], where both sound, over the louder one's energy.

    As of independent loops where neither counts.
    """
    energies = np.einsum("bkk->bk", products)
    both = (energies > HEARD * energies.max(axis=0)).all(axis=1)
    louder = float(energies[both].sum(axis=0).max(initial=0.0))
    return float(products[both].sum()) / louder if louder > COUNTS * song else 2.0
