"""`loopcube report`: write the report page of a result again."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `report` to an application."""
    app.command()(report)


def report(
    result: Annotated[Path, typer.Argument(help="Result folder.", show_default=False)],
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write the report page of a result again.

    This also works for a result of an older loopcube. Stems, loops and all other files are not changed.
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
