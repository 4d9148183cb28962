"""The command line: one file for each subcommand."""


def main() -> None:
    """The `loopcube` command. Its modules are imported only when it runs."""
    from bridge.cli.app import main as run

    run()
