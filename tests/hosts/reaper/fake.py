# ruff: noqa: N802 - the functions have REAPER's own names
"""A strict REAPER: whatever a real one would refuse, crash on or silently get wrong is an error, and remembered.

Unknown functions, wrong numbers or types of arguments, pointers to what is gone, unknown or read-only keys: each raises
in the script, and `violations` keeps it, so that a script's own pcall cannot hide it.
"""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.hosts.reaper import model
from tests.hosts.reaper.api import REAPER, Signature
from tests.hosts.reaper.model import Item, Project, Source, Take, Track

KINDS = {"MediaItem": Item, "MediaItem_Take": Take, "MediaTrack": Track, "PCM_source": Source}
POINTERS = {f"{name}*": kind for name, kind in KINDS.items()} | {"ReaProject*": Project}


_NOTHING = {"boolean": False, "string": "", "number": 0.0, "integer": 0}


class Violation(Exception):  # noqa: N818 - what it is called by those who write such fakes
    """A script did what REAPER would not bear."""


class Injected(Exception):  # noqa: N818 - not an error of this code
    """A failure that the test asked for."""


class Accessor:
    def __init__(self, item: Item, take: Take) -> None:
        self.item, self.take = item, take


class Array:
    """reaper.array: doubles, called with dots."""

    def __init__(self, size: int, table_from: Callable[[list[float]], Any]) -> None:
        self.values = np.full(size, 123.25)  # whatever was in memory
        self._table_from = table_from

    def clear(self) -> None:
        self.values[:] = 0.0

    def table(self, offset: int, size: int) -> Any:
        if not 1 <= offset <= offset + size - 1 <= len(self.values):
            raise Violation(f"array.table({offset}, {size}) of {len(self.values)}")
        return self._table_from(self.values[offset - 1 : offset - 1 + size].tolist())


