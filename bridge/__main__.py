"""`python -m bridge`: the command line for those who know the interpreter but not where `loopcube` was installed."""

from bridge.cli.app import main

if __name__ == "__main__":
    main()
