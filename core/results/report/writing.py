"""Writes report.html into a result folder, and the sound of the page beside it.

    report.html             the page
    report/<hash>/*.js      its sound; the hash of their contents, so a page never plays the sound of another page

To renew a report, the new sound is written, then the page is replaced in one step, then the old sound is deleted. If
this stops at any point, there is a page that works.
"""

import hashlib
import re
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.base.errors import Code, LoopError
from core.base.progress import Progress, silent
from core.results.factor_file import read_factors
from core.results.pictures.colours import loop_colour
from core.results.read import Result
from core.results.report.page import LoopData, PageData, render
from core.results.report.sections import find_sections
from core.results.report.sound import check_stems, chunk_frames, count_scripts, read_part, sound_scripts
from core.results.report.views import View, recipe_view, spectrogram, wave
from core.results.report.words import in_words, trust_in_words

PAGE, SOUND = "report.html", "report"
OURS = re.compile(r"[0-9a-f]{12}(\.part)?")  # folders of sound
SILENT_DB = -120.0


def write_report(result: Result, progress: Progress = silent) -> Path:
    """Write the report of a result, or replace an old one, and return the page's path. Other files do not change.

    Args:
        progress: called before each file of sound; when it raises `Cancelled`, an old report stays as it was.

    Raises:
        LoopError: INCOMPLETE for a stem or a loop that cannot be read as audio; WRITE_FAILED with the system's reason.
    """
    page = result.folder / PAGE
    part = page.with_name(f"{PAGE}.{secrets.token_hex(4)}.part")
    check_stems(result)
    try:
        data = _page_data(result)
        sound = _write_sound(result, progress)
        data = replace(data, sound=sound.relative_to(result.folder).as_posix())
        part.write_text(render(data), encoding="utf-8", newline="\n")
        part.replace(page)
        _remove_old_sound(sound)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LoopError(
            Code.WRITE_FAILED, f"{page}: cannot be written ({error.strerror or error}); check space and rights"
        ) from error
    return page


def _write_sound(result: Result, progress: Progress) -> Path:
    """Write the sound and return its folder. An existing folder with the same contents is not changed."""
    part = result.folder / SOUND / f"{secrets.token_hex(6)}.part"
    part.mkdir(parents=True)
    try:
        digest = hashlib.sha256()
        count = count_scripts(result)
        for number, (name, script) in enumerate(sound_scripts(result)):
            progress(number / count, "report")
            digest.update(script)
            (part / name).write_bytes(script)
        folder = part.with_name(digest.hexdigest()[:12])
        if not folder.exists():
            part.rename(folder)
        return folder
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove_old_sound(current: Path) -> None:
    for folder in current.parent.iterdir():
        if folder != current and OURS.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _page_data(result: Result) -> PageData:
    """All data except the folder of the sound."""
    piece, manifest = result.piece, result.manifest
    return PageData(
        name=piece.name,
        version=manifest["version"],
        rate=piece.rate,
        frames=piece.frames,
        bpm=piece.bpm,
        metre=(piece.grid.beats_per_bar, piece.grid.beat_unit),
        starts=piece.grid.starts.tolist(),
        sections=find_sections(piece.activations),
        loops=[_loop_data(result, k, recipe) for k, recipe in enumerate(_recipes(result))],
        rest=_bar_levels(result.rest, piece.grid.starts),
        words=in_words(manifest),
        warnings=manifest["warnings"],
        diagnostics=manifest["diagnostics"],
        sound="",
        chunk=chunk_frames(piece.rate),
    )


def _recipes(result: Result) -> list[View | None]:
    """The recipe of each loop, or None if the method has no recipes."""
    if "factors" not in result.manifest:
        return [None] * len(result.loops)
    factors = read_factors(result.folder / result.manifest["factors"])
    return [recipe_view(factors, loop) for loop in range(len(result.loops))]


def _loop_data(result: Result, number: int, recipe: View | None) -> LoopData:
    part, entry = result.piece.parts[number], result.manifest["loops"][number]
    audio = read_part(result.loops[number]).T
    return LoopData(
        label=part.label,
        bars=part.bars,
        start_bar=part.start_bar,
        activations=entry["activations"],
        heard=np.where(part.plays, part.heard, -1).tolist(),
        colour=loop_colour(number),
        file=entry["loop"],
        trust=trust_in_words(result.manifest, number),
        wave=wave(audio),
        spectrogram=spectrogram(audio, result.piece.rate),
        recipe=recipe,
    )


def _bar_levels(path: Path, starts: NDArray[np.int64]) -> list[float]:
    """The root mean square of each bar of a file in dBFS, at least `SILENT_DB`; one bar is in memory at a time."""
    levels = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        power = float(np.square(read_part(path, start, end - start), dtype=np.float64).mean())
        levels.append(round(10 * np.log10(max(power, 10 ** (SILENT_DB / 10))), 1))
    return levels
