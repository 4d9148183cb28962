"""For several commands: a progress bar, a log on the console, and common options."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from core.base.errors import Code, LoopError
from core.base.progress import Progress


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr during the block, if stderr is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)

        def report(fraction: float, stage: str) -> None:
            bar.update(task, completed=fraction, description=stage)

        yield report


Out = Annotated[Path | None, typer.Option("--out", help="Folder for the results; by default beside each source.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Songs processed at the same time.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def folder_of(path: Path) -> Path:
    """A folder from an option, absolute and with links resolved. Raises NO_SUCH_FILE if it is not a folder."""
    if not path.is_dir():
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: no such folder; make it first")
    return path.resolve()


def log_to_console(*loggers: str) -> None:
    """Show the log on stderr: in colours in a terminal, else as plain lines, for a service's journal.

    Args:
        loggers: if given, all other loggers show only warnings.
    """
    from rich.console import Console
    from rich.logging import RichHandler

    console = Console(stderr=True)
    handler: logging.Handler = logging.StreamHandler()
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, markup=False)
    if loggers:
        handler.addFilter(lambda record: record.name in loggers or record.levelno >= logging.WARNING)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
