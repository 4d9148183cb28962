"""`python -m bridge.hosts.reaper FOLDER`: what REAPER's scripts start; the command stands in their config.json."""

import sys

from bridge.hosts.reaper.helper import main

if __name__ == "__main__":
    sys.exit(main())
