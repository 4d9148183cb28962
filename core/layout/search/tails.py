"""Loops that ring over the bar line: what sounds of a loop's bar in the bar after it, as a row of its own, a bar late.

A loop with reverberation begins without its tail and ends with it. In the bars x_b = sum of D[b, k] s_k the tail is
therefore a sound t_k of its own, heard with D[b - 1, k]. The search for a layout takes it for one more loop, which it
tells by its row: that of another loop, one bar late. The second bar of a longer loop has such a row too, where that
loop is never heard for longer; but it is about as loud as the first one, and a tail is much fainter.
"""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from core.layout.cycles import LoopBars, On
from core.layout.search.description import Coder
from core.layout.search.proposals import Proposal, improved

# Of the power of what it rings from. 42 loops of ten songs with rooms left at most 0.014, a second bar has about 1; a
# room that takes 3 s to fall by 60 dB would leave 0.22 in a bar of 1 s if nothing dry were heard beside it.
FAINTER = 0.25


def later(loop_bars: LoopBars) -> LoopBars:
    """The same a bar later."""
    return np.concatenate([np.array([-1], dtype=np.int16), loop_bars[:-1]])


def ringing(subset: Coder, current: Proposal) -> Proposal:
    """With the tails of those loops that have one."""
    for loop in range(current.loops):
        late = later(current.loop_bars[loop])
        if not any(np.array_equal(late >= 0, row >= 0) for row in current.loop_bars) and owners(current)[loop] == loop:
            gains = np.concatenate([current.gains, np.roll(current.gains[:, loop, None], 1, axis=0)], axis=1)
            alike = np.where(late >= 0, 0, -1).astype(np.int16)  # the same after every bar of the loop
            for row, length in ((late, current.lengths[loop]), (alike, 1)):
                more = improved(subset, current, [*current.loop_bars, row], [*current.lengths, length], gains)
                if more is not None:
                    current = more
                    break
    return current


def owners(found: Proposal) -> NDArray[np.intp]:
    """Of each row the loop that it is the tail of, or itself, [loops]."""
    result = np.arange(found.loops)
    for row, loop in permutations(range(found.loops), 2):
        if is_tail(found, row, loop):
            result[row] = loop
    return result


def is_tail(found: Proposal, row: int, loop: int) -> bool:
    """Whether a row is another loop's one bar late, and not the bar that follows in a longer loop."""
    on, late = found.loop_bars[loop] >= 0, found.loop_bars[row] >= 0
    if not _rings_in(on, late) or _rings_in(late, on):
        return False
    return bool((on & late).any()) or _power(found, row) < FAINTER * _power(found, loop)


def _power(found: Proposal, loop: int) -> float:
    """Of the mean bar of a loop, all bins together."""
    row, columns = found.loop_bars[loop], found.columns()
    sounds = [found.sounds(columns, loop, int(place)) for place in np.unique(row[row >= 0])]
    return float(np.mean([np.vdot(sound, sound).real for sound in sounds]))


def _rings_in(on: On, late: On) -> bool:
    return np.array_equal(on[:-1], late[1:]) and not late[0]
