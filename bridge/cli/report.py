"""`loopcube report`: the page of a result, made anew."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `report` to an application."""
    app.command()(report)


def report(
    result: Annotated[Path, typer.Argument(help="Result folder.", show_default=False)],
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a result's report.html, also for a result of an older loopcube.

    Its stems, loops and everything else stay as they are.
    """
    import webbrowser

    from bridge.cli.terminal import progress_bar
    from core.results.read import read_result
    from core.results.report.writing import write_report

    with progress_bar() as progress:
        page = write_report(read_result(result), progress)
    typer.echo(str(page))
    if open_page and not webbrowser.open(page.absolute().as_uri()):
        typer.echo("loopcube: note: no browser was found; open the file yourself", err=True)
