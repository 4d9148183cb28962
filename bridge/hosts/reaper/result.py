"""A result folder as REAPER's scripts read it: absolute paths, and for each bar what sounds in it and how loud."""

from pathlib import Path
from typing import Any

from core.audio.bars import BarGrid
from core.base.errors import Code, LoopError
from core.results.exports.passes import passes
from core.results.pictures.colours import loop_colour
from core.results.piece import Part
from core.results.read import read_result


def described(folder: Path) -> dict[str, Any]:
    """What lies in a result folder. `bars` are frames; loops count their `start_bar` from 1, as Lua does.

    Raises:
        LoopError: as `core.results.read.read_result`.
    """
    result = read_result(folder)
    piece, manifest = result.piece, result.manifest
    files = zip(piece.parts, result.stems, result.loops, strict=True)
    return {
        "folder": str(folder),
        "report": str(folder / manifest["report"]) if "report" in manifest else None,
        "rate": piece.rate,
        "frames": piece.frames,
        "channels": piece.channels,
        "bars": piece.grid.starts.tolist(),
        "rest": str(result.rest),
        "loops": [_loop(k, part, stem, loop, piece.grid) for k, (part, stem, loop) in enumerate(files)],
        "warnings": manifest["warnings"],
    }


def found_in(parent: Path) -> Path:
    """The one result folder inside another, for a path too long to be told over the wire.

    Raises:
        LoopError: NO_SUCH_FILE unless there is just one.
    """
    found = [manifest.parent for manifest in parent.glob("*/manifest.json")]
    if len(found) != 1:
        raise LoopError(Code.NO_SUCH_FILE, f"{parent}: holds {len(found)} results, not one; try again")
    return found[0]


def _loop(number: int, part: Part, stem: Path, loop: Path, grid: BarGrid) -> dict[str, Any]:
    heard, gains = [-1] * grid.bars, [0.0] * grid.bars
    for once in passes(part, grid):
        for i in range(once.bars):
            heard[once.bar + i], gains[once.bar + i] = once.offset + i, round(once.gain, 6)
    colour = loop_colour(number)
    return {
        "label": part.label,
        "bars": part.bars,
        "start_bar": part.start_bar + 1,
        "colour": [int(colour[i : i + 2], 16) for i in (1, 3, 5)],
        "stem": str(stem),
        "loop": str(loop),
        "activations": [round(float(value), 4) for value in part.activations],
        "heard": heard,
        "gains": gains,
    }
