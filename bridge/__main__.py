"""`python -m bridge`: the command line, for callers that know the interpreter but not the path of `loopcube`."""

from bridge.cli.app import main

if __name__ == "__main__":
    main()
