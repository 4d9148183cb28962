"""The command line, one file a subcommand."""


def main() -> None:
    """The `loopcube` command; its parts are imported when it runs."""
    from bridge.cli.app import main as run

    run()
