"""The round between bars and layout: the layout may move a tracker's bars, and other bars may show another layout."""

from functools import cache

import numpy as np

from core.audio.clip import Clip
from core.audio.cube import Cube, analyse, frame, moved_earlier
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.downbeats.refine.refine import Refined
from core.extraction.memory import SongMemory
from core.layout.realign_bars import moved_to_switches
from core.layout.search.search import Survey, layout_of, survey

ROUNDING = 0.4  # frames, root mean square, between two roundings of one position to whole frames
WHOLE = 0.1  # frames: bars that are off a whole number of frames by less over the whole song lie on whole frames


def bars_and_layout(
    clip: Clip, refined: Refined, settings: Settings, progress: Progress, memory: SongMemory
) -> tuple[Refined, Survey, Cube | None]:
    """What is heard on these bars; on a tracker's, on bars begun where it says that loops are switched.

    Each move may show another layout, and that one other switches; bars that find no rest so stay as they were. All
    loops are asked, whatever number of them is wanted, so that bars do not depend on it.
    """
    first = here = (refined, *_heard(clip, refined, settings, part_of(progress, 0.0, 0.7), memory))
    for start in (0.7, 0.8, 0.9, None) if refined.grid.origin == "tracker" else ():
        bars, surveyed, _ = here
        if not surveyed.found.loops:
            break
        moved = moved_to_switches(clip.samples, bars, layout_of(surveyed).layout, rate=clip.rate)
        if moved is bars:
            return here
        if start is not None:
            here = (moved, *_heard(clip, moved, settings, part_of(progress, start, start + 0.1), memory))
    return first


def cube_of(clip: Clip, refined: Refined) -> Cube:
    """The spectral cube on refined bars."""
    return moved_earlier(analyse(clip.samples, frame(refined.grid, clip.rate)), refined.shifts)


def _heard(
    clip: Clip, refined: Refined, settings: Settings, progress: Progress, memory: SongMemory
) -> tuple[Survey, Cube | None]:
    """What is heard on these bars; where nothing repeats to the sample, with the cube, else the largest array by far
    is given up at once."""

    @cache  # only where it is asked for, and then once
    def cube() -> Cube:
        progress(0.0, "spectra")
        return cube_of(clip, refined)

    def compute() -> Survey:
        return survey(cube(), longest=longest, jitter=jitter, seed=seed, progress=part_of(progress, 0.25, 1.0))

    longest, seed, jitter = settings.max_loop_bars, settings.seed, _jitter(refined)
    surveyed = memory.survey(refined, longest, jitter, seed, compute)
    return surveyed, None if surveyed.found.loops else cube()


def _jitter(refined: Refined) -> float:
    """How far repeats may be off: bars that are no whole number of frames had to be rounded by someone."""
    length = refined.bar_frames
    if length is None:
        wavering = np.abs(np.diff(refined.grid.lengths)) == 1  # a change of tempo is no rounding
        return ROUNDING if wavering.any() or refined.shifts.any() else 0.0
    return 0.0 if abs(length - round(length)) * refined.grid.bars < WHOLE else ROUNDING
