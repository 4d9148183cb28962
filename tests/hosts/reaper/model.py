"""What a REAPER project holds: tracks, items, takes, sources, regions, its tempo map; and REAPER's undo."""

import copy
import itertools
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

_numbers = itertools.count(1)

# The keys that scripts may use, with what REAPER gives to new things.
ITEM_VALUES = {
    "B_MUTE": 0.0, "B_LOOPSRC": 1.0, "C_BEATATTACHMODE": -1.0, "C_AUTOSTRETCH": 0.0, "D_VOL": 1.0,
    "D_POSITION": 0.0, "D_LENGTH": 0.0, "D_FADEINLEN": 0.01, "D_FADEOUTLEN": 0.01, "D_FADEINDIR": 0.0,
    "D_FADEOUTDIR": 0.0, "D_FADEINLEN_AUTO": -1.0, "D_FADEOUTLEN_AUTO": -1.0, "C_FADEINSHAPE": 0.0,
    "C_FADEOUTSHAPE": 0.0,
}  # fmt: skip
TAKE_VALUES = {"D_STARTOFFS": 0.0, "D_VOL": 1.0, "D_PAN": 0.0, "D_PLAYRATE": 1.0}
TRACK_VALUES = {"I_FOLDERDEPTH": 0.0, "I_CUSTOMCOLOR": 0.0, "B_MUTE": 0.0, "IP_TRACKNUMBER": 0.0}
READ_ONLY = {"IP_TRACKNUMBER", "GUID"}
TEXTS = {"P_NAME", "P_NOTES", "GUID"}  # and P_EXT:anything


def new_guid() -> str:
    number = next(_numbers)
    return f"{{{number * 2654435761 % 2**32:08X}-0000-4000-8000-{number:012X}}}"


@dataclass(eq=False)
class Source:
    """Media: float32 [frames, channels] at a rate; rate 0 is offline."""

    path: str
    samples: Any
    rate: int
    parent: "Source | None" = None

    def __deepcopy__(self, memo: object) -> "Source":
        return self  # undo keeps media as they are

    @classmethod
    def read(cls, path: Path) -> "Source":
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return cls(str(path), samples, rate)


@dataclass(eq=False)
class Thing:
    """A track, an item or a take: values by key, texts by key."""

    values: dict[str, float]
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.texts.setdefault("GUID", new_guid())

    @property
    def guid(self) -> str:
        return self.texts["GUID"]

    @property
    def name(self) -> str:
        return self.texts.get("P_NAME", "")


@dataclass(eq=False)
class Take(Thing):
    values: dict[str, float] = field(default_factory=TAKE_VALUES.copy)
    source: Source | None = None
    effects: tuple[bool, ...] = ()
    midi: bool = False
    envelopes: int = 0


@dataclass(eq=False)
class Item(Thing):
    values: dict[str, float] = field(default_factory=ITEM_VALUES.copy)
    takes: list[Take] = field(default_factory=list)
    selected: bool = False

    @property
    def take(self) -> Take:
        return self.takes[0]

    @property
    def span(self) -> tuple[float, float]:
        return self.values["D_POSITION"], self.values["D_POSITION"] + self.values["D_LENGTH"]


@dataclass(eq=False)
class Track(Thing):
    values: dict[str, float] = field(default_factory=TRACK_VALUES.copy)
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class TempoPoint:
    """From `time` on: quarter notes a minute, on a ramp to the next point's if `linear`; a metre begins a bar."""

    time: float
    bpm: float
    metre: tuple[int, int] | None = None
    linear: bool = False


class TempoMap:
    """Where bars begin."""

    def __init__(self, *points: TempoPoint) -> None:
        self.points = points or (TempoPoint(0.0, 120.0, (4, 4)),)
        self.quarters = [0.0]
        for before, after in itertools.pairwise(self.points):
            self.quarters.append(self.quarters[-1] + self._passed(before, after, after.time - before.time))
        self.bars = list(itertools.islice(self._bars(), 600))
        self.times = [self.time(quarter) for quarter, _ in self.bars]

    def __deepcopy__(self, memo: object) -> "TempoMap":
        return self  # it never changes

    @staticmethod
    def _passed(point: TempoPoint, after: TempoPoint | None, seconds: float) -> float:
        slope = (after.bpm - point.bpm) / (after.time - point.time) if point.linear and after else 0.0
        return (point.bpm + 0.5 * slope * seconds) * seconds / 60.0

    def time(self, quarter: float) -> float:
        """When a quarter note is, in seconds."""
        index = min(bisect_right(self.quarters, quarter), len(self.points)) - 1
        point, after = self.points[index], self.points[index + 1] if index + 1 < len(self.points) else None
        wanted = (quarter - self.quarters[index]) * 60.0
        slope = (after.bpm - point.bpm) / (after.time - point.time) if point.linear and after else 0.0
        if slope == 0.0:
            return point.time + wanted / point.bpm
        return point.time + (np.sqrt(point.bpm**2 + 2.0 * slope * wanted) - point.bpm) / slope

    def _bars(self) -> Iterator[tuple[float, tuple[int, int]]]:
        changes = [(q, p.metre) for q, p in zip(self.quarters, self.points, strict=True) if p.metre]
        quarter, metre = 0.0, changes[0][1]
        while True:
            for at, changed in changes:
                if abs(at - quarter) < 1e-9:
                    metre = changed
            yield quarter, metre
            following = quarter + metre[0] * 4.0 / metre[1]
            begun = [at for at, _ in changes if quarter + 1e-9 < at < following - 1e-9]
            quarter = begun[0] if begun else following

    def measure(self, time: float) -> int:
        return max(0, bisect_right(self.times, time + 1e-12) - 1)


@dataclass(eq=False)
class Project:
    """One tab."""

    path: Path
    tempo: TempoMap = field(default_factory=TempoMap)
    tracks: list[Track] = field(default_factory=list)
    regions: list[dict[str, Any]] = field(default_factory=list)
    undo: list[tuple[str, Any]] = field(default_factory=list)
    keeps_undo: bool = True
    _open: int = 0
    _before: Any = None

    @property
    def items(self) -> list[Item]:
        return [item for track in self.tracks for item in track.items]

    def track_of(self, item: Item) -> Track:
        return next(track for track in self.tracks if item in track.items)

    def holds(self, thing: object) -> bool:
        takes = [take for item in self.items for take in item.takes]
        return any(thing is each for each in (*self.tracks, *self.items, *takes))

    def state(self) -> Any:
        """Everything that a user would see or save, as plain data."""
        return copy.deepcopy([[_plain(track) for track in self.tracks], self.regions])

    def open_undo(self) -> None:
        if self._open == 0:
            self._before = (self.state(), copy.deepcopy((self.tracks, self.regions)))
        self._open += 1

    def close_undo(self, label: str) -> None:
        if self._open == 0:
            raise AssertionError("Undo_EndBlock2 without Undo_BeginBlock2")
        self._open -= 1
        if self._open == 0 and self.keeps_undo and self.state() != self._before[0]:
            self.undo.append((label, self._before[1]))

    def do_undo(self) -> None:
        _, (self.tracks, self.regions) = self.undo.pop()

    @property
    def undo_is_open(self) -> bool:
        return self._open > 0


def _plain(thing: Any) -> Any:
    below = getattr(thing, "items", None) or getattr(thing, "takes", None) or []
    source = thing.source.path if isinstance(thing, Take) and thing.source else None
    return [thing.values, thing.texts, source, [_plain(each) for each in below]]
