"""Writes an extraction to a result folder, completely or not at all; `read` reads the folder back.

    <name>-loops/
      manifest.json               the contents of the folder; core/results/manifest.schema.json
      stems/01-drums-1-bar.wav    the loop wherever it plays: the clip's frames, rate and channels, float32
      stems/rest.wav              the sound that belongs to no loop: stems + rest = the clip
      loops/01-drums-1-bar.wav    one pass of the loop, which cycles without a click
      activations.csv, .json, .mid  how strongly each loop plays in each bar
      figures/map.png             the activations as a picture
      factors.npz                 notes, rhythms, activations and recipes, with the Tucker method only
      report.html, report/        the result as a page to look at and listen to

The folder is written under a name that ends in `.part` and renamed when it is complete. An existing folder is never
changed; the new name then ends in -2, -3 and so on.
"""

import dataclasses
import errno
import json
import secrets
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from core.audio.wav import write_wav
from core.base.errors import Code, LoopError
from core.base.names import MOST_ALIKE, numbered, safe_name, slug
from core.base.progress import Progress, part_of, silent
from core.base.settings import OF_TUCKER
from core.base.threads import in_order
from core.extraction.ladder import Extraction
from core.results.exports.loop_chunks import add_loop_chunks
from core.results.exports.midi import write_midi
from core.results.exports.tables import rounded, write_csv, write_json
from core.results.factor_file import write_factors
from core.results.piece import Part, Piece, heard_from
from core.results.read import SCHEMA, manifest_validator, read_result
from core.results.report.writing import PAGE, write_report

FACTORS = "factors.npz"
TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EACCES, errno.EISDIR}


def write_result(extraction: Extraction, parent: Path, progress: Progress = silent) -> Path:
    """Write an extraction to a new folder inside `parent`, and return the new folder. A missing `parent` is made.

    Args:
        progress: called before each file; when it raises `Cancelled`, no files are left.

    Raises:
        LoopError: WRITE_FAILED with the system's reason; no files are left.
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


def piece_of(extraction: Extraction) -> Piece:
    """The piece of an extraction, for maps, tables and projects."""
    clip, layout = extraction.clip, extraction.layout
    parts = tuple(
        Part(
            label=loop.label,
            bars=loop.bars,
            start_bar=loop.start_bar,
            activations=loop.activations,
            heard=heard_from(loop.start_bar, loop.bars, layout.loop_bars[:, k]),
        )
        for k, loop in enumerate(extraction.loops)
    )
    return Piece(clip.name, clip.rate, clip.frames, clip.channels, extraction.grid, parts)


def check_writable(parent: Path) -> None:
    """Check, before the long work starts, that a result can be written to a folder. No files are left.

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
            Code.WRITE_FAILED, f"{parent}: cannot be written to ({error.strerror or error}); choose another folder"
        ) from error


def _fill(extraction: Extraction, folder: Path, progress: Progress) -> None:
    names = [_file_name(number, loop.label, loop.bars) for number, loop in enumerate(extraction.loops, start=1)]
    piece = piece_of(extraction)
    for sub in ("stems", "loops", "figures"):
        (folder / sub).mkdir()
    _write_audio(extraction, folder, names, part_of(progress, 0.0, 0.5))
    for name, part in zip(names, piece.parts, strict=True):
        add_loop_chunks(folder / "loops" / name, piece, part)
    progress(0.5, "files")
    write_csv(piece, folder / "activations.csv")
    write_json(piece, folder / "activations.json")
    write_midi(piece, folder / "activations.mid")
    progress(0.55, "files")
    from core.results.pictures.map import draw_map  # takes a second to import; other uses of this module skip it

    draw_map(piece, folder / "figures" / "map.png")
    manifest = _manifest(extraction, piece, names)
    manifest_validator().validate(manifest)
    text = json.dumps(manifest, ensure_ascii=False, indent=2, allow_nan=False)
    (folder / "manifest.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    if extraction.factors is not None:
        write_factors(folder / FACTORS, extraction.factors)
    write_report(read_result(folder), part_of(progress, 0.6, 1.0))


def _write_audio(extraction: Extraction, folder: Path, names: list[str], progress: Progress) -> None:
    rate = extraction.clip.rate
    files = [(folder / "stems" / "rest.wav", extraction.rest)]
    files += [(folder / "stems" / name, stem) for name, stem in zip(names, extraction.stems, strict=True)]
    files += [(folder / "loops" / name, loop.audio) for name, loop in zip(names, extraction.loops, strict=True)]
    for done, _ in enumerate(in_order(lambda file: write_wav(*file, rate), files)):
        progress(done / len(files), "files")


def _publish(part: Path, base: str) -> Path:
    """Rename to the first free name. Renaming onto a folder with files in it fails, so two writers never collide."""
    for name in numbered(base):
        target = part.with_name(name)
        if target.exists():
            continue
        try:
            return part.rename(target)
        except OSError as error:
            if error.errno not in TAKEN or not target.exists():
                raise
    raise LoopError(Code.WRITE_FAILED, f"{part.parent}: contains {MOST_ALIKE} results named {base}; remove some")


def _remove(part: Path, made: list[Path]) -> None:
    shutil.rmtree(part, ignore_errors=True)
    for folder in made:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue  # the folder was not made yet
        except OSError:
            return  # another program has put files there


def _file_name(number: int, label: str, bars: int) -> str:
    return f"{number:02d}-{slug(label)}-{bars}-{'bar' if bars == 1 else 'bars'}.wav"


def _manifest(extraction: Extraction, piece: Piece, names: list[str]) -> dict[str, Any]:
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
            "beat_unit": grid.beat_unit,
            "origin": grid.origin,
            "bpm": round(grid.bpm(clip.rate), 3),
        },
        "loops": [
            {
                "label": part.label,
                "bars": part.bars,
                "start_bar": part.start_bar,
                "loop": f"loops/{name}",
                "stem": f"stems/{name}",
                "activations": rounded(part.activations),
                "heard": part.heard.tolist(),
            }
            for part, name in zip(piece.parts, names, strict=True)
        ],
        "rest": "stems/rest.wav",
        "activations": ["activations.csv", "activations.json", "activations.mid"],
        "figures": ["figures/map.png"],
        "report": PAGE,
        **({"factors": FACTORS} if extraction.factors is not None else {}),
        "settings": _settings(extraction),
        "diagnostics": extraction.diagnostics,
        "warnings": extraction.warnings,
    }


def _settings(extraction: Extraction) -> dict[str, Any]:
    """The requested settings; those of the Tucker decomposition only if it ran, because else they had no effect."""
    requested = dataclasses.asdict(extraction.settings)
    return {name: value for name, value in requested.items() if extraction.factors is not None or name not in OF_TUCKER}
