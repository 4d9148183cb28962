"""`loopcube extract`: extract the loops of one song in this process."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.terminal import progress_bar
from core.base.errors import Code, LoopError
from core.base.progress import part_of

if TYPE_CHECKING:
    from core.audio.bars import BarGrid
    from core.audio.clip import Clip
    from core.extraction.ladder import Extraction


def register(app: typer.Typer) -> None:
    """Add `extract` to an application."""
    app.command()(extract)


def extract(
    song: Annotated[Path, typer.Argument(help="Audio file.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder for the result; beside the song if left out.")] = None,
    bpm: Annotated[float | None, typer.Option(help="Quarter notes a minute, if the tempo is steady.")] = None,
    meter: Annotated[str | None, typer.Option(help="With --bpm, for example 7/8; 4/4 if left out.")] = None,
    first_downbeat: Annotated[float | None, typer.Option(help="With --bpm, in seconds; 0 if left out.")] = None,
    bars: Annotated[Path | None, typer.Option(help="Text file of downbeats in seconds, one per line.")] = None,
    loops: Annotated[str, typer.Option(help="Number of loops, or auto.")] = "auto",
    method: Annotated[str, typer.Option(help="auto, coherent or tucker.")] = "auto",
    solver: Annotated[str, typer.Option(help="For method tucker: kl, hals or tensorly.")] = "kl",
    device: Annotated[str, typer.Option(help="For method tucker: cpu, or gpu with PyTorch.")] = "cpu",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not read or write the cache.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Extract the loops of a song into a new folder.

    The folder also shows which loop plays in which bar. The bars are tracked, unless --bpm or --bars gives them.
    """
    from core.audio.clip import read_clip

    count = _loop_count(loops)
    _check_bar_options(bpm, meter, first_downbeat, bars)
    clip = read_clip(song)
    grid = _grid(clip, bpm, meter, first_downbeat, bars)

    from bridge.jobs.workers.work import song_cache
    from bridge.system.settings_file import load_settings
    from core.extraction.ladder import Settings  # slow to import, so the checks above come first
    from core.extraction.ladder import extract as take_apart
    from core.results.write import check_writable, write_result

    settings = Settings(
        method=method,  # type: ignore[arg-type]  # Settings checks it
        solver=solver,  # type: ignore[arg-type]
        device=device,  # type: ignore[arg-type]
        loops=count,
        seed=seed,
    )
    parent = out or song.parent
    check_writable(parent)
    cache = song_cache(0 if no_cache else load_settings().cache_mib)
    with progress_bar() as progress:
        extraction = take_apart(clip, settings, part_of(progress, 0.0, 0.95), grid, cache)
        folder = write_result(extraction, parent, part_of(progress, 0.95, 1.0))
    _show(extraction, folder, as_json=as_json)


def _loop_count(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise LoopError(Code.ARGUMENTS, f"loops must be auto or a whole number, got {text}") from error


def _check_bar_options(bpm: float | None, meter: str | None, first_downbeat: float | None, bars: Path | None) -> None:
    if bars is not None and bpm is not None:
        raise LoopError(Code.ARGUMENTS, "give --bpm or --bars, not both")
    if bpm is None and (meter is not None or first_downbeat is not None):
        raise LoopError(Code.ARGUMENTS, "--meter and --first-downbeat need --bpm")


def _grid(
    clip: "Clip", bpm: float | None, meter: str | None, first_downbeat: float | None, bars: Path | None
) -> "BarGrid | None":
    """The bars that the user gave, if any."""
    from core.audio.bars import bars_from_csv, bars_from_tempo

    if bars is not None:
        return bars_from_csv(bars, clip.frames, clip.rate)
    if bpm is None:
        return None
    return bars_from_tempo(
        clip.frames, clip.rate, bpm=bpm, meter=_meter(meter or "4/4"), first_downbeat=first_downbeat or 0.0
    )


def _meter(text: str) -> tuple[int, int]:
    beats, _, unit = text.partition("/")
    if not (beats.isdecimal() and unit.isdecimal()):
        raise LoopError(Code.ARGUMENTS, f"meter must be like 4/4 or 7/8, got {text}")
    return int(beats), int(unit)


def _show(extraction: "Extraction", folder: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_summary(folder), ensure_ascii=False))
        return
    from rich.console import Console

    from bridge.cli.loop_table import loop_table

    Console().print(loop_table(extraction))
    for warning in extraction.warnings:
        typer.echo(f"loopcube: note: {warning}", err=True)
    typer.echo(str(folder))


def _summary(folder: Path) -> dict[str, Any]:
    from core.results.read import read_manifest

    return {"folder": str(folder.absolute()), **read_manifest(folder)}
