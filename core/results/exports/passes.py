"""Where the file of a loop is laid so that it sounds as the loop does in the song: its passes, one clip each."""

from dataclasses import dataclass

import numpy as np

from core.audio.bars import BarGrid
from core.results.piece import FAINT, Part

SAME_LENGTH = 1  # frames: bars that differ by rounding alone are alike
SAME_GAIN = 1.06  # half a decibel: nobody hears it


@dataclass(frozen=True)
class Pass:
    """One time through a loop, or through some of its bars.

    Attributes:
        bar: of the piece, where it starts.
        bars: how many.
        offset: the bar of the file that it starts with.
        gain: by which the file is louder there than where it was cut from.
    """

    bar: int
    bars: int
    offset: int
    gain: float


def passes(part: Part, grid: BarGrid) -> list[Pass]:
    """The passes of a loop.

    One never goes on over bars that are not as long as the file's, lest it drifts, nor over a change of level.
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
