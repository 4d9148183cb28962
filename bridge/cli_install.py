"""`loopcube install` and `loopcube uninstall`: what puts loopcube where the system and the hosts look for it.

Each host adds its command to both groups in `register`.
"""

from typing import Annotated

import typer

from bridge.hosts.autostart import System

Print = Annotated[bool, typer.Option("--print", help="Print the file instead of writing it.")]
For = Annotated[System | None, typer.Option("--system", help="This machine's, if left out.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add both groups to an application."""
    install = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Put loopcube where others look for it.")
    uninstall = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Take away what `install` put there.")
    install.command("service")(install_service)
    uninstall.command("service")(uninstall_service)
    app.add_typer(install, name="install")
    app.add_typer(uninstall, name="uninstall")


def install_service(system: For = None, only_print: Print = False) -> None:
    """Have the daemon started at log-in."""
    from bridge.hosts import autostart

    wanted, program = system or autostart.this_system(), autostart.this_daemon()
    if only_print:
        typer.echo(autostart.as_text(wanted, program), nl=False)
        return
    written = autostart.install(wanted, program)
    there = autostart.installed(wanted)
    typer.echo(f"{there.path} {'is written' if written else 'was there already'}; start it with: {there.start}")


def uninstall_service(system: For = None) -> None:
    """Have the daemon started at log-in no more."""
    from bridge.hosts import autostart

    there = autostart.installed(wanted := system or autostart.this_system())
    removed = autostart.uninstall(wanted)
    typer.echo(f"{there.path} {'is removed' if removed else 'was not there'}; forget it with: {there.forget}")
