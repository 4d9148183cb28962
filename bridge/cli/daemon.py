"""`loopcube daemon`: runs the daemon, or shows its status, stops it or shows its log."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.terminal import Out, Workers, folder_of, log_to_console
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError

NO_PORT = 3  # exit status
LINES = 40
STOP_SECONDS = 8.0  # the daemon stops within 6


def register(app: typer.Typer) -> None:
    """Add `daemon` to an application."""
    app.command()(daemon)


def daemon(
    port: Annotated[int | None, typer.Option(help="First port to try.", show_default=False)] = None,
    out: Out = None,
    workers: Workers = None,
    home: Annotated[Path | None, typer.Option(help="Folder for settings, token, jobs and log.")] = None,
    status: Annotated[bool, typer.Option("--status", help="Only show the running daemon's status.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Only stop the running daemon.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Only show the end of the daemon's log.")] = False,
) -> None:
    """Run the daemon, which serves hosts and `loopcube send`."""
    from bridge.system.settings_file import load_settings

    if home is not None:
        os.environ["LOOPCUBE_HOME"] = str(home.absolute())
    settings = load_settings(port=port, out=folder_of(out) if out else None, workers=workers)
    if status + stop + log > 1:
        raise LoopError(Code.ARGUMENTS, "give one of --status, --stop and --log at a time")
    if status:
        _show_status(settings)
    elif stop:
        _stop(settings)
    elif log:
        _show_log(settings)
    else:
        _serve(settings)


def _serve(settings: BridgeSettings) -> None:
    from bridge.jobs.workers.work import warm_up, work_of
    from bridge.server.daemon import AlreadyRunningError, serve

    log_to_console()
    try:
        serve(settings, work_of(settings), warm=warm_up)
    except AlreadyRunningError as error:  # not an error for the user: a daemon runs
        typer.echo(error.message)
    except LoopError as error:
        if error.code is not Code.LIMIT:
            raise
        typer.echo(f"loopcube: error {int(error.code)}: {error}", err=True)
        raise typer.Exit(NO_PORT) from error


def _show_status(settings: BridgeSettings) -> None:
    from bridge.client.client import Client
    from bridge.system.running import find_daemon

    with Client.of_running_daemon(settings) as client:
        ping = client.ping()
    if (running := find_daemon(settings)) is not None:
        typer.echo(f"loopcube {running.version} listens on 127.0.0.1:{running.port}, process {running.pid}")
    typer.echo(f"up for {ping.uptime_s} s, {ping.running} running, {ping.queued} queued; log: {settings.log_file}")


def _stop(settings: BridgeSettings) -> None:
    from bridge.client.client import Client
    from bridge.system.running import find_daemon

    if (running := find_daemon(settings)) is None:
        typer.echo("no daemon is running")
        return
    with Client.of_running_daemon(settings) as client:
        client.quit()
    until = time.monotonic() + STOP_SECONDS
    while (found := find_daemon(settings)) and found.boot_id == running.boot_id:
        if time.monotonic() > until:
            raise LoopError(Code.INTERNAL, f"process {running.pid} does not end; end it yourself: no job is lost")
        time.sleep(0.05)
    typer.echo("stopped")


def _show_log(settings: BridgeSettings) -> None:
    from bridge.system.log import last_lines

    lines = last_lines(settings.log_file, LINES)
    typer.echo(f"{settings.log_file}, the last {len(lines)} lines:", err=True)
    for line in lines:
        typer.echo(line)
