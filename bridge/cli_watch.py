"""`loopcube watch`: a drop folder for as long as the command runs, on the queue of the user's one daemon.

The daemon is the running one, or else one that runs on a thread here and ends with the command.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli_bridge import Out, Workers, folder_of, log_to_console
from bridge.settings import BridgeSettings
from bridge.stopping import Stopped
from core.errors import Code, LoopError

if TYPE_CHECKING:
    from bridge.client import Client
    from bridge.drop_folder import Inbox, Start

START_SECONDS = 10.0


def register(app: typer.Typer) -> None:
    """Add `watch` to an application."""
    app.command()(watch)


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder to drop audio files into.")],
    out: Out = None,
    existing: Annotated[bool, typer.Option("--existing", help="Take the files that are there already, too.")] = False,
    workers: Workers = None,
) -> None:
    """Take apart every audio file that is put into a folder.

    Goes on until it is stopped (Ctrl-C).
    """
    from bridge.bell import Bell, keep_looking
    from bridge.drop_folder import Inbox, listing
    from bridge.settings_file import load_settings

    log_to_console()
    folder, target = folder_of(folder), folder_of(out) if out else None
    settings = load_settings(out=target, workers=workers)
    handled = () if existing else listing(folder).values()  # what comes while a daemon starts is new
    bell = Bell()
    try:
        with a_daemon(settings) as client:
            inbox = Inbox(folder, _starter(client, target), typer.echo, handled=handled)
            typer.echo(f"watching {folder}, results go to {target or settings.out or folder}; stop with Ctrl-C")
            bell.listen_to(folder)
            keep_looking(lambda: _look(inbox, client), bell, threading.Event())
    except Stopped:
        typer.echo("stopped")
    finally:
        bell.close()


@contextmanager
def a_daemon(settings: BridgeSettings) -> Iterator["Client"]:
    """A client of the running daemon, or of one that runs on a thread for as long as the block lasts.

    Raises:
        LoopError: as `daemon.serve`, when none runs and none can be started.
    """
    from bridge.client import Client
    from bridge.daemon import find_daemon

    if find_daemon(settings) is not None:
        with Client.of_running_daemon(settings) as client:
            client.ping()
            yield client
        return
    with _daemon_thread(settings), Client.of_running_daemon(settings) as client:
        yield client


@contextmanager
def _daemon_thread(settings: BridgeSettings) -> Iterator[None]:
    from bridge.daemon import find_daemon, serve
    from bridge.work import warm_up, work_of

    stop, failed = threading.Event(), list[LoopError]()

    def run() -> None:
        try:
            serve(settings, work_of(settings), warm=warm_up, stop=stop)
        except LoopError as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="daemon")
    thread.start()
    try:
        for _ in range(round(START_SECONDS / 0.05)):
            if find_daemon(settings) is not None or not thread.is_alive():
                break
            thread.join(0.05)
        if failed:
            raise failed[0]
        yield
    finally:
        stop.set()
        thread.join()


def _starter(client: "Client", target: Path | None) -> "Start":
    """Starts a job in the daemon; see `drop_folder.Start`."""
    from bridge.drop_folder import NotNow, Started
    from bridge.job import State
    from bridge.paths import open_source

    def start(path: Path) -> Started:
        with open_source(str(path)):  # what is wrong with the file itself is found here
            pass
        try:
            reply = client.extract(path, {"out": str(target)} if target else None)
        except LoopError as error:
            if error.code is Code.PATH_NOT_ALLOWED:
                raise
            raise NotNow(error.code, error.message) from error
        return Started(reply.job, State.QUEUED)  # where it is by now, the next look tells

    return start


def _look(inbox: "Inbox", client: "Client") -> bool:
    """Look at the folder and at how its jobs are; whether to look again soon."""
    import time

    from bridge.client import result_folder
    from bridge.job import FINAL

    for job in inbox.running:
        try:
            status = client.status(job)
        except LoopError as error:
            if error.code is Code.NO_SUCH_JOB:
                inbox.lost(job)
            continue
        if status.state in FINAL:
            inbox.ended(job, status.state, str(result_folder(status) or status.text))
    inbox.look(time.monotonic())
    return inbox.busy or bool(inbox.running)
