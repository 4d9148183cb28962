"""`loopcube watch`: watch a folder while the command runs. The jobs go to the daemon's queue.

If a daemon is running, it is used. Otherwise a daemon is started on a thread, and ends with the command.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from bridge.cli.stopping import Stopped
from bridge.cli.terminal import Out, Workers, folder_of, log_to_console
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError

if TYPE_CHECKING:
    from bridge.client.client import Client
    from bridge.osc.messages import JobStatusReply
    from bridge.watch.drop_folder import Inbox, Start

START_SECONDS = 10.0


def register(app: typer.Typer) -> None:
    """Add `watch` to an application."""
    app.command()(watch)


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder to watch for new audio files.")],
    out: Out = None,
    existing: Annotated[
        bool, typer.Option("--existing", help="Also process the files that are already there.")
    ] = False,
    workers: Workers = None,
) -> None:
    """Extract the loops of each audio file put into a folder.

    The command runs until it is stopped (Ctrl-C).
    """
    from bridge.system.running import find_daemon
    from bridge.system.settings_file import load_settings
    from bridge.watch.drop_folder import Inbox, listing
    from bridge.watch.notifier import Notifier, keep_looking

    log_to_console("bridge.watch.drop_folder")
    folder, target = folder_of(folder), folder_of(out) if out else None
    settings = load_settings(out=target, workers=workers)
    if (running := find_daemon(settings)) is not None:
        _check_options(running.port, folder, load_settings(), target, workers)
    # A running daemon has its own settings, which are not known here.
    where = f"to {target or settings.out or folder}" if target or not running else "where the running daemon puts them"
    handled = () if existing else listing(folder).values()  # before the daemon starts: files added meanwhile are new
    notifier = Notifier()
    try:
        with a_daemon(settings) as client, Bars() as bars:
            inbox = Inbox(folder, _starter(client, target), bars.tell, handled=handled)
            bars.tell(f"watching {folder}, results go {where}; stop with Ctrl-C")
            notifier.listen_to(folder)
            keep_looking(lambda: _look(inbox, client, bars), notifier, threading.Event())
    except Stopped:
        typer.echo("stopped")
    finally:
        notifier.close()


class Bars:
    """A progress bar for each song, if stderr is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, TaskID

        console = Console(stderr=True)
        self._progress = Progress(
            console=console, transient=True, redirect_stdout=sys.stdout.isatty(), disable=not console.is_terminal
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def tell(self, line: str) -> None:
        """Print a line above the bars. typer's echo would write into the bars."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def show(self, job: str, name: str, status: "JobStatusReply") -> None:
        """Show a job's progress."""
        from rich.markup import escape

        description = escape(f"{name}: {status.stage or status.state}")
        if job not in self._tasks:
            self._tasks[job] = self._progress.add_task(description, total=1.0)
        self._progress.update(self._tasks[job], completed=status.progress, description=description)

    def remove(self, job: str) -> None:
        """Remove the bar of a job."""
        if (task := self._tasks.pop(job, None)) is not None:
            self._progress.remove_task(task)


def _check_options(port: int, folder: Path, settings: BridgeSettings, out: Path | None, workers: int | None) -> None:
    """Raise if an option contradicts the running daemon, which keeps its own settings."""
    remedy = "stop it first (loopcube daemon --stop), or omit the option"
    if workers is not None and workers != settings.workers:
        raise LoopError(Code.WRONG_STATE, f"--workers: a daemon runs on port {port} with its own number; {remedy}")
    if out is not None and out != folder and not (settings.out and out.is_relative_to(settings.out.resolve())):
        raise LoopError(
            Code.WRONG_STATE, f"--out {out}: a daemon runs on port {port} with its own folder for results; {remedy}"
        )


@contextmanager
def a_daemon(settings: BridgeSettings) -> Iterator["Client"]:
    """A client of the running daemon, or of a daemon that runs on a thread until the block ends.

    Raises:
        LoopError: as `daemon.serve`, when no daemon runs and none can be started.
    """
    from bridge.client.client import Client
    from bridge.system.running import find_daemon

    if find_daemon(settings) is not None:
        with Client.of_running_daemon(settings) as client:
            client.ping()
            yield client
        return
    with _daemon_thread(settings), Client.of_running_daemon(settings) as client:
        yield client


@contextmanager
def _daemon_thread(settings: BridgeSettings) -> Iterator[None]:
    from bridge.jobs.workers.work import warm_up, work_of
    from bridge.server.daemon import serve
    from bridge.system.running import find_daemon

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
    """A `drop_folder.Start` that starts jobs in the daemon."""
    from bridge.jobs.paths import open_source
    from bridge.jobs.state import State
    from bridge.watch.drop_folder import NotNow, Started

    def start(path: Path) -> Started:
        with open_source(str(path)):  # raises if the file itself cannot be used
            pass
        try:
            reply = client.extract(path, {"out": str(target)} if target else None)
        except LoopError as error:
            if error.code is Code.PATH_NOT_ALLOWED:
                raise
            raise NotNow(error.code, error.message) from error
        return Started(reply.job, State.QUEUED)  # the next look reads the job's current state

    return start


def _look(inbox: "Inbox", client: "Client", bars: Bars) -> bool:
    """Look at the folder and at its jobs. Return whether to look again soon."""
    import time

    from bridge.client.client import result_folder
    from bridge.jobs.state import FINAL

    for job, name in inbox.running.items():
        try:
            status = client.status(job)
        except LoopError as error:
            if error.code is Code.NO_SUCH_JOB:
                bars.remove(job)
                inbox.lost(job)
            continue
        bars.show(job, name, status)
        if status.state in FINAL:
            bars.remove(job)
            inbox.ended(job, status.state, str(result_folder(status) or status.text))
    inbox.look(time.monotonic())
    return inbox.busy or bool(inbox.running)
