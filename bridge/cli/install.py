"""`loopcube install` and `loopcube uninstall`: for the system's start at log-in, for REAPER and for Live.

`register` adds a command for each of them to both groups.
"""

from pathlib import Path
from typing import Annotated

import typer

from bridge.hosts.autostart import System

Print = Annotated[bool, typer.Option("--print", help="Print the file instead of writing it.")]
For = Annotated[System | None, typer.Option("--system", help="By default this machine's system.", show_default=False)]
Library = Annotated[
    Path | None, typer.Option(help="Live's User Library; by default where Live makes it.", show_default=False)
]
ResourcePath = Annotated[
    Path | None,
    typer.Option(help="REAPER's resource folder, if it is not the usual one.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add both groups to an application."""
    install = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Install loopcube into a host or the system."
    )
    uninstall = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Remove what `install` added.")
    install.command("service")(install_service)
    uninstall.command("service")(uninstall_service)
    install.command("reaper")(install_reaper)
    uninstall.command("reaper")(uninstall_reaper)
    install.command("live")(install_live)
    uninstall.command("live")(uninstall_live)
    app.add_typer(install, name="install")
    app.add_typer(uninstall, name="uninstall")


def install_reaper(
    menu: Annotated[
        bool, typer.Option("--menu", help="Also add it to the item menu, if you have customised it.")
    ] = False,
    resource_path: ResourcePath = None,
) -> None:
    """Add the scripts and the action to REAPER."""
    from bridge.hosts.reaper.install import find_reaper, install

    for line in install(find_reaper(resource_path), menu=menu):
        typer.echo(line)


def uninstall_reaper(resource_path: ResourcePath = None) -> None:
    """Remove the scripts and the action from REAPER."""
    from bridge.hosts.reaper.install import find_reaper, uninstall

    for line in uninstall(find_reaper(resource_path)):
        typer.echo(line)


def install_service(system: For = None, only_print: Print = False) -> None:
    """Start the daemon at log-in."""
    from bridge.hosts import autostart

    wanted, program = system or autostart.this_system(), autostart.this_daemon()
    if only_print:
        typer.echo(autostart.as_text(wanted, program), nl=False)
        return
    written = autostart.install(wanted, program)
    there = autostart.installed(wanted)
    typer.echo(f"{there.path} {'is written' if written else 'was there already'}; start it with: {there.start}")


def uninstall_service(system: For = None) -> None:
    """Stop starting the daemon at log-in."""
    from bridge.hosts import autostart

    there = autostart.installed(wanted := system or autostart.this_system())
    removed = autostart.uninstall(wanted)
    typer.echo(f"{there.path} {'is removed' if removed else 'was not there'}; then run: {there.forget}")


def install_live(library: Library = None) -> None:
    """Add the device for Ableton Live to Live's User Library."""
    from bridge.hosts.live import install as live
    from bridge.system.settings_file import load_settings

    there = live.install(live.user_library(library), load_settings())
    typer.echo(f"{there.device} {'is written' if there.changed else 'was there already'}, its token beside it")
    typer.echo("In Live's browser: User Library, Presets, Audio Effects, Max Audio Effect, loopcube")


def uninstall_live(library: Library = None) -> None:
    """Remove the device for Ableton Live from Live's User Library."""
    from bridge.hosts.live import install as live

    folder = live.user_library(library) / live.FOLDER
    removed = live.uninstall(live.user_library(library))
    typer.echo(f"{folder / live.DEVICE} {'is removed' if removed else 'was not there'}")
