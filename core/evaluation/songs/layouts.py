"""Which loop plays in which bar: arranged songs of intro, build, break and outro, and the published layouts.

The published layouts are those of Ramires et al., "The Freesound Loop Dataset and Annotation Tool", ISMIR 2020.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Switches = NDArray[np.bool_]
"""Which loop is on in which bar, [bars, loops]."""

ENERGY = (0.35, 0.6, 0.9, 0.85, 0.4, 0.75, 0.95, 0.45)  # the probability that a loop plays, from intro to outro
SHORT = 40  # bars: in songs up to this length sections of 8 bars are rare, else there would be too few sections
COMPOSED = ("11110111", "01111110", "00110101", "00010110")  # a digit for each four bars


@dataclass(frozen=True)
class Arrangement:
    """An arrangement.

    Attributes:
        on: bool [bars, loops].
        phase: the bar of the loop that plays, int [bars, loops]; -1 where it is off.
        lengths: bars of each loop.
    """

    on: Switches
    phase: NDArray[np.int64]
    lengths: tuple[int, ...]

    @property
    def sections(self) -> list[int]:
        """The bars at which a loop starts or stops, and the first bar."""
        changes = np.flatnonzero(np.any(self.on[1:] != self.on[:-1], axis=1)) + 1
        return [0, *(int(bar) for bar in changes)]


def arranged(
    rng: np.random.Generator,
    bars: int,
    lengths: tuple[int, ...],
    *,
    density: float = 1.0,
    off_phrase: float = 0.0,
    restart: bool = False,
) -> Arrangement:
    """A song-like arrangement: every bar of every loop occurs at least twice, and no two loops always play together.

    Args:
        density: a factor for the probability that a loop plays.
        off_phrase: the probability that a switch is moved off its 4- or 8-bar phrase, by up to 3 bars.
        restart: whether loops begin with their first bar whenever they are switched on; else they follow the count of
            bars of the song.
    """
    while True:
        on = _sections(rng, bars, len(lengths), density, off_phrase)
        layout = laid_out(on, lengths, restart=restart)
        if on.any(axis=1).all() and separable(layout):
            return layout


def separable(layout: Arrangement) -> bool:
    """Whether every bar of every loop plays at least twice, and no two of them play in exactly the same places."""
    seen: set[bytes] = set()
    for loop, length in enumerate(layout.lengths):
        own = {(layout.phase[:, loop] == phase).tobytes() for phase in range(length)}
        fewest = min(int((layout.phase[:, loop] == phase).sum()) for phase in range(length))
        if fewest < 2 or own & seen:
            return False
        seen |= own
    return True


def deficiency(layout: Arrangement) -> int:
    """How many bar types are sums and differences of others; 0 if linear algebra alone can separate all of them."""
    types = [layout.phase[:, k] == p for k, length in enumerate(layout.lengths) for p in range(length)]
    return len(types) - int(np.linalg.matrix_rank(np.array(types, dtype=np.float64)))


def laid_out(on: Switches, lengths: tuple[int, ...], *, restart: bool = False) -> Arrangement:
    """The layout for given switches and lengths; `restart` as in `arranged`."""
    return Arrangement(on, _phases(on, lengths, restart), lengths)


def one_bar(on: Switches) -> Arrangement:
    """The layout for one-bar loops."""
    return laid_out(on, (1,) * on.shape[1])


def picked(rng: np.random.Generator, each: int, bars: int = 16) -> Arrangement:
    """Published "sparse" (each = 1) and "dense" (each = 2): 5 drum loops and 5 others, `each` of both in each bar."""
    while True:
        on = np.zeros((bars, 10), dtype=np.bool_)
        for bar in range(bars):
            on[bar, rng.choice(5, each, replace=False)] = True
            on[bar, 5 + rng.choice(5, each, replace=False)] = True
        if on.any(axis=0).all():
            return one_bar(on)


def composed() -> Arrangement:
    """Published "composed": 4 loops in 8 sections of 4 bars."""
    return one_bar(np.repeat(np.array([[c == "1" for c in row] for row in COMPOSED]).T, 4, axis=0))


def factorial(rng: np.random.Generator, loops: int = 4) -> Arrangement:
    """Published "factorial": every combination of loops except silence, each for two bars, in random order."""
    codes = 1 + rng.permutation(2**loops - 1)
    return one_bar(np.repeat((codes[:, None] >> np.arange(loops)) & 1 == 1, 2, axis=0))


def _sections(rng: np.random.Generator, bars: int, loops: int, density: float, off_phrase: float) -> Switches:
    cuts = [0]
    eights = 0.4 if bars > SHORT else 0.1
    while cuts[-1] < bars:
        cuts.append(cuts[-1] + (8 if rng.random() < eights else 4))
    cuts[-1] = bars
    taste = rng.uniform(0.75, 1.25, loops)
    on = np.zeros((bars, loops), dtype=np.bool_)
    state = np.zeros(loops, dtype=np.bool_)
    for number, (start, end) in enumerate(pairwise(cuts)):
        energy = ENERGY[number * len(ENERGY) // (len(cuts) - 1)]
        drawn = rng.random(loops) < density * energy * taste
        keep = (rng.random(loops) < 0.3) & (number > 0)
        state = np.where(keep, state, drawn)
        if not state.any():
            state[rng.integers(loops)] = True
        on[start:end] = state
    return _moved(rng, on, off_phrase)


def _moved(rng: np.random.Generator, on: Switches, chance: float) -> Switches:
    """The same switches, but each may, with this probability, come up to 3 bars early or late."""
    result = on.copy()
    for loop in range(on.shape[1]):
        for switch in np.flatnonzero(on[1:, loop] != on[:-1, loop]) + 1:
            if rng.random() < chance:
                by = int(rng.choice([-3, -2, -1, 1, 2, 3]))
                early, late = sorted((int(switch), int(np.clip(switch + by, 1, len(on) - 1))))
                result[early:late, loop] = on[switch if by < 0 else switch - 1, loop]
    return result


def _phases(on: Switches, lengths: tuple[int, ...], restart: bool) -> NDArray[np.int64]:
    bars = np.arange(len(on))
    phase = np.full(on.shape, -1, dtype=np.int64)
    for loop, length in enumerate(lengths):
        since = bars
        if restart:
            starts = np.flatnonzero(np.diff(on[:, loop], prepend=False) & on[:, loop])
            since = (
                bars - starts[np.maximum(np.searchsorted(starts, bars, side="right") - 1, 0)] if len(starts) else bars
            )
        phase[:, loop] = np.where(on[:, loop], since % length, -1)
    return phase
