"""Where the file of a loop must be placed to sound as in the song: the loop's passes, one clip each."""

from dataclasses import dataclass

import numpy as np

from core.audio.bars import BarGrid
from core.results.piece import FAINT, Part

SAME_LENGTH = 1  # frames: bars that differ only by rounding have the same length
SAME_GAIN = 1.06  # half a decibel: a smaller change of level is inaudible


@dataclass(frozen=True)
class Pass:
    """One pass through a loop, or through some of its bars.

    Attributes:
        bar: the bar of the piece where the pass starts.
        bars: its number of bars.
        offset: the bar of the file that it starts with.
        gain: the level of the pass over the level in the file.
    """

    bar: int
    bars: int
    offset: int
    gain: float


def passes(part: Part, grid: BarGrid) -> list[Pass]:
    """The passes of a loop.

    A pass ends where a bar's length differs from the file's, because the pass would drift. It also ends at a change of
    level.
    """
    bars = np.flatnonzero(part.plays).tolist()
    gains = {bar: _gain(part, bar) for bar in bars}
    runs: list[list[int]] = []
    for bar in bars:
        if runs and _goes_on(part, grid, runs[-1][-1], bar) and _alike(gains[runs[-1][0]], gains[bar]):
            runs[-1].append(bar)
        else:
            runs.append([bar])
    return [Pass(run[0], len(run), int(part.heard[run[0]]), gains[run[0]]) for run in runs]


def _gain(part: Part, bar: int) -> float:
    in_file = float(part.activations[part.start_bar + int(part.heard[bar])])
    return float(part.activations[bar]) / in_file if in_file >= FAINT else 1.0


def _alike(gain: float, other: float) -> bool:
    return max(gain, other) <= SAME_GAIN * min(gain, other)


def _goes_on(part: Part, grid: BarGrid, before: int, after: int) -> bool:
    in_file = part.start_bar + int(part.heard[before])
    return (
        after == before + 1
        and part.heard[after] == part.heard[before] + 1
        and abs(int(grid.lengths[before]) - int(grid.lengths[in_file])) <= SAME_LENGTH
    )
