"""A result folder in the form that the scripts in REAPER read: absolute paths, loop bar and gain of each bar."""

from pathlib import Path
from typing import Any

from core.audio.bars import BarGrid
from core.base.errors import Code, LoopError
from core.results.exports.passes import passes
from core.results.pictures.colours import loop_colour
from core.results.piece import Part
from core.results.read import read_result


def described(folder: Path) -> dict[str, Any]:
    """The content of a result folder. `bars` are in frames. `start_bar` counts from 1, as in Lua.

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
    """The only result folder inside another folder. Needed when its path is too long for an OSC reply.

    Raises:
        LoopError: NO_SUCH_FILE unless there is exactly one.
    """
    found = [manifest.parent for manifest in parent.glob("*/manifest.json")]
    if len(found) != 1:
        raise LoopError(Code.NO_SUCH_FILE, f"{parent}: has {len(found)} results instead of one; try again")
    return found[0]


def _loop(number: int, part: Part, stem: Path, loop: Path, grid: BarGrid) -> dict[str, Any]:
    loop_bars, gains = [-1] * grid.bars, [0.0] * grid.bars
    for once in passes(part, grid):
        for i in range(once.bars):
            loop_bars[once.bar + i], gains[once.bar + i] = once.offset + i, round(once.gain, 6)
    colour = loop_colour(number)
    return {
        "label": part.label,
        "bars": part.bars,
        "start_bar": part.start_bar + 1,
        "colour": [int(colour[i : i + 2], 16) for i in (1, 3, 5)],
        "stem": str(stem),
        "loop": str(loop),
        "activations": [round(float(value), 4) for value in part.activations],
        "heard": loop_bars,
        "gains": gains,
    }
