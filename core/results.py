"""An extraction to its result folder and back; the folder is there whole or not at all.

    <name>-loops/
      manifest.json               what is in here; core/schemas/manifest.schema.json
      stems/01-drums-1-bar.wav    the loop wherever it plays: the clip's frames, rate and channels, float32
      stems/rest.wav              what belongs to no loop: stems + rest null against the clip
      loops/01-drums-1-bar.wav    one pass of the loop that cycles without a click
      activations.csv, .json      how strongly each loop plays in each bar
      figures/map.png             the same to look at

It is written under a name that ends in `.part` and renamed when whole; an existing folder is never touched, the new one
then ends in -2, -3 and so on.
"""

import csv
import dataclasses
import errno
import io
import json
import secrets
import shutil
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import jsonschema

from core.audio import write_wav
from core.errors import Code, LoopError
from core.extraction import Extraction
from core.names import safe_name, slug
from core.pictures.map import draw_map
from core.progress import Progress, silent

SCHEMA = 1
MOST_FOLDERS = 9_999
TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EACCES, errno.EISDIR}


def write_result(extraction: Extraction, parent: Path, progress: Progress = silent) -> Path:
    """Write an extraction to a new folder inside `parent`, which is made when missing, and return the folder.

    Args:
        progress: told before each file; when it raises `Cancelled`, nothing stays behind.

    Raises:
        LoopError: WRITE_FAILED with the system's reason; nothing stays behind.
    """
    base = f"{safe_name(extraction.clip.name)}-loops"
    part = parent / f"{base}.{secrets.token_hex(4)}.part"
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        part.mkdir(parents=True)
        _fill(extraction, part, progress)
        progress(1.0, "files")
        return _publish(part, base)
    except BaseException as error:
        _remove(part, made)
        if isinstance(error, OSError):
            raise LoopError(
                Code.WRITE_FAILED,
                f"{parent}: the result cannot be written there ({error.strerror or error}); check space and rights",
            ) from error
        raise


def check_writable(parent: Path) -> None:
    """Find out that no result can be written to a folder before the long work starts; leaves nothing behind.

    Raises:
        LoopError: WRITE_FAILED, with the system's reason.
    """
    nearest = next(folder for folder in (parent, *parent.absolute().parents) if folder.exists())
    probe = nearest / f"loopcube.{secrets.token_hex(4)}.part"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise LoopError(
            Code.WRITE_FAILED, f"{parent}: cannot be written to ({error.strerror or error}); name another folder"
        ) from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """The checked manifest of a result folder.

    Raises:
        LoopError: NO_SUCH_FILE when there is none; ARGUMENTS when it is no manifest of this version.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: cannot be read ({error.strerror}); is this a result?") from error
    except ValueError as error:
        raise LoopError(Code.ARGUMENTS, f"{path}: is not JSON ({error}); extract the song again") from error
    problem = jsonschema.exceptions.best_match(_validator().iter_errors(manifest))
    if problem is not None:
        raise LoopError(Code.ARGUMENTS, f"{path}: {problem.json_path} is wrong ({problem.message})")
    return dict(manifest)


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = resources.files("core").joinpath("schemas/manifest.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(schema))


def _fill(extraction: Extraction, folder: Path, progress: Progress) -> None:
    names = [_file_name(number, loop.label, loop.bars) for number, loop in enumerate(extraction.loops, start=1)]
    for sub in ("stems", "loops", "figures"):
        (folder / sub).mkdir()
    _write_audio(extraction, folder, names, progress)
    progress(0.9, "files")
    _write_text(folder / "activations.csv", _activation_rows(extraction))
    _write_text(folder / "activations.json", _json(_activation_table(extraction)))
    progress(0.95, "files")
    draw_map(extraction, folder / "figures" / "map.png")
    manifest = _manifest(extraction, names)
    _validator().validate(manifest)
    _write_text(folder / "manifest.json", _json(manifest))


def _write_audio(extraction: Extraction, folder: Path, names: list[str], progress: Progress) -> None:
    rate = extraction.clip.rate
    files = [(folder / "stems" / "rest.wav", extraction.rest)]
    files += [(folder / "stems" / name, stem) for name, stem in zip(names, extraction.stems, strict=True)]
    files += [(folder / "loops" / name, loop.audio) for name, loop in zip(names, extraction.loops, strict=True)]
    for done, (path, samples) in enumerate(files):
        progress(0.9 * done / len(files), "files")
        write_wav(path, samples, rate)


def _publish(part: Path, base: str) -> Path:
    """Rename to the first free name. Renaming onto a folder that is not empty fails, so two writers never collide."""
    for number in range(1, MOST_FOLDERS + 1):
        target = part.with_name(base if number == 1 else f"{base}-{number}")
        if target.exists():
            continue
        try:
            return part.rename(target)
        except OSError as error:
            if error.errno not in TAKEN or not target.exists():
                raise
    raise LoopError(Code.WRITE_FAILED, f"{part.parent}: holds {MOST_FOLDERS} results named {base}; remove some")


def _remove(part: Path, made: list[Path]) -> None:
    shutil.rmtree(part, ignore_errors=True)
    for folder in made:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue  # it had not come to that
        except OSError:
            return  # someone else has put something there


def _file_name(number: int, label: str, bars: int) -> str:
    return f"{number:02d}-{slug(label)}-{bars}-{'bar' if bars == 1 else 'bars'}.wav"


def _manifest(extraction: Extraction, names: list[str]) -> dict[str, Any]:
    clip, grid = extraction.clip, extraction.grid
    return {
        "schema": SCHEMA,
        "version": metadata.version("loopcube"),
        "source": {
            "name": clip.name,
            "path": str(clip.path.absolute()) if clip.path else None,
            "frames": clip.frames,
            "rate": clip.rate,
            "channels": clip.channels,
        },
        "bars": {
            "starts": grid.starts.tolist(),
            "beats_per_bar": grid.beats_per_bar,
            "origin": grid.origin,
            "bpm": round(grid.bpm(clip.rate), 3),
        },
        "loops": [
            {
                "label": loop.label,
                "bars": loop.bars,
                "start_bar": loop.start_bar,
                "loop": f"loops/{name}",
                "stem": f"stems/{name}",
                "activations": _rounded(loop.activations),
            }
            for loop, name in zip(extraction.loops, names, strict=True)
        ],
        "rest": "stems/rest.wav",
        "activations": ["activations.csv", "activations.json"],
        "figures": ["figures/map.png"],
        "settings": dataclasses.asdict(extraction.settings),
        "diagnostics": extraction.diagnostics,
        "warnings": extraction.warnings,
    }


def _activation_rows(extraction: Extraction) -> str:
    """CSV, one row per bar and loop; bars count from 1 here, as in a host."""
    seconds = extraction.grid.starts / extraction.clip.rate
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["bar", "start_seconds", "end_seconds", "loop", "label", "activation"])
    for bar in range(extraction.grid.bars):
        span = [bar + 1, f"{seconds[bar]:.6f}", f"{seconds[bar + 1]:.6f}"]
        for number, loop in enumerate(extraction.loops, start=1):
            rows.writerow([*span, number, loop.label, f"{loop.activations[bar]:.4f}"])
    return text.getvalue()


def _activation_table(extraction: Extraction) -> dict[str, Any]:
    seconds = extraction.grid.starts / extraction.clip.rate
    return {
        "bar_starts_seconds": [round(second, 6) for second in seconds.tolist()],
        "loops": [
            {"label": loop.label, "bars": loop.bars, "activations": _rounded(loop.activations)}
            for loop in extraction.loops
        ],
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
