"""The fake is as strict as it says, and its table is REAPER's."""

import importlib
import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, needs
from tests.hosts.reaper.api import GFX, REAPER
from tests.hosts.reaper.host import SCRIPTS, Host, project_of

FACTS = ROOT.parent / "shared" / "facts"
SOURCES = sorted(SCRIPTS.rglob("*.lua"))
PLAIN = re.compile(r"--.*")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host([project_of(tmp_path / "project", [[0.0, 0.0]], 8_000)], tmp_path)


def _code() -> str:
    return "\n".join(PLAIN.sub("", path.read_text(encoding="utf-8")) for path in SOURCES)


def test_the_table_is_that_of_the_real_api() -> None:
    needs(FACTS.is_dir(), f"the folder {FACTS}")
    known = json.loads((FACTS / "reaper_api.json").read_text(encoding="utf-8"))
    counts = dict(
        line.rsplit(" ", 1)
        for line in (FACTS / "reaper_functions.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith("reaper.")
    )
    for name, signature in REAPER.items():
        if name in known:
            arguments = known[name]["args"]
            assert [argument["type"] for argument in arguments] == list(signature.arguments), name
            assert sum(not argument["optional"] for argument in arguments) == signature.required, name
            results = [result.split()[0].replace("reaper.array", "ReaperArray") for result in known[name]["returns"]]
            assert results == list(signature.results), name
        else:
            assert int(counts[f"reaper.{name}"]) == len(signature.arguments), name


def test_scripts_use_what_the_table_has_and_the_table_has_what_they_use() -> None:
    code = _code()
    assert set(re.findall(r"\breaper\.(\w+)", code)) == set(REAPER)
    variables = {"x", "y", "w", "h", "mouse_x", "mouse_y", "mouse_cap", "ext_retina"}
    assert set(re.findall(r"\bgfx\.(\w+)", code)) == set(GFX) | variables


def test_scripts_run_no_shell_and_keep_to_lua_5_3() -> None:
    assert not re.findall(r"os\.execute|io\.popen|require\b|<const>|<close>", _code())


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("reaper.GetSet_AudioAccessorStartTime(1)", "no function"),
        ("reaper.CountTracks()", "0 arguments"),
        ("reaper.CountTracks(0, 1)", "2 arguments"),
        ("reaper.GetTrack(0, 'one')", "integer expected"),
        ("reaper.GetTrack(0, 0.5)", "integer expected"),
        ("reaper.GetMediaItemInfo_Value(reaper.GetTrack(0, 0), 'D_VOL')", "MediaItem expected"),
        ("reaper.GetMediaItemInfo_Value(reaper.GetMediaItem(0, 0), 'D_LOUD')", "no key"),
        ("reaper.SetMediaTrackInfo_Value(reaper.GetTrack(0, 0), 'IP_TRACKNUMBER', 4)", "to set"),
        ("local t = reaper.GetTrack(0, 0) reaper.DeleteTrack(t) reaper.DeleteTrack(t)", "MediaTrack expected"),
        ("reaper.PreventUIRefresh(-1)", "let go"),
        ("undeclared = 1", "global"),
        ("reaper.SetExtState('a', 'b', 'one\\ntwo', true)", "line break"),
    ],
)
def test_what_reaper_would_not_bear_is_refused_and_remembered(host: Host, code: str, complaint: str) -> None:
    host.lua.execute(f"pcall(function() {code} end)")  # a script's own pcall hides nothing
    assert len(host.reaper.violations) == 1
    assert complaint in host.reaper.violations[0]
    with pytest.raises(AssertionError):
        host.check_tidy()


def test_what_is_left_open_is_seen(host: Host) -> None:
    host.lua.execute("reaper.Undo_BeginBlock2(0)")
    with pytest.raises(AssertionError):
        host.check_tidy()


def test_every_script_is_plain_lua_of_both_versions() -> None:
    for version in ("lua53", "lua54"):
        runtime = importlib.import_module(f"lupa.{version}").LuaRuntime()
        for path in SOURCES:
            assert runtime.globals().loadfile(str(path)) is not None, f"{version}: {path.name}"
