"""Whether a separation can be right: which stems may be delivered, and how far a user should trust them.

The sounds of a song are nearly independent of each other, so the energies of its loops add up to about the energy of
the song, whatever the loops are. Two errors break this. If a layout has nearly as many bar types as bars, waveforms
that explain all bars can be far louder than the song and cancel each other. If the layout shows loop B as loop A plus
another loop, that other loop cancels A. Music in which no bar returns is refused earlier (`core.extraction.likeness`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Samples

MOST_ENERGY = 1.5  # of the song's: at most 1.02 on 28 synthesised songs, 1.11 on 12 real ones; 1.8 to 39 if wrong
CANCELLED = 0.5  # least share of the louder loop's energy left of both where both sound: 1.00 on 28 synthesised songs
UNDOING = 0.9  # below this share, the two loops are tried in alternation
COUNTS = 0.02  # share of the song's energy that a loop must have to count
HEARD = 1e-4  # -40 dB of its loudest bar: a loop counts as off in bars below
SURE = 0.5  # confidence: 25 of 26 synthesised songs (11 to 100 dB) lie above, 10 of 12 real ones (0 to 10 dB) below
HEARD_REST = 0.01  # share of the energy: 0.2 % at most if everything is loops, 2 % and more if other things sound
LOUD_REST = 0.5  # from this share of the energy on, the bars may be wrong
NOT_LOOPS = "voices, one-shots, and loops that were not recognised"
DOUBTFUL = (
    "these are probably not the loops that the song was made of: some cannot be separated from others; check them by"
    " ear, and try other bars or another number of loops"
)
QUIET = 1e-12

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What the stems of a separation show about its plausibility.

    Attributes:
        energy: the sum of the energies of all stems, as a share of the song's energy inside the bars.
        pairs: for each two loops, counted from 0: the energy of their sum where both sound, as a share of the louder
            one's energy there, and the two loops. The share is 1 or more for independent loops. The lowest come first.
    """

    energy: float
    pairs: tuple[tuple[float, int, int], ...]

    @property
    def failure(self) -> str | None:
        """Why the separation may not be delivered; None if it may."""
        if self.energy > MOST_ENERGY:
            return f"the loops found have {self.energy:.1f} times the song's energy and cancel each other"
        if self.pairs and self.pairs[0][0] < CANCELLED:
            return "some of the loops found cancel each other"
        return None

    def confidence(self, noise_gains: Sequence[float]) -> float:
        """The confidence that the waveforms are the loops of the song, 0 to 1. Below `SURE` they probably are not.

        It is 0.5 if the highest noise gain is 1: other sounds then reach a loop with their full power. It is lower if
        two loops cancel each other.
        """
        left = self.pairs[0][0] if self.pairs else 1.0
        return float(np.clip(min(left, 1.0) / (1 + max(noise_gains, default=0.0)), 0.0, 1.0))

    @property
    def undoing(self) -> tuple[int, int] | None:
        """The two loops that cancel each other most, None if no two loops do."""
        return self.pairs[0][1:] if self.pairs and self.pairs[0][0] < UNDOING else None


def warnings_of(report: Mapping[str, Any], requested: int | None = None) -> list[str]:
    """Warnings for the user, one sentence each, from the diagnostics `confidence` (waveforms only) and `rest_share`.

    Args:
        requested: the number of loops that the user asked for, None if it was estimated.
    """
    found = [DOUBTFUL] if report.get("confidence", 1.0) < SURE else []
    rest = report["rest_share"]
    if rest > HEARD_REST:
        why = "; are the bars right?" if rest > LOUD_REST else f": {NOT_LOOPS}"
        if requested is not None:
            why = f"; only {requested} loops were requested, and more would leave less"
        found.append(f"{rest:.0%} of the sound belongs to no loop and is kept in the rest{why}")
    return found


def judged(samples: Samples, stems: Samples, grid: BarGrid) -> Judgement:
    """Judge stems [loops, channels, frames] of a song's samples [channels, frames]."""
    song = max(float(bar_energies(samples, grid).sum()), QUIET)
    products = _products(stems, grid)
    pairs = [(_left(products[:, pair][:, :, pair], song), *pair) for pair in combinations(range(len(stems)), 2)]
    return Judgement(float(np.einsum("bkk->", products)) / song, tuple(sorted(pairs)))


def _products(stems: Samples, grid: BarGrid) -> Array:
    """Inner products of all stems in each bar, [bars, loops, loops]."""
    bars = (stems[..., start:end].reshape(len(stems), -1) for start, end in pairwise(grid.starts))  # one copy at a time
    return np.array([bar @ bar.T for bar in bars], dtype=np.float64)


def _left(products: Array, song: float) -> float:
    """The energy of the sum of two loops where both sound, as a share of the louder one's energy there.

    It is 2, as for independent loops, if neither loop counts.

    Args:
        products: the inner products of the two loops, [bars, 2, 2].
        song: the energy of the song.
    """
    energies = np.einsum("bkk->bk", products)
    both = (energies > HEARD * energies.max(axis=0)).all(axis=1)
    louder = float(energies[both].sum(axis=0).max(initial=0.0))
    return float(products[both].sum()) / louder if louder > COUNTS * song else 2.0
