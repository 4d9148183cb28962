"""Reads a result folder: its manifest, which is checked, the piece that it describes, and its audio on demand."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import soundfile

from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.base.errors import Code, LoopError
from core.results.piece import Part, Piece, steady

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """One result folder.

    Attributes:
        folder: the path of the folder.
        manifest: as in core/results/manifest.schema.json.
        piece: the song that the manifest describes.
        stems, loops: the files of the loops, in the piece's order.
        rest: the file of the sound that belongs to no loop.
    """

    folder: Path
    manifest: dict[str, Any]
    piece: Piece
    stems: tuple[Path, ...]
    loops: tuple[Path, ...]
    rest: Path

    def audio(self, path: Path) -> Samples:
        """The samples of a stem or of the rest, float32 [channels, frames of the song].

        Raises:
            LoopError: INCOMPLETE when the file does not agree with the manifest.
        """
        try:
            frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _damaged(path, error.error_string.rstrip(".")) from error
        expected = (self.piece.frames, self.piece.channels)
        if frames.shape != expected or rate != self.piece.rate:
            raise _damaged(path, f"it has {frames.shape[0]} frames of {frames.shape[1]} channels at {rate} Hz")
        return np.ascontiguousarray(frames.T)

    def song(self) -> Samples:
        """The song, float32 [channels, frames]: the sum of all stems and the rest."""
        total = self.audio(self.rest)
        for stem in self.stems:  # one at a time, to limit the memory
            total += self.audio(stem)
        return total


def read_result(folder: Path) -> Result:
    """Read a result folder. Audio files are opened on demand.

    Raises:
        LoopError: as `read_manifest`; INCOMPLETE when a stem or a loop is missing; ARGUMENTS when bars or activations
            do not fit together.
    """
    manifest = read_manifest(folder)
    loops = manifest["loops"]
    result = Result(
        folder=folder,
        manifest=manifest,
        piece=_piece(manifest, folder / "manifest.json"),
        stems=tuple(folder / loop["stem"] for loop in loops),
        loops=tuple(folder / loop["loop"] for loop in loops),
        rest=folder / manifest["rest"],
    )
    for path in (*result.stems, *result.loops, result.rest):
        if not path.is_file():
            raise _damaged(path, "it is missing")
    return result


def read_manifest(folder: Path) -> dict[str, Any]:
    """The checked manifest of a result folder.

    Raises:
        LoopError: NO_SUCH_FILE when there is no manifest; VERSION when a newer loopcube wrote it; ARGUMENTS when the
            file is no valid manifest.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: cannot be read ({error.strerror}); is this a result?") from error
    except ValueError as error:
        raise LoopError(Code.ARGUMENTS, f"{path}: is not JSON ({error}); extract the song again") from error
    _check_version(path, manifest)
    problem = jsonschema.exceptions.best_match(manifest_validator().iter_errors(manifest))
    if problem is not None:
        raise LoopError(Code.ARGUMENTS, f"{path}: {problem.json_path} is wrong ({problem.message})")
    return dict(manifest)


@cache
def manifest_validator() -> jsonschema.Draft202012Validator:
    """The validator for manifests, used before writing and after reading."""
    schema = resources.files("core.results").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(schema))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _check_version(path: Path, manifest: Any) -> None:
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise LoopError(
            Code.VERSION,
            f"{path}: was written by a newer loopcube (schema {schema}, this version reads {SCHEMA}); update loopcube",
        )


def _piece(manifest: dict[str, Any], path: Path) -> Piece:
    source, bars = manifest["source"], manifest["bars"]
    starts = np.array(bars["starts"], dtype=np.int64)
    if (np.diff(starts) <= 0).any() or starts[-1] > source["frames"]:
        raise LoopError(Code.ARGUMENTS, f"{path}: $.bars.starts must increase and lie inside the song")
    grid = BarGrid(starts, bars["beats_per_bar"], bars["origin"], bars.get("beat_unit", 4))
    parts = tuple(_part(loop, k, grid.bars, path) for k, loop in enumerate(manifest["loops"]))
    return Piece(source["name"], source["rate"], source["frames"], source["channels"], grid, parts)


def _part(loop: dict[str, Any], number: int, bars: int, path: Path) -> Part:
    heard = loop.get("heard", steady(loop["start_bar"], loop["bars"], bars))
    for name, values in (("activations", loop["activations"]), ("heard", heard)):
        if len(values) != bars:
            raise LoopError(
                Code.ARGUMENTS,
                f"{path}: $.loops[{number}].{name} must have {bars} values, one for each bar, got {len(values)}",
            )
    if loop["start_bar"] + loop["bars"] > bars:
        raise LoopError(Code.ARGUMENTS, f"{path}: $.loops[{number}] was cut from bars that the song does not have")
    activations = np.array(loop["activations"], np.float32)
    return Part(loop["label"], loop["bars"], loop["start_bar"], activations, np.array(heard, np.int16))


def _damaged(path: Path, reason: str) -> LoopError:
    return LoopError(Code.INCOMPLETE, f"{path}: the result is damaged ({reason}); extract the song again")
