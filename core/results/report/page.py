"""The page: what it is told, as one JSON object, and the HTML, CSS and JavaScript around it, all in one file.

The scripts in assets/ are ES modules that can be joined: an import takes one line, and names differ between modules.
They become one module, in the order of `MODULES`.
"""

import dataclasses
import html
import json
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any

from core.results.report.sections import Section
from core.results.report.views import View

MODULES = ("mixer", "sound", "player", "drawing", "map", "cards", "page")


@dataclass(frozen=True)
class LoopData:
    """One loop as the page knows it.

    Attributes:
        label, bars, start_bar, activations: as in `core.results.piece.Part`.
        heard: which bar of its file sounds in each bar; -1 where it is silent or too faint to be shown.
        file: its WAV, relative to the page.
        trust: how well it could be told apart, in words.
    """

    label: str
    bars: int
    start_bar: int
    activations: list[float]
    heard: list[int]
    colour: str
    file: str
    trust: str
    wave: View
    spectrogram: View
    recipe: View | None


@dataclass(frozen=True)
class PageData:
    """All that the page knows.

    Attributes:
        starts: first frame of each bar and, last, the end of the last one.
        metre: beats in a bar, and the note value of a beat.
        rest: level of the rest in each bar, in dBFS.
        words: how the extraction went, a sentence each.
        warnings: what the user should know, likewise.
        diagnostics: the numbers behind both.
        sound: the folder of the sound scripts, relative to the page.
        chunk: frames of a chunk of the song.
    """

    name: str
    version: str
    rate: int
    frames: int
    bpm: float
    metre: tuple[int, int]
    starts: list[int]
    sections: list[Section]
    loops: list[LoopData]
    rest: list[float]
    words: list[str]
    warnings: list[str]
    diagnostics: dict[str, Any]
    sound: str
    chunk: int


def render(data: PageData) -> str:
    """The page as HTML."""
    told = json.dumps(dataclasses.asdict(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template(_asset("page.html")).substitute(
        title=html.escape(data.name),
        style=_asset("page.css"),
        data=told.replace("<", "\\u003c"),  # or a name could end the script that holds it
        script="\n".join(_module(name) for name in MODULES),
    )


def _asset(name: str) -> str:
    return resources.files("core.results.report").joinpath("assets", name).read_text(encoding="utf-8")


def _module(name: str) -> str:
    """A module's text to be joined with others: without imports, its exports as plain declarations."""
    lines = [line for line in _asset(f"{name}.js").splitlines() if not line.startswith("import ")]
    return "\n".join(line.removeprefix("export ") for line in lines).strip() + "\n"
