"""The `loopcube` command: one module for each subcommand.

Results go to stdout, everything else to stderr. Exit status: 0 done; 2 an error, shown in one line with its code; 130
stopped by Ctrl-C; 143 stopped by SIGTERM. Modules that are slow to import are imported inside the commands.
"""

import sys

import typer

from bridge.cli import daemon, demo, export, extract, install, monitor, pictures, report, send, settings, watch
from bridge.cli.stopping import Stopped, stoppable
from core.base.errors import LoopError

MISTAKE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help starts in half the time
    help="Extract the loops from which a finished song was built.",
)


def main() -> None:
    """The `loopcube` command."""
    try:
        with stoppable():
            app()
    except LoopError as error:
        message = " ".join(error.message.split())
        typer.echo(f"loopcube: error {int(error.code)}: {message}", err=True)
        sys.exit(MISTAKE)
    except Stopped as stopped:
        typer.echo("loopcube: stopped", err=True)
        sys.exit(stopped.status)


for _commands in (extract, daemon, send, watch, monitor, demo, report, pictures, export, install, settings):
    _commands.register(app)