class FakeReaper:
    """The functions of `reaper`, by their names; `call` is what Lua calls."""

    def __init__(self, projects: list[Project], resources: Path, *, clock: Callable[[], float]) -> None:
        self.projects = projects
        self.current = projects[0]
        self.resources = resources
        self.clock = clock
        self.violations: list[str] = []
        self.calls: list[str] = []
        self.fail_at: int | None = None
        self.fail_softly = False
        self.deferred: list[Any] = []
        self.at_exit: list[Any] = []
        self.refresh_held = 0
        self.accessors: list[Accessor] = []
        self.ext: dict[tuple[str, str], str] = {}
        self.messages: list[str] = []
        self.answer = 1
        self.console: list[str] = []
        self.commands: list[int] = []
        self.scripts: list[str] = []
        self.sources: list[Source] = []
        self.play_state = 0
        self.exec: Callable[[list[str], int], str | None] = spawn
        self.table_from: Callable[[list[float]], Any] = lambda values: values

    # The gate

    def call(self, name: str, *arguments: Any) -> Any:
        """One call from Lua: checked, counted, and made to fail if it is its turn."""
        signature = REAPER.get(name)
        if signature is None or not hasattr(self, name):
            raise self._violation(f"no function reaper.{name}")
        self._check(signature, arguments)
        self.calls.append(name)
        if self.fail_at is not None and len(self.calls) == self.fail_at:
            if not self.fail_softly:
                raise Injected(f"call {self.fail_at}, {name}")
            if not name.startswith("GetSet") or arguments[-1]:  # what is only read is there
                return tuple(_NOTHING.get(kind) for kind in signature.results)
        try:
            results = getattr(self, name)(*arguments)
        except Violation as error:
            raise self._violation(f"{name}: {error}") from error
        count = len(results) if isinstance(results, tuple) else int(results is not None or bool(signature.results))
        if count != len(signature.results):
            raise self._violation(f"the fake's {name} gives {count} results, not {len(signature.results)}")
        return results

    def _violation(self, text: str) -> Violation:
        self.violations.append(text)
        return Violation(text)

    def _check(self, signature: Signature, arguments: tuple[Any, ...]) -> None:
        if not signature.required <= len(arguments) <= len(signature.arguments):
            raise self._violation(f"{signature.name}: {len(arguments)} arguments")
        for number, (kind, value) in enumerate(zip(signature.arguments, arguments, strict=False), start=1):
            if not self._fits(kind, value):
                raise self._violation(f"bad argument #{number} to '{signature.name}' ({kind} expected, got {value!r})")

    def _fits(self, kind: str, value: Any) -> bool:
        if kind == "ReaProject":
            return value is None or (type(value) is int and value == 0) or value in self.projects
        if kind in ("MediaItem", "MediaItem_Take", "MediaTrack"):
            return isinstance(value, KINDS[kind]) and any(project.holds(value) for project in self.projects)
        plain = {"integer": int, "boolean": bool, "string": str, "PCM_source": Source, "AudioAccessor": Accessor}
        if kind == "number":
            return type(value) in (int, float)
        if kind in plain:
            return type(value) is plain[kind]
        if kind == "ReaperArray":
            return isinstance(value, Array)
        if kind == "function":
            return callable(value)
        return value is not None

    def _project(self, proj: Any) -> Project:
        return proj if isinstance(proj, Project) else self.current

    # Projects

    def EnumProjects(self, index: int) -> Any:
        if index == -1:
            return self.current, str(self.current.path / "song.rpp")
        return (self.projects[index], "") if index < len(self.projects) else (None, "")

    def SelectProjectInstance(self, proj: Any) -> None:
        self.current = self._project(proj)

    def ValidatePtr2(self, proj: Any, pointer: Any, kind: str) -> bool:
        if kind not in POINTERS:
            raise Violation(f"no type {kind}")
        if not isinstance(pointer, POINTERS[kind]):
            return False
        return pointer in self.projects if isinstance(pointer, Project) else self._project(proj).holds(pointer)

    def GetProjectPathEx(self, proj: Any) -> str:
        return str(self._project(proj).path)

    def GetSetProjectInfo(self, proj: Any, key: str, value: float, is_set: bool) -> float:  # noqa: ARG002
        if key != "PROJECT_SRATE" or is_set:
            raise Violation(f"key {key}")
        return 48_000.0

    def GetPlayStateEx(self, proj: Any) -> int:  # noqa: ARG002
        return self.play_state

    def GetResourcePath(self) -> str:
        return str(self.resources)

    def GetAppVersion(self) -> str:
        return "7.40/linux-x86_64"

    # Items and takes

    def CountMediaItems(self, proj: Any) -> int:
        return len(self._project(proj).items)

    def GetMediaItem(self, proj: Any, index: int) -> Any:
        items = self._project(proj).items
        return items[index] if 0 <= index < len(items) else None

    def IsMediaItemSelected(self, item: Item) -> bool:
        return item.selected

    def GetActiveTake(self, item: Item) -> Any:
        return item.takes[0] if item.takes else None

    def GetMediaItem_Track(self, item: Item) -> Track:
        return next(project.track_of(item) for project in self.projects if item in project.items)

    def TakeIsMIDI(self, take: Take) -> bool:
        return take.midi

    def TakeFX_GetCount(self, take: Take) -> int:
        return len(take.effects)

    def TakeFX_GetEnabled(self, take: Take, index: int) -> bool:
        return take.effects[index]

    def CountTakeEnvelopes(self, take: Take) -> int:
        return take.envelopes

    def GetMediaItemTake_Source(self, take: Take) -> Any:
        return take.source

    def GetMediaSourceParent(self, source: Source) -> Any:
        return source.parent

    def GetMediaSourceFileName(self, source: Source) -> str:
        return source.path

    def GetMediaSourceSampleRate(self, source: Source) -> int:
        return source.rate

    def GetMediaSourceNumChannels(self, source: Source) -> int:
        return int(source.samples.shape[1])

    def _value(self, thing: Any, key: str, known: dict[str, float]) -> float:
        if key not in known:
            raise Violation(f"no key {key}")
        return float(thing.values[key])

    def _set_value(self, thing: Any, key: str, value: float, known: dict[str, float]) -> bool:
        if key not in known or key in model.READ_ONLY:
            raise Violation(f"no key {key} to set")
        thing.values[key] = float(value)
        return True

    def GetMediaItemInfo_Value(self, item: Item, key: str) -> float:
        return self._value(item, key, model.ITEM_VALUES)

    def SetMediaItemInfo_Value(self, item: Item, key: str, value: float) -> bool:
        return self._set_value(item, key, value, model.ITEM_VALUES)

    def GetMediaItemTakeInfo_Value(self, take: Take, key: str) -> float:
        return self._value(take, key, model.TAKE_VALUES)

    def SetMediaItemTakeInfo_Value(self, take: Take, key: str, value: float) -> bool:
        return self._set_value(take, key, value, model.TAKE_VALUES)

    def GetMediaTrackInfo_Value(self, track: Track, key: str) -> float:
        return self._value(track, key, model.TRACK_VALUES)

    def SetMediaTrackInfo_Value(self, track: Track, key: str, value: float) -> bool:
        return self._set_value(track, key, value, model.TRACK_VALUES)

    def _text(self, thing: Any, key: str, text: str, is_set: bool) -> tuple[bool, str]:
        if key not in model.TEXTS and not key.startswith("P_EXT:"):
            raise Violation(f"no key {key}")
        if is_set:
            if key in model.READ_ONLY:
                raise Violation(f"{key} is only read here")
            thing.texts[key] = text
            return True, text
        return key in thing.texts, thing.texts.get(key, "")

    def GetSetMediaItemInfo_String(self, item: Item, key: str, text: str, is_set: bool) -> tuple[bool, str]:
        return self._text(item, key, text, is_set)

    def GetSetMediaItemTakeInfo_String(self, take: Take, key: str, text: str, is_set: bool) -> tuple[bool, str]:
        return self._text(take, key, text, is_set)

    def GetSetMediaTrackInfo_String(self, track: Track, key: str, text: str, is_set: bool) -> tuple[bool, str]:
        return self._text(track, key, text, is_set)

    # Audio

    def CreateTakeAudioAccessor(self, take: Take) -> Any:
        item = next(item for project in self.projects for item in project.items if take in item.takes)
        self.accessors.append(Accessor(item, take))
        return self.accessors[-1]

    def DestroyAudioAccessor(self, accessor: Accessor) -> None:
        if accessor not in self.accessors:
            raise Violation("destroyed twice")
        self.accessors.remove(accessor)

    def GetAudioAccessorSamples(
        self, accessor: Accessor, rate: int, channels: int, start: float, frames: int, buffer: Array
    ) -> int:
        take, length = accessor.take, accessor.item.values["D_LENGTH"]
        if accessor not in self.accessors or frames * channels > len(buffer.values) or take.source is None:
            raise Violation("a gone accessor, or a buffer too small")
        if take.source.rate == 0:
            return -1
        inside = max(0, min(frames, round((length - start) * rate)))  # beyond the end, the buffer stays as it is
        first = round((take.values["D_STARTOFFS"] + start) * rate)
        index = first + np.arange(inside)
        there = (index >= 0) & (index < len(take.source.samples))
        heard = np.zeros((inside, channels))
        heard[there] = take.source.samples[index[there]][:, :channels]
        if not heard.any():
            return 0  # silence: the buffer stays as it is
        buffer.values[: inside * channels] = heard.ravel()
        return 1

    def new_array(self, size: int) -> Array:
        return Array(size, self.table_from)

    # Tempo

    def TimeMap2_timeToBeats(self, proj: Any, time: float) -> Any:
        tempo = self._project(proj).tempo
        measure = tempo.measure(time)
        metre = tempo.bars[measure][1]
        return 0.0, measure, metre[0], 0.0, metre[1]

    def TimeMap_GetMeasureInfo(self, proj: Any, measure: int) -> Any:
        tempo = self._project(proj).tempo
        quarter, metre = tempo.bars[measure]
        return float(tempo.times[measure]), quarter, tempo.bars[measure + 1][0], metre[0], metre[1], 120.0

    # Tracks

    def CountTracks(self, proj: Any) -> int:
        return len(self._project(proj).tracks)

    def GetTrack(self, proj: Any, index: int) -> Any:
        tracks = self._project(proj).tracks
        return tracks[index] if 0 <= index < len(tracks) else None

    def GetTrackGUID(self, track: Track) -> str:
        return track.guid

    def CountTrackMediaItems(self, track: Track) -> int:
        return len(track.items)

    def GetTrackMediaItem(self, track: Track, index: int) -> Any:
        return track.items[index] if 0 <= index < len(track.items) else None

    def InsertTrackAtIndex(self, index: int, defaults: bool) -> None:  # noqa: ARG002
        self.current.tracks.insert(index, Track())

    def DeleteTrack(self, track: Track) -> None:
        next(project for project in self.projects if track in project.tracks).tracks.remove(track)

    def DeleteTrackMediaItem(self, track: Track, item: Item) -> bool:
        track.items.remove(item)
        return True

    def AddMediaItemToTrack(self, track: Track) -> Item:
        track.items.append(Item())
        return track.items[-1]

    def AddTakeToMediaItem(self, item: Item) -> Take:
        item.takes.append(Take())
        return item.takes[-1]

    def PCM_Source_CreateFromFile(self, path: str) -> Any:
        if not Path(path).is_file():
            return None
        self.sources.append(Source.read(Path(path)))
        return self.sources[-1]

    def SetMediaItemTake_Source(self, take: Take, source: Source) -> bool:
        take.source = source
        self.sources.remove(source)
        return True

    def PCM_Source_Destroy(self, source: Source) -> None:
        self.sources.remove(source)

    # Regions

    def AddProjectMarker2(
        self, proj: Any, is_region: bool, start: float, end: float, name: str, wanted: int, colour: int
    ) -> int:
        regions = self._project(proj).regions
        number = max([wanted, *(region["id"] + 1 for region in regions), 1])
        regions.append({"id": number, "region": is_region, "span": (start, end), "name": name, "colour": colour})
        return number

    def EnumProjectMarkers3(self, proj: Any, index: int) -> Any:
        regions = self._project(proj).regions
        if index >= len(regions):
            return 0, False, 0.0, 0.0, "", 0, 0
        found = regions[index]
        return index + 1, found["region"], *found["span"], found["name"], found["id"], found["colour"]

    def DeleteProjectMarker(self, proj: Any, number: int, is_region: bool) -> bool:
        regions = self._project(proj).regions
        regions.remove(next(each for each in regions if each["id"] == number and each["region"] == is_region))
        return True

    def ColorToNative(self, red: int, green: int, blue: int) -> int:
        return blue << 16 | green << 8 | red

    # Undo and refresh

    def Undo_BeginBlock2(self, proj: Any) -> None:
        self._project(proj).open_undo()

    def Undo_EndBlock2(self, proj: Any, label: str, flags: int) -> None:
        if flags != -1:
            raise Violation("an undo step that leaves something out")
        self._project(proj).close_undo(label)

    def Undo_CanUndo2(self, proj: Any) -> Any:
        undo = self._project(proj).undo
        return undo[-1][0] if undo else None

    def Undo_DoUndo2(self, proj: Any) -> int:
        if self._project(proj).undo_is_open:
            raise Violation("undo within an undo block")
        self._project(proj).do_undo()
        return 1

    def PreventUIRefresh(self, change: int) -> None:
        self.refresh_held += change
        if self.refresh_held < 0:
            raise Violation("refresh let go more often than held")

    def UpdateArrange(self) -> None:
        pass

    def Main_OnCommandEx(self, command: int, flag: int, proj: Any) -> None:  # noqa: ARG002
        self.commands.append(command)

    # The system

    def time_precise(self) -> float:
        return self.clock()

    def defer(self, function: Any) -> bool:
        self.deferred.append(function)
        return True

    def atexit(self, function: Any) -> None:
        self.at_exit.append(function)

    def GetExtState(self, section: str, key: str) -> str:
        return self.ext.get((section, key), "")

    def SetExtState(self, section: str, key: str, value: str, persist: bool) -> None:
        if persist and "\n" in value:
            raise Violation("a line break in the settings file")
        self.ext[section, key] = value

    def DeleteExtState(self, section: str, key: str, persist: bool) -> None:  # noqa: ARG002
        self.ext.pop((section, key), None)

    def ShowMessageBox(self, text: str, title: str, kind: int) -> int:  # noqa: ARG002
        self.messages.append(text)
        return self.answer

    def ShowConsoleMsg(self, text: str) -> None:
        if not text.startswith("!SHOW:"):
            raise Violation("opens the console")
        self.console.append(text)

    def AddRemoveReaScript(self, add: bool, section: int, path: str, commit: bool) -> int:
        if not (add and commit and section == 0 and Path(path).is_file()):
            return 0
        self.scripts.append(path)
        return 50_000 + len(self.scripts)

    def RecursiveCreateDirectory(self, path: str, ignored: int) -> int:  # noqa: ARG002
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
        except OSError:
            return 0
        return 1

    def file_exists(self, path: str) -> bool:
        return Path(path).is_file()

    def genGuid(self, guid: str) -> str:  # noqa: ARG002
        return model.new_guid()

    def ExecProcess(self, command: str, timeout: int) -> Any:
        return self.exec(shlex.split(command) if os.name != "nt" else [command], timeout)


def spawn(words: list[str], timeout: int) -> str | None:
    """What ExecProcess does: no shell, no search; None where nothing could be started."""
    if not Path(words[0]).is_file():
        return None
    if timeout < 0:
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        return "0\n"
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout / 1000, check=False)  # noqa: S603
    return f"{done.returncode}\n{done.stdout}"
