"""Runs the real Lua scripts in a fake REAPER, tick by tick."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.hosts.reaper.fake import Accessor, Array, FakeReaper, Violation
from tests.hosts.reaper.gfx import VARIABLES, FakeGfx
from tests.hosts.reaper.model import Item, Project, Source, Take, TempoMap, Track

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "reaper_scripts"
EXTRACT = "loopcube_Extract loops from selected items.lua"
SET_UP = "loopcube_Set up.lua"

_FORWARDING = """
return function(call, known)
  return setmetatable({}, {
    __index = function(_, name) return function(...) return call(name, ...) end end,
    __newindex = function(_, name) error("reaper has no " .. name .. " to set") end,
  })
end
"""
_FORWARDING_GFX = """
return function(call, variables)
  local held = {}
  for name, value in pairs(variables) do held[name] = value end
  return setmetatable({}, {
    __index = function(_, name)
      if held[name] ~= nil then return held[name] end
      return function(...) return call(name, ...) end
    end,
    __newindex = function(_, name, value)
      if held[name] == nil then error("gfx has no variable " .. name) end
      held[name] = value
    end,
  }), held
end
"""
_NO_GLOBALS = """
return function(violate)
  setmetatable(_G, { __newindex = function(_, name)
    violate("sets the global " .. name)
    error("sets the global " .. name)
  end })
end
"""


class Clock:
    """Time that passes a tick at a time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _only_arrays(thing: object, name: str, is_set: bool) -> str:
    if is_set or not isinstance(thing, Array) or name not in ("clear", "table"):
        raise AttributeError(f"REAPER's pointers have no {name}")
    return name


class Host:
    """A REAPER with some projects, in whose scripts folder loopcube lies."""

    def __init__(
        self,
        projects: list[Project],
        home: Path,
        *,
        lua: str = "lua54",
        scripts: Path = SCRIPTS,
        scale: float = 1.0,
        paints: bool = False,
    ) -> None:
        self.lua = importlib.import_module(f"lupa.{lua}").LuaRuntime(
            unpack_returned_tuples=True, register_eval=False, register_builtins=False, attribute_filter=_only_arrays
        )
        self.clock = Clock()
        self.tick_seconds = 0.03
        self.reaper = FakeReaper(projects, home / "REAPER", clock=self.clock)
        self.reaper.resources.mkdir(parents=True, exist_ok=True)
        self.reaper.table_from = self.lua.table_from
        self.gfx = FakeGfx(scale=scale, paints=paints)
        self.scripts = scripts
        self.ended = False
        self.crashes: list[str] = []
        globals_ = self.lua.globals()
        globals_.reaper = self.lua.execute(_FORWARDING)(self.reaper.call, None)
        zeros = self.lua.table_from(dict.fromkeys(VARIABLES, 0))
        globals_.gfx, self.gfx.variables = self.lua.execute(_FORWARDING_GFX)(self.gfx.call, zeros)
        self.lua.execute(_NO_GLOBALS)(self.reaper.violations.append)

    @property
    def project(self) -> Project:
        return self.reaper.projects[0]

    def run(self, name: str = EXTRACT) -> None:
        """Run an action until it first waits."""
        self._protected(self.lua.globals().dofile, str(self.scripts / name))
        self._maybe_end()

    def tick(self) -> None:
        """Let REAPER call what was deferred."""
        self.clock.now += self.tick_seconds
        functions, self.reaper.deferred = self.reaper.deferred, []
        for function in functions:
            self._protected(function)
        self._maybe_end()

    def until(self, met: Callable[[], object], ticks: int = 2_000, between: Callable[[], None] = lambda: None) -> None:
        for _ in range(ticks):
            if met():
                return
            self.tick()
            between()
        raise AssertionError(f"not met in {ticks} ticks; shown: {list(self.gfx.texts)}")

    def shows(self, text: str) -> bool:
        return any(text in shown for shown in self.gfx.texts)

    def click(self, text: str) -> None:
        """Press and let go of the mouse over a text of the window."""
        x, y = self.gfx.texts[text]
        self.gfx.variables["mouse_x"], self.gfx.variables["mouse_y"] = x, y
        for pressed in (1, 0):
            self.gfx.variables["mouse_cap"] = pressed
            self.tick()

    def press(self, key: int) -> None:
        self.gfx.keys.append(key)
        self.tick()

    def kill(self) -> None:
        """The user terminates the script."""
        self.reaper.deferred = []
        self._maybe_end()

    def _protected(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - REAPER shows it in a box of its own and ends the script
            self.crashes.append(str(error))

    def _maybe_end(self) -> None:
        if not self.reaper.deferred and not self.ended:
            self.ended = True
            for function in self.reaper.at_exit:
                function()

    def check_tidy(self) -> None:
        """Nothing was done that REAPER would not bear, and nothing is left open."""
        assert self.reaper.violations == []
        assert self.gfx.violations == []
        assert self.crashes == []
        assert self.reaper.refresh_held == 0
        assert not any(project.undo_is_open for project in self.reaper.projects)
        assert self.reaper.sources == [], "sources that belong to nothing"
        if self.ended:
            assert self.reaper.accessors == []
            assert not self.gfx.open
            assert ("loopcube", "running") not in self.reaper.ext


def project_of(
    folder: Path, samples: Any, rate: int, *, tempo: TempoMap | None = None, position: float = 0.0
) -> Project:
    """A project with one selected item, of float32 [frames, channels], on its one track."""
    folder.mkdir(parents=True, exist_ok=True)
    take = Take(source=Source(str(folder / "song.wav"), np.asarray(samples, np.float32), rate))
    item = Item(takes=[take], selected=True)
    item.values |= {"D_POSITION": position, "D_LENGTH": len(samples) / rate, "D_FADEINLEN": 0.0, "D_FADEOUTLEN": 0.0}
    track = Track(items=[item])
    track.texts["P_NAME"] = "Song"
    return Project(folder, tempo or TempoMap(), [track])


def install_scripts(folder: Path, command: list[str]) -> Path:
    """The scripts, and in REAPER's folder beside them a configuration that names a helper, as the installer does."""
    import shutil

    shutil.copytree(SCRIPTS, folder)
    config = folder.parent / "REAPER" / "loopcube" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"command": command}), encoding="utf-8")
    return folder


__all__ = ["Accessor", "Host", "Violation", "install_scripts", "project_of"]
