"""Values of a song that are stored between runs: its bars, its refined bars, and the survey of its loops.

They take most of the time and do not depend on the number of loops. So a second run with another number takes a
fraction of the time. A stored value equals the computed one to the byte.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.base.disk_cache import Arrays, Cache, key_of
from core.downbeats.refine.refine import Refined
from core.layout.search.description import Coder
from core.layout.search.proposals import propose
from core.layout.search.search import Survey

Value = TypeVar("Value")


@dataclass(frozen=True)
class Kind(Generic[Value]):
    """A kind of stored value, with its conversion to arrays and back."""

    name: str
    pack: Callable[[Value], Arrays]
    unpack: Callable[[Arrays], Value]


class SongMemory:
    """Values stored for one clip in a cache. Without a cache nothing is stored."""

    def __init__(self, cache: Cache | None, clip: Clip) -> None:
        self._cache = cache
        self._clip = clip

    def get(self, kind: Kind[Value], *depends: object) -> Value | None:
        """The stored value, or None.

        Args:
            depends: everything that the value was computed from, apart from the clip.
        """
        kept = self._cache.get(self._key(kind, depends)) if self._cache else None
        return None if kept is None else kind.unpack(kept)

    def put(self, kind: Kind[Value], value: Value, *depends: object) -> None:
        """Store a value; `depends` as in `get`."""
        if self._cache:
            self._cache.put(self._key(kind, depends), kind.pack(value))

    def _key(self, kind: Kind[Value], depends: tuple[object, ...]) -> str:
        return key_of(self._song, kind.name, *depends)

    @cached_property
    def _song(self) -> str:
        return key_of(self._clip.rate, self._clip.samples)


def bars_key(grid: BarGrid) -> tuple[object, ...]:
    """A grid as arguments of `SongMemory.get`: everything that a value may depend on."""
    return grid.starts, grid.beats_per_bar, grid.origin, grid.beat_unit


def _from_bars(grid: BarGrid) -> Arrays:
    metre = {"beats_per_bar": grid.beats_per_bar, "origin": grid.origin, "beat_unit": grid.beat_unit}
    return {"starts": grid.starts, "metre": np.array(json.dumps(metre))}


def _to_bars(kept: Arrays) -> BarGrid:
    return BarGrid(kept["starts"], **json.loads(str(kept["metre"])))


def _from_refined(refined: Refined) -> Arrays:
    numbers = {
        "bar_frames": refined.bar_frames,
        "coherence_before": refined.coherence_before,
        "coherence_after": refined.coherence_after,
        "steadiness": refined.steadiness,
    }
    return {
        **_from_bars(refined.grid),
        "shifts": refined.shifts,
        "numbers": np.array(json.dumps(numbers)),
        "changes": np.array(json.dumps(refined.changes)),
    }


def _to_refined(kept: Arrays) -> Refined:
    changes = tuple(json.loads(str(kept["changes"])))
    return Refined(_to_bars(kept), kept["shifts"], changes=changes, **json.loads(str(kept["numbers"])))


def _from_survey(survey: Survey) -> Arrays:
    found, bars = survey.found, survey.subset.bars
    return {
        "bins": survey.subset.bins,
        "floor": survey.subset.floor,
        "loop_bars": np.array(found.loop_bars, dtype=np.int16).reshape(found.loops, bars),
        "lengths": np.array(found.lengths, dtype=np.int64),
        "gains": found.gains,
        "repeating": np.array(survey.repeating),
    }


def _to_survey(kept: Arrays) -> Survey:
    subset = Coder(kept["bins"], kept["floor"])
    found = propose(subset, list(kept["loop_bars"]), kept["lengths"].tolist(), kept["gains"])
    return Survey(subset, found, float(kept["repeating"]))


BARS = Kind("bars", _from_bars, _to_bars)
REFINED = Kind("refined", _from_refined, _to_refined)
SURVEY = Kind("survey", _from_survey, _to_survey)
