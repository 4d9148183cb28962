"""The page: its data as one JSON object, and the HTML, CSS and JavaScript around it, all in one file.

The scripts in assets/ are ES modules that can be joined into one module, in the order of `MODULES`. For this, each
import must be one line, and names must differ between modules.
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
    """The page's data of one loop.

    Attributes:
        label, bars, start_bar, activations: as in `core.results.piece.Part`.
        heard: the bar of its file that sounds in each bar; -1 where it is silent or too faint to be shown.
        file: its WAV, relative to the page.
        trust: how well it is separated from the other loops, in words.
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
    """All data of the page.

    Attributes:
        starts: the first frame of each bar, and then the end of the last bar.
        metre: beats in a bar, and the note value of a beat.
        rest: the level of the rest in each bar, in dBFS.
        words: sentences about the extraction.
        warnings: sentences that the user should know.
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
    text = json.dumps(dataclasses.asdict(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template(_asset("page.html")).substitute(
        title=html.escape(data.name),
        style=_asset("page.css"),
        data=text.replace("<", "\\u003c"),  # else a "</script>" in a name would end the script element
        script="\n".join(_module(name) for name in MODULES),
    )


def _asset(name: str) -> str:
    return resources.files("core.results.report").joinpath("assets", name).read_text(encoding="utf-8")


def _module(name: str) -> str:
    """The text of a module without imports, and with exports as plain declarations, so that it can be joined."""
    lines = [line for line in _asset(f"{name}.js").splitlines() if not line.startswith("import ")]
    return "\n".join(line.removeprefix("export ") for line in lines).strip() + "\n"
