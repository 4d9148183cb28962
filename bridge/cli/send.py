"""`loopcube send`: send a request to the running daemon.

Modules that are slow to import are imported inside the commands, so that `loopcube --help` and `send` start fast.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.terminal import AsJson
from core.base.errors import Code, LoopError

if TYPE_CHECKING:
    from bridge.client.client import Client
    from bridge.osc.messages import JobStatusReply


def register(app: typer.Typer) -> None:
    """Add `send` to an application."""
    send = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Send a request to the running daemon.")
    for command in (ping, extract, status, cancel):
        send.command()(command)
    app.add_typer(send, name="send")


def ping(as_json: AsJson = False) -> None:
    """Check that the daemon runs, and show its uptime and jobs."""
    with _client() as client:
        reply = client.ping()
    _show(
        as_json,
        {"uptime_s": reply.uptime_s, "running": reply.running, "queued": reply.queued, "boot_id": reply.boot_id},
        f"daemon up for {reply.uptime_s} s, {reply.running} running, {reply.queued} queued",
    )


def extract(
    path: Annotated[Path, typer.Argument(help="Audio file.")],
    options: Annotated[str, typer.Option(help='JSON, e.g. {"loops": 4, "bars_frames": [0, 88200, ...]}')] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the job has ended.")] = True,
    as_json: AsJson = False,
) -> None:
    """Extract the loops of a file in the daemon."""
    from bridge.jobs.request import parse_options

    parse_options(options)  # so that an error is shown before anything is sent
    with _client() as client:
        reply = client.extract(path, json.loads(options) if options.strip() else None)
        if not wait:
            _show(as_json, {"job": reply.job, "state": reply.state}, f"job {reply.job} is {reply.state}")
            return
        final = _wait(client, reply.job)
    _show_status(as_json, reply.job, final)
    if final.state == "failed":
        raise LoopError(Code(final.code), f"{path}: {final.text}")


def status(job: str, as_json: AsJson = False) -> None:
    """Show a job's progress, and the folder of its result."""
    with _client() as client:
        reply = client.status(job)
    _show_status(as_json, job, reply)


def cancel(job: str, as_json: AsJson = False) -> None:
    """Cancel a job."""
    with _client() as client:
        reply = client.cancel(job)
    _show(as_json, {"job": job, "state": reply.state}, f"job {job} is {reply.state}")


def _client() -> "Client":
    from bridge.client.client import Client
    from bridge.system.settings_file import load_settings

    return Client.of_running_daemon(load_settings())


def _wait(client: "Client", job: str) -> "JobStatusReply":
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("queued", total=1.0)
        return client.wait(
            job, lambda now: bar.update(task, completed=now.progress, description=now.stage or now.state)
        )


def _show_status(as_json: bool, job: str, status: "JobStatusReply") -> None:
    from bridge.client.client import result_folder

    folder = result_folder(status)
    shown = {"job": job, "state": status.state, "progress": status.progress, "stage": status.stage}
    shown |= {"code": status.code, "text": status.text, "folder": str(folder) if folder else None}
    percent = f" {status.progress:.0%}" if status.state == "running" else ""
    _show(
        as_json,
        shown,
        f"job {job} is {status.state}{percent}{_after_colon(str(folder or status.text or status.stage))}",
    )


def _after_colon(text: str) -> str:
    return f": {text}" if text else ""


def _show(as_json: bool, values: dict[str, object], text: str) -> None:
    typer.echo(json.dumps(values) if as_json else text)
