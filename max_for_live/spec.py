"""The device's patcher as data: its objects, where they lie on the panel, and the cords between them.

Ableton's guidelines for Max for Live devices are kept to: whole-pixel rectangles within 169 pixels, theme colours, an
info text on every control, long names that stay the same, buttons hidden from undo and automation, options stored with
the set, and everything that comes from another thread deferred before it reaches the script.
"""

from dataclasses import dataclass, field
from typing import Any

WIDTH, HEIGHT = 304, 169
DAEMON = "127.0.0.1 47310"  # until the script has read the port from the token file

Rect = tuple[int, int, int, int]  # x, y, width, height on the panel

HIDDEN, STORED = 2, 1  # kept from automation and undo; kept with the set but not automated
FLOAT, ENUM, BLOB = 0, 2, 3


@dataclass(frozen=True)
class Box:
    """One object.

    Attributes:
        name: unique; cords refer to it.
        kind: `newobj` for one that is told by its text, else the class of a control.
        text: what it does, or says.
        ports: inlets, outlets.
        panel: where it lies on the panel, if it is there.
        info: what Live shows of it: its name and a sentence.
        parameter: what Live keeps of it: long and short name, type and so on.
    """

    name: str
    kind: str
    text: str
    ports: tuple[int, int]
    panel: Rect | None = None
    info: tuple[str, str] | None = None
    parameter: dict[str, Any] | None = None
    more: dict[str, Any] = field(default_factory=dict)


def boxes(script: str) -> list[Box]:
    """All objects; `script` is the file name of the JavaScript."""
    return [*_audio(), *_wiring(script), *_words(), *_buttons(), *_options()]


def cords() -> list[tuple[str, int, str, int]]:
    """All cords: from, outlet, to, inlet."""
    shown = ["target", "status", "progress", "extract", "cancel", "report"]
    controls = ["extract", "cancel", "report", "longest", "loops", "place", "as", "mute"]
    return [
        ("plugin", 0, "plugout", 0),
        ("plugin", 1, "plugout", 1),
        ("ready", 0, "ready_low", 0),
        ("ready_low", 0, "script", 0),
        ("receive", 0, "receive_low", 0),
        ("receive_low", 0, "script", 0),
        ("script", 0, "send", 0),
        ("script", 1, "receive", 0),
        ("script", 2, "show", 0),
        ("script", 3, "memory", 0),
        ("memory", 0, "memory_named", 0),
        ("memory_named", 0, "controls_low", 0),
        ("controls_low", 0, "script", 0),
        *[("show", outlet, name, 0) for outlet, name in enumerate(shown)],
        *[(name, 0, f"{name}_named", 0) for name in controls],
        *[(f"{name}_named", 0, "controls_low", 0) for name in controls],
    ]


def _audio() -> list[Box]:
    return [Box("plugin", "newobj", "plugin~", (2, 2)), Box("plugout", "newobj", "plugout~", (2, 2))]


def _wiring(script: str) -> list[Box]:
    named = ["extract", "cancel", "report", "longest", "loops", "place", "as", "mute", "memory"]
    return [
        Box("ready", "newobj", "live.thisdevice", (1, 3)),
        *[Box(f"{name}_low", "newobj", "deferlow", (1, 1)) for name in ("ready", "receive", "controls")],
        Box("send", "newobj", f"udpsend {DAEMON}", (1, 0)),
        Box("receive", "newobj", "udpreceive", (1, 1)),
        Box("show", "newobj", "route target status progress extract cancel report", (7, 7)),
        *[Box(f"{name}_named", "newobj", f"prepend {name}", (1, 1)) for name in named],
        Box(
            "script",
            "newobj",
            f"js {script}",
            (1, 4),
            more={"saved_object_attributes": {"filename": script, "parameter_enable": 0}},
        ),
        Box(
            "memory",
            "newobj",
            "pattr loopcube_job",
            (1, 3),
            parameter={"longname": "Job", "shortname": "Job", "type": BLOB, "invisible": STORED},
            more={"saved_object_attributes": {"parameter_enable": 1}},
        ),
    ]


