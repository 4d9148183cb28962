"""`loopcube settings` and `loopcube token`: the daemon's settings, and the token that its clients need."""

import json
from typing import Annotated, Any

import typer

from bridge.cli.terminal import AsJson


def register(app: typer.Typer) -> None:
    """Add both commands to an application."""
    app.command()(settings)
    app.command()(token)


def settings(
    write: Annotated[bool, typer.Option("--write", help="Write a file with every setting, for editing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show each setting of the daemon and where it comes from.

    Options of `loopcube daemon` override the environment (LOOPCUBE_PORT for port), which overrides the file.
    """
    from bridge.system.settings_file import choose, settings_file, write_settings

    if write:
        typer.echo(str(write_settings()))
        return
    chosen, file = choose({}), settings_file()
    if as_json:
        rows = {key: {"value": _plain(value), "from": origin} for key, (value, origin) in chosen.items()}
        typer.echo(json.dumps({"file": str(file), "settings": rows}))
        return
    width = max(map(len, chosen))
    for key, (value, origin) in chosen.items():
        typer.echo(f"{key:{width}}  {json.dumps(_plain(value), ensure_ascii=False)}  ({origin})")
    typer.echo(f"file: {file}" if file.exists() else f"file: {file}, does not exist; --write makes it", err=True)


def token(
    new: Annotated[bool, typer.Option("--new", help="Replace the token; clients must read it again.")] = False,
) -> None:
    """Show the path of the token that every client must send.

    The token itself is never shown: with it, any program can start jobs.
    """
    from bridge.system.private import load_token, new_token, private_folder
    from bridge.system.settings_file import load_settings

    where = load_settings()
    private_folder(where.state)
    if new:
        new_token(where.token_file)
        typer.echo("a new token: restart the daemon if it runs, and replace all copies of the token", err=True)
    else:
        load_token(where.token_file)
    typer.echo(str(where.token_file))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if isinstance(value, int) else str(value or "")
