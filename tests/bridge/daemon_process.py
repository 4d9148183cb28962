"""A daemon in another process, whose work the files' names choose."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bridge.system.running import Running, find_daemon
from bridge.system.settings import BridgeSettings

HERE = Path(__file__).parent
FAKE = "import fake_work; fake_work.main()"


class Process:
    """A daemon in another process."""

    def __init__(self, settings: BridgeSettings, code: str, port: int) -> None:
        self.settings = settings
        self.log = settings.state.parent / f"daemon-{port}.log"
        environment = os.environ | {
            "LOOPCUBE_HOME": str(settings.state),
            "LOOPCUBE_TEST_PORT": str(port),
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent.parent)]),
            "OPENBLAS_NUM_THREADS": "1",
        }
        with self.log.open("w") as log:
            command = [sys.executable, "-c", code]
            self.popen = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own code

    @property
    def published(self) -> Running | None:
        return find_daemon(self.settings)

    @property
    def is_ready(self) -> bool:
        return (published := self.published) is not None and published.pid == self.popen.pid

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal; how long it took to end."""
        asked = time.monotonic()
        self.popen.send_signal(number)
        self.popen.wait(10.0)
        return time.monotonic() - asked