def _words() -> list[Box]:
    return [
        _comment("title", "loopcube", (8, 6, 58, 18), "loopcube takes a clip apart into its loops."),
        _comment("target", "Click an audio clip.", (68, 6, 228, 18), "The clip that Extract loops will work on."),
        _comment("status", "Starting", (8, 74, 288, 40), "What is going on, and what to do when something is missing."),
        _comment("longest_label", "Longest loop", (8, 114, 68, 16), "Loops are looked for up to this length."),
        _comment("loops_label", "Loops", (80, 114, 56, 16), "How many loops to look for."),
        _comment("place_label", "Place in", (140, 114, 84, 16), "Where the result goes."),
        _comment("as_label", "Arrangement", (228, 114, 70, 16), "What goes to the Arrangement."),
        Box(
            "progress",
            "live.numbox",
            "",
            (1, 2),
            (8, 56, 288, 14),
            ("Progress", "How far the work is."),
            {"longname": "Progress", "shortname": "Progress", "type": FLOAT, "mmin": 0.0, "mmax": 1.0,
             "unitstyle": 1, "invisible": HIDDEN},
            {"appearance": 2, "ignoreclick": 1},
        ),
    ]  # fmt: skip


def _comment(name: str, text: str, panel: Rect, info: str) -> Box:
    return Box(name, "live.comment", text, (1, 0), panel, (name.removesuffix("_label").capitalize(), info))


def _buttons() -> list[Box]:
    return [
        _button("extract", "Extract loops", (8, 28, 112, 22), "Take the clip apart into its loops."),
        _button("cancel", "Cancel", (126, 28, 72, 22), "Stop. What was placed already stays."),
        _button("report", "Open report", (204, 28, 92, 22), "See and hear the result in the browser."),
    ]


def _button(name: str, text: str, panel: Rect, info: str) -> Box:
    labels = [f"{text} up", f"{text} down"]
    parameter = {"longname": text, "shortname": text, "type": ENUM, "enum": labels, "mmax": 1, "invisible": HIDDEN}
    more = {"mode": 0, "text": text, "texton": text}
    return Box(name, "live.text", text, (1, 2), panel, (text, info), parameter, more)


def _options() -> list[Box]:
    lengths = ["Auto", "1 bar", "2 bars", "4 bars", "8 bars"]
    counts = ["Auto", *map(str, range(1, 17))]
    return [
        _menu("longest", "Longest loop", lengths, 0, (8, 130, 68, 15), "Loops are looked for up to this length."),
        _menu("loops", "Loops", counts, 0, (80, 130, 56, 15), "How many loops; Auto finds out."),
        _menu("place", "Place in", ["Session", "Arrangement", "Both"], 2, (140, 130, 84, 15),
              "Session: one looping clip a track. Arrangement: the song, one track a loop."),
        _menu("as", "Arrangement as", ["Stems", "Loops"], 0, (228, 130, 68, 15),
              "Stems: each loop as it sounds in the song, with the rest. Loops: one clean pass at each of its bars."),
        Box("mute", "live.text", "Mute source", (1, 2), (8, 150, 84, 15),
            ("Mute source", "Mute the clip once all of its loops are placed."),
            {"longname": "Mute source", "shortname": "Mute", "type": ENUM, "enum": ["Off", "On"], "mmax": 1,
             "initial": [1], "initial_enable": 1, "invisible": STORED},
            {"mode": 1, "text": "Mute source", "texton": "Mute source"}),
    ]  # fmt: skip


def _menu(name: str, title: str, labels: list[str], initial: int, panel: Rect, info: str) -> Box:
    parameter = {"longname": title, "shortname": title, "type": ENUM, "enum": labels, "mmax": len(labels) - 1,
                 "initial": [initial], "initial_enable": 1, "invisible": STORED}  # fmt: skip
    return Box(name, "live.menu", "", (1, 3), panel, (title, info), parameter)
