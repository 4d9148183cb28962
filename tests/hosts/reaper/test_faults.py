"""REAPER fails at any one call, by an error or by giving nothing: the project is as it was, or all is placed."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.reaper.host import Host, install_scripts, project_of
from tests.hosts.reaper.made_up import Helper, MadeUpLoop, levels, song_on
from tests.hosts.reaper.model import Project, TempoMap, TempoPoint

LOOPS = (MadeUpLoop("drums", 1, [0, 0, 0, 0]), MadeUpLoop("bass", 2, [-1, -1, 0, 1]))
FAST = TempoMap(TempoPoint(0.0, 1920.0, (4, 4)))


class Played(Helper):
    """A helper whose files lie there already."""

    def __init__(self, folder: Path) -> None:
        super().__init__(song_on(FAST, 4, LOOPS))
        self._result = self.song.result(folder)
        self.song.result = lambda _folder: self._result  # type: ignore[method-assign]


@pytest.fixture
def start(tmp_path: Path) -> Callable[[Project], Host]:
    scripts = install_scripts(tmp_path / "Scripts", ["/opt/python"])
    helper = Played(tmp_path / "result")

    def start(project: Project) -> Host:
        host = Host([project], tmp_path, scripts=scripts)
        host.reaper.exec = helper
        host.reaper.ext["loopcube", "options"] = '{"regions":"yes","place":"both"}'
        return host

    return start


def attend(host: Host) -> Host:
    """Do what a user does, whatever the window shows, until it is closed."""
    host.run()
    for _ in range(30):
        if host.ended:
            return host
        if host.shows("Close"):
            host.click("Close")
        elif host.shows("Extract"):
            host.click("Extract")
        else:
            host.tick()
    raise AssertionError(f"does not end; shown: {list(host.gfx.texts)}")


def outline(project: Project) -> Any:
    """What the project looks like, whoever made it."""
    spans = [[(item.span, item.values, item.take.values) for item in track.items] for track in project.tracks]
    regions = [(region["span"], region["name"], region["colour"]) for region in project.regions]
    return levels(project), spans, regions


@pytest.fixture
def before(tmp_path: Path) -> Project:
    """A project whose item was taken apart before; its track closes a folder that lies in a folder."""
    song = song_on(FAST, 4, LOOPS)
    project = project_of(tmp_path / "project", song.samples, song.rate, tempo=FAST)
    outer, inner = copy.deepcopy(project.tracks[0]), copy.deepcopy(project.tracks[0])
    for parent, guid in ((outer, "{outer}"), (inner, "{inner}")):
        parent.items, parent.texts, parent.values = (
            [],
            {"GUID": guid, "P_NAME": guid},
            {"I_FOLDERDEPTH": 1.0, "B_MUTE": 0.0},
        )
    project.tracks = [outer, inner, *project.tracks]
    project.tracks[2].values["I_FOLDERDEPTH"] = -2.0
    return project


@pytest.mark.parametrize("softly", [False, True], ids=["error", "nothing"])
def test_a_failure_at_any_call_leaves_no_half_result(
    start: Callable[[Project], Host], before: Project, *, softly: bool
) -> None:
    attend(start(before)).check_tidy()
    reference = attend(start(copy.deepcopy(before)))
    reference.check_tidy()
    before.undo.clear()
    whole, was = outline(reference.project), before.state()
    failed = 0
    for index, name in enumerate(reference.reaper.calls, start=1):
        if softly and name not in FAIL_SOFTLY:
            continue
        project = copy.deepcopy(before)
        host = start(project)
        host.reaper.fail_at, host.reaper.fail_softly = index, softly
        attend(host)
        where = f"call {index}, {name}"
        if project.state() == was:
            failed += 1
            assert project.undo == [], where
        else:
            assert outline(project) == whole, where
            assert project.undo[-1][0] == "Extract loops", where
        if name in ("defer", "GetResourcePath"):
            host.crashes.clear()  # without these there is nothing that could tell of it but REAPER itself
        if name == "DestroyAudioAccessor":
            host.reaper.accessors.clear()  # what could be done was
        if name == "DeleteExtState":
            host.reaper.ext.clear()  # the lock: it is stale in a few seconds
        host.check_tidy()
    assert failed > 20


FAIL_SOFTLY = {
    "AddMediaItemToTrack", "AddTakeToMediaItem", "CreateTakeAudioAccessor", "DeleteTrackMediaItem", "GetActiveTake",
    "GetSetMediaItemTakeInfo_String", "GetSetMediaTrackInfo_String",
    "PCM_Source_CreateFromFile", "SetMediaItemInfo_Value", "SetMediaItemTakeInfo_Value", "SetMediaItemTake_Source",
    "SetMediaTrackInfo_Value",
}  # fmt: skip
