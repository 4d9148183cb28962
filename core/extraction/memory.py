"""What is remembered of a song: its bars, its bars to the sample, and what its cube says about its loops.

That is all that takes long and does not depend on the number of loops, so that asking again with another number takes a
fraction. What is remembered is, to the byte, what would be computed.
"""

import json
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.base.disk_cache import Arrays, Cache, key_of
from core.downbeats.refine.refine import Refined
from core.layout.search.description import Coder
from core.layout.search.proposals import propose
from core.layout.search.search import Survey

Remembered = TypeVar("Remembered")


class SongMemory:
    """Results kept for one clip in a cache; without a cache everything is computed.

    Each method takes what the result depends on beside the clip, and how to compute it.
    """

    def __init__(self, cache: Cache | None, clip: Clip) -> None:
        self._cache = cache
        self._clip = clip

    def bars(self, beats_per_bar: tuple[int, ...], compute: Callable[[], BarGrid]) -> BarGrid:
        """The tracked bars."""
        return self._recall(("bars", beats_per_bar), compute, _from_bars, _to_bars)

    def refined(self, grid: BarGrid, compute: Callable[[], Refined]) -> Refined:
        """The bars to the sample."""
        return self._recall(("refined", *_bars_key(grid)), compute, _from_refined, _to_refined)

    def survey(self, refined: Refined, longest: int, jitter: float, seed: int, compute: Callable[[], Survey]) -> Survey:
        """What the cube says about the loops."""
        key = ("survey", *_bars_key(refined.grid), refined.shifts, longest, jitter, seed)
        return self._recall(key, compute, _from_survey, _to_survey)

    @cached_property
    def _song(self) -> str:
        return key_of(self._clip.rate, self._clip.samples)

    def _recall(
        self,
        key: tuple[object, ...],
        compute: Callable[[], Remembered],
        pack: Callable[[Remembered], Arrays],
        unpack: Callable[[Arrays], Remembered],
    ) -> Remembered:
        if self._cache is None:
            return compute()
        entry = key_of(self._song, *key)
        kept = self._cache.get(entry)
        if kept is not None:
            return unpack(kept)
        result = compute()
        self._cache.put(entry, pack(result))
        return result


def _bars_key(grid: BarGrid) -> tuple[object, ...]:
    return grid.starts, grid.beats_per_bar, grid.origin, grid.beat_unit


def _from_bars(grid: BarGrid) -> Arrays:
    told = {"beats_per_bar": grid.beats_per_bar, "origin": grid.origin, "beat_unit": grid.beat_unit}
    return {"starts": grid.starts, "told": np.array(json.dumps(told))}


def _to_bars(kept: Arrays) -> BarGrid:
    return BarGrid(kept["starts"], **json.loads(str(kept["told"])))


def _from_refined(refined: Refined) -> Arrays:
    numbers = {
        "bar_frames": refined.bar_frames,
        "coherence_before": refined.coherence_before,
        "coherence_after": refined.coherence_after,
        "steadiness": refined.steadiness,
    }
    changes = np.array(json.dumps(refined.changes))
    return {
        **_from_bars(refined.grid),
        "shifts": refined.shifts,
        "numbers": np.array(json.dumps(numbers)),
        "changes": changes,
    }


def _to_refined(kept: Arrays) -> Refined:
    changes = tuple(json.loads(str(kept["changes"])))
    return Refined(_to_bars(kept), kept["shifts"], changes=changes, **json.loads(str(kept["numbers"])))


def _from_survey(survey: Survey) -> Arrays:
    found, bars = survey.found, survey.subset.bars
    return {
        "bins": survey.subset.bins,
        "floor": survey.subset.floor,
        "phases": np.array(found.phases, dtype=np.int16).reshape(found.loops, bars),
        "lengths": np.array(found.lengths, dtype=np.int64),
        "gains": found.gains,
        "repeating": np.array(survey.repeating),
    }


def _to_survey(kept: Arrays) -> Survey:
    subset = Coder(kept["bins"], kept["floor"])
    found = propose(subset, list(kept["phases"]), kept["lengths"].tolist(), kept["gains"])
    return Survey(subset, found, float(kept["repeating"]))
