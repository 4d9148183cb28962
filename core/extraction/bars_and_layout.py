"""Bars refined to the sample, and the survey of loops. Each improves the other.

The layout may show that a tracker's bars start at the wrong place, and other bars may give another layout.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.audio.cube import Cube, analyse, frame, moved_earlier
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.downbeats.refine.refine import Refined, refine
from core.extraction.memory import REFINED, SURVEY, SongMemory, bars_key
from core.layout.realign_bars import confirmed, moved_on_trial, moved_to_switches
from core.layout.search.search import Found, Survey, layout_of, survey

ROUNDING = 0.4  # frames: root mean square difference between two roundings of one position to whole frames
WHOLE = 0.1  # frames: bars lie on whole frames if they differ from them by less over the whole song
MOVES = (0.8, 0.87, 0.94, 1.0)  # the progress after each survey of moved bars
# Of the length of the description on the given bars, which bars on trial may have: right ones had 0.87 to 0.955, wrong
# ones that did not move on 0.971 and more.
SHORTER = 0.96


class BarsAndLayout(NamedTuple):
    """Refined bars, and the survey of loops in the song's cube on these bars."""

    refined: Refined
    survey: Survey

    def found(self, loops: int | None) -> Found:
        """The layout of at most `loops` exactly repeating loops; None for as many as lower the score."""
        return layout_of(self.survey, loops)


def bars_and_layout(
    clip: Clip, grid: BarGrid, settings: Settings, progress: Progress, memory: SongMemory
) -> BarsAndLayout:
    """Refine the bars and survey the loops. Then move a tracker's bars to where loops start and stop, and survey again.

    If the bars still move after the last survey, they return to where they were. The moves use all loops of the survey,
    whatever number is requested, so that the bars do not depend on this number. Bars that do not move at once are moved
    on trial.
    """
    refined = _refined(clip, grid, part_of(progress, 0.0, 0.2), memory)
    first = current = BarsAndLayout(refined, _surveyed(clip, refined, settings, part_of(progress, 0.2, 0.8), memory))
    if refined.grid.origin != "tracker":
        return first
    for start, end in zip(MOVES, (*MOVES[1:], None), strict=True):
        layout = current.found(None).layout
        if not layout.loops:
            break
        moved = moved_to_switches(clip.samples, current.refined, layout, rate=clip.rate)
        if moved is current.refined:
            return _after_trial(first, clip, settings, progress, memory) if current is first else current
        if end is not None:
            again = _surveyed(clip, moved, settings, part_of(progress, start, end), memory)
            current = BarsAndLayout(moved, again)
    return first


def _after_trial(
    first: BarsAndLayout, clip: Clip, settings: Settings, progress: Progress, memory: SongMemory
) -> BarsAndLayout:
    """Bars moved on trial, up to three times, if everything in the layout there supports them; else the first bars.

    A layout of wrong bars is partly wrong. It may point to a place that only the layout there shows to be right.
    """
    current, layout = first, first.found(None).layout
    for start, end in pairwise(MOVES):
        moved = moved_on_trial(clip.samples, current.refined, layout, rate=clip.rate)
        if moved is current.refined:
            break
        current = BarsAndLayout(moved, _surveyed(clip, moved, settings, part_of(progress, start, end), memory))
        layout = current.found(None).layout
        shorter = _length(current.survey) <= SHORTER * _length(first.survey)
        if shorter and confirmed(clip.samples, moved, first.refined, layout, rate=clip.rate):
            return current
    return first


def _length(surveyed: Survey) -> float:
    """Length of the song's description by loops, their price included, as a share of the one without loops."""
    return surveyed.found.score / max(surveyed.subset.empty.length, 1e-30)


def cube_of(clip: Clip, refined: Refined) -> Cube:
    """The spectral cube on refined bars, moved by their fractions of frames too."""
    return moved_earlier(analyse(clip.samples, frame(refined.grid, clip.rate)), refined.shifts)


def _refined(clip: Clip, grid: BarGrid, progress: Progress, memory: SongMemory) -> Refined:
    kept = memory.get(REFINED, *bars_key(grid))
    if kept is not None:
        return kept
    refined = refine(clip.samples, grid, rate=clip.rate, progress=progress)
    memory.put(REFINED, refined, *bars_key(grid))
    return refined


def _surveyed(clip: Clip, refined: Refined, settings: Settings, progress: Progress, memory: SongMemory) -> Survey:
    longest, seed, jitter = settings.max_loop_bars, settings.seed, _jitter(refined)
    depends = (*bars_key(refined.grid), refined.shifts, longest, jitter, seed)
    kept = memory.get(SURVEY, *depends)
    if kept is not None:
        return kept
    progress(0.0, "spectra")
    cube = cube_of(clip, refined)
    found = survey(cube, longest=longest, jitter=jitter, seed=seed, progress=part_of(progress, 0.25, 1.0))
    memory.put(SURVEY, found, *depends)
    return found


def _jitter(refined: Refined) -> float:
    """How many frames repeats may be off: bars without a whole number of frames were rounded when the song was made."""
    length = refined.bar_frames
    if length is None:
        wavering = np.abs(np.diff(refined.grid.lengths)) == 1  # a larger difference is a change of tempo
        return ROUNDING if wavering.any() or refined.shifts.any() else 0.0
    return 0.0 if abs(length - round(length)) * refined.grid.bars < WHOLE else ROUNDING
