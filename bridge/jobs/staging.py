"""Where a job's files lie until they are whole: a hidden folder beside the results, which is renamed or removed.

The name has the job's id and attempt in it, so that whatever a killed daemon or worker left is known to be ours, and a
worker that outlives its daemon for a moment cannot get in the way of the next attempt.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.jobs.job import ATTEMPTS, Job
from core.base.names import numbered


def staging_folder(job: Job) -> Path:
    """The folder of this attempt, in the folder that receives the result."""
    return _of_attempt(job, job.attempt)


def sweep(job: Job) -> None:
    """Remove what any attempt left; by name, for there may be thousands of results beside it."""
    for attempt in range(1, ATTEMPTS + 1):
        shutil.rmtree(_of_attempt(job, attempt), ignore_errors=True)


def _of_attempt(job: Job, attempt: int) -> Path:
    return job.request.out / f".{job.id}.{attempt}.part"


def free_targets(made: Path, out: Path) -> Iterator[Path]:
    """Free names for a result folder in `out`: its own, then with -2, -3 and so on."""
    for name in numbered(made.name):
        target = out / name
        if not os.path.lexists(target):  # a link that leads nowhere takes a name, too
            yield target


def sizes(result: Path) -> dict[str, int]:
    """Bytes of the manifest and of each file that it names, by path in the folder."""
    manifest = result / "manifest.json"
    named = [name for name in _texts(json.loads(manifest.read_text(encoding="utf-8"))) if _is_file_in(result, name)]
    return {name: (result / name).stat().st_size for name in (manifest.name, *named)}


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _is_file_in(folder: Path, name: str) -> bool:
    if "/" not in name and "." not in name:  # labels, keys: most texts are no path
        return False
    try:
        return not Path(name).is_absolute() and (folder / name).is_file()
    except (OSError, ValueError):  # too long, or a NUL: no path either
        return False
