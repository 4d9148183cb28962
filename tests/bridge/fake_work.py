"""Stand-ins for the core's work, importable by a worker process: each does one thing that a real job may do."""

import json
import logging
import os
import time
from pathlib import Path

from bridge.jobs.request import JobRequest
from core.base.errors import Cancelled, Code, LoopError
from core.base.progress import Progress


def quick(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """A result folder with one file, at once. What the file's name asks for happens on the way."""
    result = folder / f"{request.path.stem}-loops"
    result.mkdir()
    (result / "manifest.json").write_text("{}")
    progress(0.5, "half")
    return result


def endless(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Polite work without end: it can be cancelled between two reports."""
    made = quick(request, folder, progress)
    while made:
        progress(0.25, "polite")
        time.sleep(0.01)
    return made


def waiting(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Polite work that ends once there is a file of its name ending in .go."""
    made = quick(request, folder, progress)
    while not request.path.with_suffix(".go").exists():
        progress(0.25, "waiting")
        time.sleep(0.01)
    return made


def deaf(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that reports once and then listens to nobody, as long computations do."""
    made = quick(request, folder, progress)
    while made:
        time.sleep(0.01)
    return made


def stubborn(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that ignores SIGTERM, too."""
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return deaf(request, folder, progress)


def dying(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that takes its process with it, as a crash in a C library does."""
    quick(request, folder, progress)
    os._exit(9)


def dying_once(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """A crash that does not come again."""
    made = quick(request, folder, progress)
    if not (seen := request.path.with_suffix(".seen")).exists():
        seen.touch()
        os._exit(9)
    return made


def hungry(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that takes 10 MB of memory more and more often, up to a gigabyte."""
    hoard = []
    for _ in range(100):
        hoard.append(bytearray(os.urandom(1) * 10_000_000))
        progress(0.5, "hoarding")
        time.sleep(0.01)
    return quick(request, folder, progress)


def frozen(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that stops its whole process the first time, as a deadlock would."""
    import signal

    made = quick(request, folder, progress)
    if not (seen := request.path.with_suffix(".seen")).exists():
        seen.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return made


def talkative(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that logs a megabyte."""
    for number in range(10_000):
        logging.getLogger("core").info("line %d %s", number, "x" * 100)
    return quick(request, folder, progress)


def identified(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that leaves the number of its process."""
    made = quick(request, folder, progress)
    (made / "process").write_text(str(os.getpid()))
    return made


_warm = False


def warm() -> None:
    global _warm
    _warm = True


def witness(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that says whether its process was warm."""
    logging.getLogger("core").info("warm: %s", _warm)
    return quick(request, folder, progress)


def aimless(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that stops though nobody asked."""
    quick(request, folder, progress)
    raise Cancelled


def stems(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """A result whose manifest names a file, among texts that name none."""
    made = quick(request, folder, progress)
    (made / "stems").mkdir()
    (made / "stems" / "one.wav").write_bytes(b"RIFF")
    named = {
        "loops": [{"stem": "stems/one.wav", "label": "stems", "bars": 2}],
        "rest": "no/such.wav",
        "path": "/etc/hosts",
    }
    (made / "manifest.json").write_text(json.dumps(named))
    return made


def large(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """A result of a megabyte."""
    made = quick(request, folder, progress)
    (made / "large").write_bytes(bytes(1_000_000))
    return made


def refusing(request: JobRequest, folder: Path, progress: Progress) -> Path:
    quick(request, folder, progress)
    raise LoopError(Code.MUSIC_NOT_USABLE, "3 bars, at least 4 are needed")


def masked(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that refuses unless its process was born deaf to Ctrl-C."""
    import signal

    if signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []):
        raise LoopError(Code.INTERNAL, "Ctrl-C would have been heard")
    return quick(request, folder, progress)


def buggy(request: JobRequest, folder: Path, progress: Progress) -> Path:
    quick(request, folder, progress)
    raise ZeroDivisionError("by nought")


def by_name(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """The work that the file is named after, for a daemon in another process."""
    work = globals().get(request.path.stem.split("-")[0], quick)
    made: Path = work(request, folder, progress)
    return made


def main() -> None:
    """Run a daemon whose work is `by_name`, in the folder named by LOOPCUBE_HOME."""
    from bridge.server.daemon import serve
    from bridge.system.settings import BridgeSettings, default_home, default_runtime

    serve(BridgeSettings(default_home(), default_runtime(), port=int(os.environ["LOOPCUBE_TEST_PORT"])), by_name)
