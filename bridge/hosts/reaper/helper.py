"""The helper process that the scripts in REAPER start for each job: `python -m bridge.hosts.reaper FOLDER`.

It starts the daemon if none runs, and sends the job to it. It reports the job's progress and result in the job's
folder, in the files that reaper_scripts/lib/transport.lua describes. The helper ends with the job, even if REAPER has
ended before. The daemon keeps running.
"""

import argparse
import json
import logging
import os
import shutil
import threading
import time
import traceback
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from core.base.errors import Code, LoopError

if TYPE_CHECKING:
    from bridge.client.client import Client
    from bridge.osc.messages import JobStatusReply

BEAT = 1.0  # seconds between two signs of life
LOOK = 0.2  # seconds between two checks whether the user has cancelled
KEPT_DAYS = 7  # for the folders of jobs that failed or were abandoned

_log = logging.getLogger(__name__)


class JobFolder:
    """The files through which the scripts in REAPER and this process communicate."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._one_at_a_time = threading.Lock()

    def request(self) -> dict[str, Any]:
        """The request from REAPER. Links in its paths are resolved, as the daemon requires."""
        text = (self.path / "request.json").read_text(encoding="utf-8", errors="replace")
        wanted: dict[str, Any] = json.loads(text)
        return wanted | {key: str(Path(wanted[key]).resolve()) for key in ("path", "out")}

    @property
    def is_cancelled(self) -> bool:
        return (self.path / "cancel").exists()

    def tell(self, **event: object) -> None:
        """Append an event. An event without content is a sign of life."""
        with self._one_at_a_time, (self.path / "events.txt").open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(event) + "\n")

    def end(self, state: str, **result: object) -> None:
        """Write the result, completely or not at all."""
        part = self.path / "result.json.part"
        part.write_text(json.dumps({"v": 1, "state": state, **result}, ensure_ascii=False), encoding="utf-8")
        part.replace(self.path / "result.json")

    def report(self) -> Path:
        """The report page of the result."""
        return Path(json.loads((self.path / "result.json").read_text(encoding="utf-8"))["report"])


def run_job(folder: JobFolder) -> None:
    """Run the job of a folder. A result is written in any case, also after an error."""
    folder.tell(stage="starting loopcube")
    with _beating(folder):
        try:
            _run(folder)
        except LoopError as error:
            folder.end("failed", code=int(error.code), text=str(error))
        except Exception as error:  # noqa: BLE001 - the traceback goes to a file, and the user gets its path
            log = folder.path / "helper.log"
            log.write_text(traceback.format_exc(), encoding="utf-8")
            folder.end("failed", code=int(Code.INTERNAL), text=f"{type(error).__name__}: please report {log}")


def _run(folder: JobFolder) -> None:
    from bridge.hosts.reaper.result import described, found_in  # slow to import, so after the first sign of life

    request = folder.request()
    with answering_client() as client:
        client.hello("REAPER")
        job = client.start(request).job
        with _cancelling(folder, job):
            final = client.wait(job, lambda now: folder.tell(progress=now.progress, stage=now.stage or now.state))
    if final.state == "done":
        folder.tell(stage="reading the result")
        folder.end("done", job=job, **described(_result_folder(final) or found_in(Path(request["out"]))))
    elif final.state == "cancelled":
        folder.end("cancelled")
    else:
        folder.end("failed", code=final.code, text=final.text)


def _result_folder(final: "JobStatusReply") -> Path | None:
    from bridge.client.client import result_folder

    return result_folder(final)


def answering_client() -> "Client":
    """A client of the daemon. The daemon is started if it does not answer.

    Raises:
        LoopError: INTERNAL when the daemon does not start.
    """
    from bridge.hosts.ensure_daemon import ensure_daemon
    from bridge.system.settings_file import load_settings

    return ensure_daemon(load_settings())


@contextmanager
def _beating(folder: JobFolder) -> Iterator[None]:
    """Write signs of life until the block ends."""
    with _every(BEAT, folder.tell):
        yield


@contextmanager
def _cancelling(folder: JobFolder, job: str) -> Iterator[None]:
    """Cancel the job when the user cancels it in REAPER, until the block ends."""

    def look() -> None:
        if folder.is_cancelled:
            try:
                with answering_client() as client:  # a new client, because a client belongs to one thread
                    client.cancel(job)
            except LoopError as error:
                _log.info("not cancelled: %s", error)

    with _every(LOOK, look):
        yield


@contextmanager
def _every(seconds: float, action: Callable[[], object]) -> Iterator[None]:
    """Call `action` at regular intervals on a thread, until the block ends."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def remove_old(jobs: Path, now: float) -> None:
    """Remove the folders of old jobs."""
    for folder in jobs.iterdir():
        if folder.is_dir() and now - folder.stat().st_mtime > KEPT_DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)


def check() -> int:
    """Print whether the daemon answers, for the set-up script in REAPER. Returns the exit status."""
    from bridge.system.running import VERSION

    try:
        with answering_client() as client:
            version = client.hello("REAPER").daemon_version
    except LoopError as error:
        typer.echo(str(error))
        return 1
    if version != VERSION:
        typer.echo(f"an older daemon runs ({version}, this is {VERSION}): run `loopcube daemon --stop`, then try again")
        return 1
    typer.echo(f"loopcube {version} is ready")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line of the helper. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.hosts.reaper", description="Helper process of the scripts in REAPER."
    )
    parser.add_argument("--home", help="as in `loopcube daemon --home`")
    parser.add_argument("--check", action="store_true", help="print whether the daemon answers")
    parser.add_argument("--open", action="store_true", help="open the report of the job in this folder")
    parser.add_argument("folder", nargs="?", type=Path, help="a job's folder")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["LOOPCUBE_HOME"] = options.home
    if options.check:
        return check()
    if options.folder is None:
        parser.error("give a job's folder")
    folder = JobFolder(options.folder)
    if options.open:
        webbrowser.open(folder.report().as_uri())
    else:
        remove_old(options.folder.parent, time.time())
        run_job(folder)
    return 0
