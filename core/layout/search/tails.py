"""Loops that ring over the bar line: what sounds of a loop's bar in the bar after it, as a row of its own, a bar late.

A loop with reverberation begins without its tail and ends with it. In the bars x_b = sum of D[b, k] s_k the tail is
therefore a sound t_k of its own, heard with D[b - 1, k]. The search for a layout takes it for one more loop, which it
tells by its row: that of another loop, one bar late.
"""

import numpy as np
from numpy.typing import NDArray

from core.layout.cycles import On, Phases
from core.layout.search.description import Coder
from core.layout.search.proposals import Proposal, improved


def later(phases: Phases) -> Phases:
    """The same a bar later."""
    return np.concatenate([np.array([-1], dtype=np.int16), phases[:-1]])


def ringing(subset: Coder, current: Proposal) -> Proposal:
    """With the tails of those loops that have one."""
    for loop in range(current.loops):
        late = later(current.phases[loop])
        if not any(np.array_equal(late >= 0, row >= 0) for row in current.phases) and owners(current)[loop] == loop:
            gains = np.concatenate([current.gains, np.roll(current.gains[:, loop, None], 1, axis=0)], axis=1)
            alike = np.where(late >= 0, 0, -1).astype(np.int16)  # the same after every bar of the loop
            for row, length in ((late, current.lengths[loop]), (alike, 1)):
                more = improved(subset, current, [*current.phases, row], [*current.lengths, length], gains)
                if more is not None:
                    current = more
                    break
    return current


def owners(found: Proposal) -> NDArray[np.intp]:
    """Of each row the loop that it is the tail of, or itself, [loops]."""
    rows = [row >= 0 for row in found.phases]
    result = np.arange(found.loops)
    for tail, row in enumerate(rows):
        for loop, other in enumerate(rows):
            if loop != tail and _rings_in(other, row) and not _rings_in(row, other):
                result[tail] = loop
    return result


def _rings_in(on: On, late: On) -> bool:
    return np.array_equal(on[:-1], late[1:]) and not late[0]
