"""A result as a REAPER project: a folder of stems that sum to the song, and a folder of loops, muted, at their bars.

A project is a tree in text: `<NAME values`, lines of values, `>`. Spaces separate the values, so texts are quoted with
one of three quotes that does not occur in them; there is no other escape. Items are placed in seconds, and paths of
audio are relative to the project. Tempo points store a metre as 65536 * note value + beats, and 1 for tempo and metre
together. Tempi are quarter notes a minute.
"""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from core.base.errors import Code, LoopError
from core.base.names import one_line
from core.results.exports.passes import Pass, passes
from core.results.exports.tempo import TempoMap, tempo_map
from core.results.pictures.colours import loop_colour
from core.results.piece import Part
from core.results.read import Result

Tree = list["str | Tree"]

GREY = "#999999"  # the colour of tracks that are no loop
COLOUR_IS_SET = 0x1000000
HELD = 1  # the shape of a tempo point: constant until the next one
OPENS, INSIDE, CLOSES = (1, 1), (0, 0), (2, -1)  # a track that opens a folder, lies inside it, closes it


@dataclass(frozen=True)
class _Item:
    """A file on a track: `position` in seconds of the project, `offset` in seconds of the file, and a gain."""

    name: str
    file: Path
    position: float
    length: float
    offset: float = 0.0
    gain: float = 1.0


def write_rpp(result: Result, path: Path, home: Path) -> None:
    """Write a result as a REAPER project.

    Args:
        path: the file to write.
        home: the future folder of the project; paths of audio are relative to it.

    Raises:
        LoopError: ARGUMENTS for a folder whose name a project cannot hold.
        OSError: the file cannot be written.
    """
    piece = result.piece
    tempo = tempo_map(piece)
    first = tempo.stretches[0]
    tree: Tree = [
        'REAPER_PROJECT 0.1 "7.0" 0',
        f"SAMPLERATE {piece.rate} 1 0",
        f"TEMPO {first.bpm:.10f} {first.metre[0]} {first.metre[1]}",
        _tempo_points(tempo, piece.rate),
        *_stem_tracks(result, home),
        *_loop_tracks(result, home),
    ]
    path.write_text(_text(tree), encoding="utf-8", newline="\n")


def quoted(text: str) -> str:
    """A text in quotes that REAPER reads back. If it contains all three quotes, its backticks become apostrophes.

    >>> quoted("it's"), quoted('"hi"'), quoted('''"it's"'''), quoted('''"'`''')
    ('"it\\'s"', '\\'"hi"\\'', '`"it\\'s"`', '`"\\'\\'`')
    """
    text = one_line(text)
    quote = next((quote for quote in "\"'`" if quote not in text), None)
    return f"{quote}{text}{quote}" if quote else "`" + text.replace("`", "'") + "`"


def _tempo_points(tempo: TempoMap, rate: int) -> Tree:
    points = [
        f"PT {stretch.frame / rate:.12f} {stretch.bpm:.10f} {HELD} {65536 * stretch.metre[1] + stretch.metre[0]} 0 1"
        for stretch in tempo.stretches
    ]
    return ["TEMPOENVEX", "ACT 1 -1", "VIS 1 0 1", f"DEFSHAPE {HELD} -1 -1", *points]


def _stem_tracks(result: Result, home: Path) -> list[Tree]:
    piece = result.piece
    names = [f"{number:02d} {part.label}" for number, part in enumerate(piece.parts, start=1)] + ["rest"]
    files = [*result.stems, result.rest]
    colours = [loop_colour(k) for k in range(len(piece.parts))] + [GREY]
    length = piece.frames / piece.rate
    tracks = [_track("Stems", GREY, OPENS)]
    for name, file, colour in zip(names, files, colours, strict=True):
        folder = CLOSES if file == result.rest else INSIDE
        tracks.append(_track(name, colour, folder, [_item(_Item(name, file, 0.0, length), home)]))
    return tracks


def _loop_tracks(result: Result, home: Path) -> list[Tree]:
    parts = result.piece.parts
    if not parts:
        return []
    tracks = [_track("Loops", GREY, OPENS, muted=True)]
    for k, (part, file) in enumerate(zip(parts, result.loops, strict=True)):
        folder = CLOSES if k == len(parts) - 1 else INSIDE
        name = f"{k + 1:02d} {part.label}"
        items = [_item(_placed(result, part, once, name, file), home) for once in passes(part, result.piece.grid)]
        tracks.append(_track(f"{name} (loop)", loop_colour(k), folder, items))
    return tracks


def _placed(result: Result, part: Part, once: Pass, name: str, file: Path) -> _Item:
    starts = result.piece.grid.starts / result.piece.rate
    return _Item(
        name=name,
        file=file,
        position=starts[once.bar],
        length=starts[once.bar + once.bars] - starts[once.bar],
        offset=starts[part.start_bar + once.offset] - starts[part.start_bar],
        gain=once.gain,
    )


def _track(
    name: str, colour: str, folder: tuple[int, int], items: list[Tree] | None = None, *, muted: bool = False
) -> Tree:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    guid = _guid(f"track {name}")
    return [
        f"TRACK {guid}",
        f"NAME {quoted(name)}",
        f"PEAKCOL {COLOUR_IS_SET + (blue << 16) + (green << 8) + red}",
        f"MUTESOLO {int(muted)} 0 0",
        f"ISBUS {folder[0]} {folder[1]}",
        f"TRACKID {guid}",
        *(items or []),
    ]


def _item(item: _Item, home: Path) -> Tree:
    key = f"{item.file.name} {item.position}"
    return [
        "ITEM",
        f"POSITION {item.position:.12f}",
        f"LENGTH {item.length:.12f}",
        "LOOP 0",
        "FADEIN 1 0 0",
        "FADEOUT 1 0 0",
        f"IGUID {_guid(f'item {key}')}",
        f"NAME {quoted(item.name)}",
        f"VOLPAN {item.gain:.6f} 0 1 -1",
        f"SOFFS {item.offset:.12f}",
        f"GUID {_guid(f'take {key}')}",
        ["SOURCE WAVE", f"FILE {quoted(_file_name(item.file, home))}"],
    ]


def _file_name(file: Path, home: Path) -> str:
    """The path relative to the project, with forward slashes; the absolute path if the file is on another drive."""
    try:
        name = Path(os.path.relpath(file, home)).as_posix()
    except ValueError:
        name = file.absolute().as_posix()
    if one_line(name) != name or not set("\"'`") - set(name):
        raise LoopError(
            Code.ARGUMENTS,
            f"{name}: a REAPER project cannot name this file; put the project in the result folder, or rename folders",
        )
    return name


def _guid(key: str) -> str:
    """A GUID made from the key, so that the same result gives the same bytes."""
    return "{" + str(uuid.uuid5(uuid.NAMESPACE_URL, f"loopcube {key}")).upper() + "}"


def _text(tree: Tree, depth: int = 0) -> str:
    margin = "  " * depth
    head, *rest = tree
    lines = [f"{margin}<{head}\n"]
    lines += [f"{margin}  {line}\n" if isinstance(line, str) else _text(line, depth + 1) for line in rest]
    return "".join([*lines, f"{margin}>\n"])
