"""The command line: `loopcube extract` here, the other commands in their own modules.

Results go to stdout, everything else to stderr. Exit status: 0 done, 2 a mistake that the user can mend, said in one
line with its code, 130 stopped by Ctrl-C, 143 by SIGTERM. What is slow to import is imported inside the commands.
"""

import sys

import typer

from bridge.cli import daemon as cli_daemon
from bridge.cli import demo as cli_demo
from bridge.cli import export as cli_export
from bridge.cli import install as cli_install
from bridge.cli import monitor as cli_monitor
from bridge.cli import pictures as cli_pictures
from bridge.cli import report as cli_report
from bridge.cli import send as cli_bridge
from bridge.cli import settings as cli_settings
from bridge.cli import watch as cli_watch
from bridge.cli.stopping import Stopped, stoppable
from core.base.errors import LoopError

MISTAKE = 2
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help starts in half the time
    help="Take a finished song apart into the loops it was built from.",
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


for _commands in (
    cli_daemon,
    cli_bridge,
    cli_watch,
    cli_monitor,
    cli_demo,
    cli_report,
    cli_pictures,
    cli_export,
    cli_install,
    cli_settings,
):
    _commands.register(app)
