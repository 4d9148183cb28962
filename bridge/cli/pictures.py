"""`loopcube pictures`: figures of a result, from its folder alone."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `pictures` to an application."""
    app.command()(pictures)


def pictures(
    result: Annotated[Path, typer.Argument(help="Result folder.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder for them; figures in the result if left out.")] = None,
) -> None:
    """Draw a result: its cube as animated CAT scans, notes, rhythms, patterns, recipes, and what repeats.

    Pictures that are there already are left as they are.
    """
    from bridge.cli.terminal import progress_bar
    from core.results.read import read_result

    found = read_result(result)
    from core.results.pictures.gallery import (
        draw_gallery,  # slow to import: a folder that is no result is refused at once
    )

    folder = out or result / "figures"
    with progress_bar() as progress:
        written = draw_gallery(found, folder, progress)
    for path in written:
        typer.echo(str(path))
    if not written:
        typer.echo(f"loopcube: note: {folder} has all pictures already; remove some to draw them again", err=True)
