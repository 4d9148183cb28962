"""`loopcube monitor`: the packets and jobs of the running daemon, live."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.stopping import Stopped

if TYPE_CHECKING:
    from bridge.client.monitor import Monitor

EVERY = 0.5  # seconds between looks


def register(app: typer.Typer) -> None:
    """Add `monitor` to an application."""
    app.command()(monitor)


def monitor(
    plain: Annotated[bool, typer.Option("--plain", help="Print one line for each packet; for pipes.")] = False,
) -> None:
    """Show the daemon's packets, answers and jobs, live.

    The command runs until it is stopped (Ctrl-C). Tokens are never shown.
    """
    from bridge.client.client import Client
    from bridge.client.monitor import Monitor
    from bridge.system.settings_file import load_settings

    with Client.of_running_daemon(load_settings()) as client:
        watched = Monitor(client)
        try:
            if plain or not sys.stdout.isatty():
                _lines(watched)
            else:
                _live(watched)
        except Stopped:  # the normal end
            pass


def _lines(watched: "Monitor") -> None:
    from bridge.client.monitor import as_line

    while True:
        for row in watched.look():
            typer.echo(as_line(row))
        time.sleep(EVERY)


def _live(watched: "Monitor") -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            watched.look()
            live.update(watched.view(console.height), refresh=True)
            time.sleep(EVERY)
