"""`loopcube export`: write a result in the format of another program."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.base.errors import Code, LoopError

if TYPE_CHECKING:
    from core.results.read import Result

FORMATS = {"midi": ".mid", "rpp": ".rpp", "dawproject": ".dawproject", "csv": ".csv"}


def register(app: typer.Typer) -> None:
    """Add `export` to an application."""
    app.command()(export)


def export(
    result: Annotated[Path, typer.Argument(help="Result folder.", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="midi, rpp (REAPER), dawproject or csv.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="File to write; by default in the result folder.")] = None,
) -> None:
    """Write a result as MIDI, REAPER project, DAWproject or CSV.

    Nothing is overwritten: if the file exists, -2, -3 and so on is added to the name of the new one.
    """
    if to not in FORMATS:
        raise LoopError(Code.ARGUMENTS, f"--to must be one of {', '.join(FORMATS)}, got {to}")
    from core.base.names import safe_name
    from core.base.new_files import write_new
    from core.results.read import read_result

    found = read_result(result)
    target = out or result / f"{safe_name(found.piece.name)}{FORMATS[to]}"
    if target.is_dir():
        raise LoopError(Code.ARGUMENTS, f"{target}: is a folder; name the file to write")
    typer.echo(str(write_new(target, writer(found, to, target.parent))))


def writer(result: "Result", to: str, home: Path) -> Callable[[Path], None]:
    """The function that writes a result to a file in one of `FORMATS`.

    Args:
        home: the folder of the file.
    """
    if to == "rpp":
        from core.results.exports.rpp import write_rpp

        return lambda path: write_rpp(result, path, home)
    if to == "dawproject":
        from core.results.exports.dawproject import write_dawproject

        return lambda path: write_dawproject(result, path)
    if to == "midi":
        from core.results.exports.midi import write_midi

        return lambda path: write_midi(result.piece, path)
    from core.results.exports.tables import write_csv

    return lambda path: write_csv(result.piece, path)
