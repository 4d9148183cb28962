"""Tails: the sound that rings on from a loop bar into the next bar of the song, as a row of its own, one bar late.

A loop with reverberation starts without its tail and ends with it. So in the bars x_b = sum of D[b, k] s_k the tail is
a sound t_k of its own, with D[b - 1, k]. The search adds the tail like one more loop, and recognises it by its row: the
row of another loop, one bar late. The second bar of a longer loop has such a row too, if that loop never plays for
longer. But the second bar is about as loud as the first one, and a tail is much fainter.
"""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from core.layout.cycles import LoopBars, On
from core.layout.search.description import Coder
from core.layout.search.proposals import Proposal, improved

# A tail's largest power, as a share of its loop's power. The tails of 42 loops in ten songs with rooms have at most
# 0.014; a second bar has about 1. A room that takes 3 s to fall by 60 dB would leave 0.22 in a bar of 1 s, if the loop
# had no dry sound.
FAINTER = 0.25


def later(loop_bars: LoopBars) -> LoopBars:
    """The loop bars, one bar later."""
    return np.concatenate([np.array([-1], dtype=np.int16), loop_bars[:-1]])


def ringing(subset: Coder, current: Proposal) -> Proposal:
    """The proposal with tails added to loops where they lower the score."""
    for loop in range(current.loops):
        late = later(current.loop_bars[loop])
        if not any(np.array_equal(late >= 0, row >= 0) for row in current.loop_bars) and owners(current)[loop] == loop:
            gains = np.concatenate([current.gains, np.roll(current.gains[:, loop, None], 1, axis=0)], axis=1)
            alike = np.where(late >= 0, 0, -1).astype(np.int16)  # the same tail after every bar of the loop
            for row, length in ((late, current.lengths[loop]), (alike, 1)):
                more = improved(subset, current, [*current.loop_bars, row], [*current.lengths, length], gains)
                if more is not None:
                    current = more
                    break
    return current


def owners(found: Proposal) -> NDArray[np.intp]:
    """For each row the loop whose tail it is, or the row itself, [loops]."""
    result = np.arange(found.loops)
    for row, loop in permutations(range(found.loops), 2):
        if is_tail(found, row, loop):
            result[row] = loop
    return result


def is_tail(found: Proposal, row: int, loop: int) -> bool:
    """Whether a row is the tail of a loop: the loop's row one bar late, but not the next bar of a longer loop."""
    on, late = found.loop_bars[loop] >= 0, found.loop_bars[row] >= 0
    if not _rings_in(on, late) or _rings_in(late, on):
        return False
    return bool((on & late).any()) or _power(found, row) < FAINTER * _power(found, loop)


def _power(found: Proposal, loop: int) -> float:
    """The mean power of a loop's bars, summed over all bins."""
    row, columns = found.loop_bars[loop], found.columns()
    sounds = [found.sounds(columns, loop, int(place)) for place in np.unique(row[row >= 0])]
    return float(np.mean([np.vdot(sound, sound).real for sound in sounds]))


def _rings_in(on: On, late: On) -> bool:
    return np.array_equal(on[:-1], late[1:]) and not late[0]
