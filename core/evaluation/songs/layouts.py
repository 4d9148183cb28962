"""Which loop plays in which bar: arranged songs of intro, build, break and outro, and the published layouts.

The published layouts are those of Ramires et al., "The Freesound Loop Dataset and Annotation Tool", ISMIR 2020.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Switches = NDArray[np.bool_]
"""Which loop is on in which bar, [bars, loops]."""

ENERGY = (0.35, 0.6, 0.9, 0.85, 0.4, 0.75, 0.95, 0.45)  # chance of a loop to play, from intro to outro
SHORT = 40  # bars up to which sections of 8 are rare, for there would be too few sections
COMPOSED = ("11110111", "01111110", "00110101", "00010110")  # a letter for each four bars


@dataclass(frozen=True)
class Layout:
    """An arrangement.

    Attributes:
        on: bool [bars, loops].
        phase: which bar of the loop is heard, int [bars, loops]; -1 where it is off.
        lengths: bars of each loop.
    """

    on: Switches
    phase: NDArray[np.int64]
    lengths: tuple[int, ...]

    @property
    def sections(self) -> list[int]:
        """The bars in which some loop switches, the first bar included."""
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
) -> Layout:
    """A song-like arrangement in which every bar of every loop returns and no two loops always play together.

    Args:
        density: scales the chance of a loop to play.
        off_phrase: chance of a switch to leave its 4- or 8-bar phrase by up to 3 bars.
        restart: whether loops start with their first bar wherever they are switched on; else they follow the song's
            own count of bars.
    """
    while True:
        on = _sections(rng, bars, len(lengths), density, off_phrase)
        layout = laid_out(on, lengths, restart=restart)
        if on.any(axis=1).all() and separable(layout):
            return layout


def separable(layout: Layout) -> bool:
    """Whether every bar of every loop is heard twice at least, and no two loops have a bar in the same places."""
    seen: set[bytes] = set()
    for loop, length in enumerate(layout.lengths):
        own = {(layout.phase[:, loop] == phase).tobytes() for phase in range(length)}
        heard = min(int((layout.phase[:, loop] == phase).sum()) for phase in range(length))
        if heard < 2 or own & seen:
            return False
        seen |= own
    return True


def deficiency(layout: Layout) -> int:
    """How many bar types are sums and differences of others: 0 where linear algebra alone can tell all apart."""
    types = [layout.phase[:, k] == p for k, length in enumerate(layout.lengths) for p in range(length)]
    return len(types) - int(np.linalg.matrix_rank(np.array(types, dtype=np.float64)))


def laid_out(on: Switches, lengths: tuple[int, ...], *, restart: bool = False) -> Layout:
    """The layout of switches and lengths; `restart` as in `arranged`."""
    return Layout(on, _phases(on, lengths, restart), lengths)


def one_bar(on: Switches) -> Layout:
    """The layout of one-bar loops."""
    return laid_out(on, (1,) * on.shape[1])


def picked(rng: np.random.Generator, each: int, bars: int = 16) -> Layout:
    """Published "sparse" (each = 1) and "dense" (each = 2): 5 drum loops and 5 others, `each` of both in every bar."""
    while True:
        on = np.zeros((bars, 10), dtype=np.bool_)
        for bar in range(bars):
            on[bar, rng.choice(5, each, replace=False)] = True
            on[bar, 5 + rng.choice(5, each, replace=False)] = True
        if on.any(axis=0).all():
            return one_bar(on)


def composed() -> Layout:
    """Published "composed": 4 loops in 8 sections of 4 bars."""
    return one_bar(np.repeat(np.array([[c == "1" for c in row] for row in COMPOSED]).T, 4, axis=0))


def factorial(rng: np.random.Generator, loops: int = 4) -> Layout:
    """Published "factorial": every combination of the loops but none, each for two bars, in random order."""
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
    """The same switches, each with a chance to come up to 3 bars early or late."""
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
