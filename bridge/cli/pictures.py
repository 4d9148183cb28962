"""`loopcube pictures`: draw figures of a result from its folder."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `pictures` to an application."""
    app.command()(pictures)


def pictures(
    result: Annotated[Path, typer.Argument(help="Result folder.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pictures; by default `figures` in the result.")
    ] = None,
) -> None:
    """Draw figures of a result, such as animated CAT scans.

    The figures show the cube as animated CAT scans, notes, rhythms, patterns, recipes, and repetitions. Pictures that
    exist already are not changed.
    """
    from bridge.cli.terminal import progress_bar
    from core.results.read import read_result

    found = read_result(result)
    from core.results.pictures.gallery import (
        draw_gallery,  # slow to import, therefore after the check of the folder
    )

    folder = out or result / "figures"
    with progress_bar() as progress:
        written = draw_gallery(found, folder, progress)
    for path in written:
        typer.echo(str(path))
    if not written:
        typer.echo(f"loopcube: note: {folder} has all pictures already; remove some to draw them again", err=True)
