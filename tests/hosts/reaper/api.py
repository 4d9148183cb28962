"""What of REAPER's API the fake offers: names, arguments and results. Whatever is not here, no script may call.

Optional arguments end in `?`. test_fake.py checks the table against the list made from REAPER's own header.
"""

import re
from typing import NamedTuple

_REAPER = """
AddMediaItemToTrack(MediaTrack) -> MediaItem
AddProjectMarker2(ReaProject, boolean, number, number, string, integer, integer) -> integer
AddRemoveReaScript(boolean, integer, string, boolean) -> integer
AddTakeToMediaItem(MediaItem) -> MediaItem_Take
ColorToNative(integer, integer, integer) -> integer
CountMediaItems(ReaProject) -> integer
CountTakeEnvelopes(MediaItem_Take) -> integer
CountTrackMediaItems(MediaTrack) -> integer
CountTracks(ReaProject) -> integer
CreateTakeAudioAccessor(MediaItem_Take) -> AudioAccessor
DeleteExtState(string, string, boolean) ->
DeleteProjectMarker(ReaProject, integer, boolean) -> boolean
DeleteTrack(MediaTrack) ->
DeleteTrackMediaItem(MediaTrack, MediaItem) -> boolean
DestroyAudioAccessor(AudioAccessor) ->
EnumProjectMarkers3(ReaProject, integer) -> integer, boolean, number, number, string, integer, integer
EnumProjects(integer) -> ReaProject, string
ExecProcess(string, integer) -> string
GetActiveTake(MediaItem) -> MediaItem_Take
GetAppVersion() -> string
GetAudioAccessorSamples(AudioAccessor, integer, integer, number, integer, ReaperArray) -> integer
GetExtState(string, string) -> string
GetMediaItem(ReaProject, integer) -> MediaItem
GetMediaItemInfo_Value(MediaItem, string) -> number
GetMediaItemTakeInfo_Value(MediaItem_Take, string) -> number
GetMediaItemTake_Source(MediaItem_Take) -> PCM_source
GetMediaItem_Track(MediaItem) -> MediaTrack
GetMediaSourceFileName(PCM_source) -> string
GetMediaSourceNumChannels(PCM_source) -> integer
GetMediaSourceParent(PCM_source) -> PCM_source
GetMediaSourceSampleRate(PCM_source) -> integer
GetMediaTrackInfo_Value(MediaTrack, string) -> number
GetPlayStateEx(ReaProject) -> integer
GetProjectPathEx(ReaProject) -> string
GetResourcePath() -> string
GetSetMediaItemInfo_String(MediaItem, string, string, boolean) -> boolean, string
GetSetMediaItemTakeInfo_String(MediaItem_Take, string, string, boolean) -> boolean, string
GetSetMediaTrackInfo_String(MediaTrack, string, string, boolean) -> boolean, string
GetSetProjectInfo(ReaProject, string, number, boolean) -> number
GetTrack(ReaProject, integer) -> MediaTrack
GetTrackGUID(MediaTrack) -> string
GetTrackMediaItem(MediaTrack, integer) -> MediaItem
InsertTrackAtIndex(integer, boolean) ->
IsMediaItemSelected(MediaItem) -> boolean
Main_OnCommandEx(integer, integer, ReaProject) ->
PCM_Source_CreateFromFile(string) -> PCM_source
PCM_Source_Destroy(PCM_source) ->
PreventUIRefresh(integer) ->
RecursiveCreateDirectory(string, integer) -> integer
SelectProjectInstance(ReaProject) ->
SetExtState(string, string, string, boolean) ->
SetMediaItemInfo_Value(MediaItem, string, number) -> boolean
SetMediaItemTakeInfo_Value(MediaItem_Take, string, number) -> boolean
SetMediaItemTake_Source(MediaItem_Take, PCM_source) -> boolean
SetMediaTrackInfo_Value(MediaTrack, string, number) -> boolean
ShowConsoleMsg(string) ->
ShowMessageBox(string, string, integer) -> integer
TakeFX_GetCount(MediaItem_Take) -> integer
TakeFX_GetEnabled(MediaItem_Take, integer) -> boolean
TakeIsMIDI(MediaItem_Take) -> boolean
TimeMap2_timeToBeats(ReaProject, number) -> number, integer, integer, number, integer
TimeMap_GetMeasureInfo(ReaProject, integer) -> number, number, number, integer, integer, number
Undo_BeginBlock2(ReaProject) ->
Undo_CanUndo2(ReaProject) -> string
Undo_DoUndo2(ReaProject) -> integer
Undo_EndBlock2(ReaProject, string, integer) ->
UpdateArrange() ->
ValidatePtr2(ReaProject, identifier, string) -> boolean
atexit(function) ->
defer(function) -> boolean
file_exists(string) -> boolean
genGuid(string) -> string
new_array(table|integer?, integer?) -> ReaperArray
time_precise() -> number
"""

_GFX = """
drawstr(string, integer?, number?, number?) -> number
getchar(integer?) -> integer
init(string, integer?, integer?, integer?, number?, number?) -> integer
line(number, number, number, number, boolean?) ->
measurestr(string) -> number, number
quit() ->
rect(number, number, number, number, integer?) ->
set(number, number?, number?, number?, integer?, integer?) ->
setfont(integer, string?, integer?, integer?) -> integer
showmenu(string) -> integer
update() ->
"""


class Signature(NamedTuple):
    """One function: the types of its arguments and results; the first `required` arguments must be there."""

    name: str
    arguments: tuple[str, ...]
    required: int
    results: tuple[str, ...]


def _parsed(line: str) -> Signature:
    name, inside, after = re.fullmatch(r"(\w+)\((.*)\) ->(.*)", line).groups()  # type: ignore[union-attr]
    arguments = [part.strip() for part in inside.split(",") if part.strip()]
    required = sum(not argument.endswith("?") for argument in arguments)
    results = tuple(part.strip() for part in after.split(",") if part.strip())
    return Signature(name, tuple(argument.rstrip("?") for argument in arguments), required, results)


def _table(text: str) -> dict[str, Signature]:
    return {signature.name: signature for signature in map(_parsed, text.strip().splitlines())}


REAPER = _table(_REAPER)
GFX = _table(_GFX)
