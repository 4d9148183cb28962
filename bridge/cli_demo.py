"""`loopcube demo`: a song whose loops are known, taken apart, and how close that came."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.extraction import Extraction
    from core.songs import Song


def register(app: typer.Typer) -> None:
    """Add `demo` to an application."""

    @app.command()
    def demo(
        out: Annotated[Path, typer.Option(help="Folder for the song and the result.")] = Path("loopcube-demo"),
        method: Annotated[str, typer.Option(help="As in extract.")] = "auto",
    ) -> None:
        """Make a song of four known loops, take it apart, and say how close the loops came to the true ones."""
        run(out, method)


def run(out: Path, method: str) -> None:
    """Write the song, its true stems and the result to a folder, and show the table."""
    from rich.console import Console

    from bridge.cli import progress_bar
    from bridge.show import loop_table
    from core.extraction import Settings, extract
    from core.results import check_writable, write_result
    from core.songs import demo_song

    settings = Settings(method=method)  # type: ignore[arg-type]  # it checks
    out.mkdir(parents=True, exist_ok=True)
    check_writable(out)
    with progress_bar() as progress:
        progress(0.0, "song")
        song = demo_song()
        write_song(song, out)
        extraction = extract(song.mixture, settings, lambda done, stage: progress(0.05 + 0.9 * done, stage), song.grid)
        folder = write_result(extraction, out)
    columns = compared(song, extraction)
    Console().print(loop_table(extraction, columns=columns))
    typer.echo(summary(song, extraction))
    typer.echo(str(folder))


def write_song(song: "Song", out: Path) -> None:
    """The song as demo.wav, and its true stems in the folder demo-true-stems."""
    from core.audio import write_wav

    truth = out / "demo-true-stems"
    truth.mkdir(exist_ok=True)
    write_wav(out / "demo.wav", song.mixture.samples, song.rate)
    for role, stem in zip(song.roles, song.stems, strict=True):
        write_wav(truth / f"{role}.wav", stem, song.rate)
