"""`loopcube demo`: extract the loops of a synthesised song, and compare them with the true loops."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.audio.bars import BarGrid
    from core.evaluation.scoring import Match
    from core.evaluation.songs import Song
    from core.extraction.ladder import Extraction


def register(app: typer.Typer) -> None:
    """Add `demo` to an application."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the song and the result.")] = Path("loopcube-demo"),
    method: Annotated[str, typer.Option(help="As in extract.")] = "auto",
) -> None:
    """Extract the loops of a synthesised song, and score them."""
    from rich.console import Console

    from bridge.cli.loop_table import loop_table
    from bridge.cli.terminal import progress_bar
    from core.base.progress import part_of
    from core.evaluation.scoring import ideal_ratio_mask, match
    from core.extraction.ladder import Settings, extract
    from core.results.write import check_writable, write_result

    settings = Settings(method=method)  # type: ignore[arg-type]  # Settings checks it
    check_writable(out)
    with progress_bar() as progress:
        progress(0.0, "song")
        song = named_demo(out)
        extraction = extract(song.mixture, settings, part_of(progress, 0.05, 0.8), known_bars(song))
        progress(0.8, "comparison")
        ours = match(song.stems, extraction.stems)
        mask = match(song.stems, ideal_ratio_mask(song.stems, song.rest))
        folder = write_result(extraction, out, part_of(progress, 0.9, 1.0))
        write_song(song, out)
    Console().print(loop_table(extraction, columns=truth_columns(song, extraction, ours)))
    typer.echo(f"SDR over the {song.loops} known loops, a missing one counting 0: {ours.sdr.mean():.1f} dB on average")
    typer.echo(f"for comparison, the ideal ratio mask, made from the true loops: {mask.sdr.mean():.1f} dB")
    typer.echo("this song is easy: its loops repeat exactly and its tempo is given; values above 100 dB count as 100")
    typer.echo(str(folder))


def named_demo(out: Path) -> "Song":
    """The demo's song, with a name that is not yet used in the folder: demo, demo-2 and so on."""
    from core.base.names import numbered
    from core.evaluation.songs import demo_song

    song = demo_song()
    kinds = (".wav", "-loops", "-true-loops")
    name = next(name for name in numbered("demo") if not any((out / f"{name}{kind}").exists() for kind in kinds))
    return replace(song, mixture=replace(song.mixture, name=name))


def known_bars(song: "Song") -> "BarGrid":
    """The bars from the song's tempo, as a user would give them."""
    from core.audio.bars import bars_from_tempo
    from core.evaluation.songs.demo import BPM

    return bars_from_tempo(song.mixture.frames, song.rate, bpm=BPM)


def write_song(song: "Song", out: Path) -> None:
    """Write the song and its true stems beside the result."""
    from core.audio.wav import write_wav

    name = song.mixture.name
    truth = out / f"{name}-true-loops"
    truth.mkdir(parents=True)
    write_wav(out / f"{name}.wav", song.mixture.samples, song.rate)
    for role, stem in zip(song.roles, song.stems, strict=True):
        write_wav(truth / f"{role}.wav", stem, song.rate)


def truth_columns(song: "Song", extraction: "Extraction", ours: "Match") -> dict[str, list[str]]:
    """For each extracted loop: the true loop that it matches, and its SDR."""
    known = {int(j): k for k, j in enumerate(ours.estimate) if j >= 0}
    rows = [known.get(j) for j in range(len(extraction.loops))]
    return {
        "true loop": ["-" if k is None else f"{song.roles[k]}, {song.bars_per_loop[k]}" for k in rows],
        "SDR dB": ["-" if k is None else f"{ours.sdr[k]:.1f}" for k in rows],
    }
