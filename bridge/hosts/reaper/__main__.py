"""`python -m bridge.hosts.reaper FOLDER`: the scripts in REAPER start it. The command is in their config.json."""

import sys

from bridge.hosts.reaper.helper import main

if __name__ == "__main__":
    sys.exit(main())
