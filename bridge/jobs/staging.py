"""The staging folder of a job: a hidden folder beside the results.

The worker writes into the staging folder. A complete result is moved out of it, and the staging folder is removed.
The folder's name contains the job's id and attempt. So files left by a killed daemon or worker can be recognised, and a
worker that outlives its daemon for a moment cannot disturb the next attempt.
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
    """The staging folder of this attempt, inside the folder for results."""
    return _of_attempt(job, job.attempt)


def sweep(job: Job) -> None:
    """Remove the staging folders of all attempts. By name: a listing could hold thousands of results."""
    for attempt in range(1, ATTEMPTS + 1):
        shutil.rmtree(_of_attempt(job, attempt), ignore_errors=True)


def _of_attempt(job: Job, attempt: int) -> Path:
    return job.request.out / f".{job.id}.{attempt}.part"


def free_targets(made: Path, out: Path) -> Iterator[Path]:
    """Free names for a result folder in `out`: its own name, then with -2, -3 and so on."""
    for name in numbered(made.name):
        target = out / name
        if not os.path.lexists(target):  # lexists: a broken link also uses a name
            yield target


def sizes(result: Path) -> dict[str, int]:
    """Sizes in bytes of the manifest and of each file that it names, by path in the folder."""
    manifest = result / "manifest.json"
    named = [name for name in _texts(json.loads(manifest.read_text(encoding="utf-8"))) if _is_file_in(result, name)]
    return {name: (result / name).stat().st_size for name in (manifest.name, *named)}


def _texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _is_file_in(folder: Path, name: str) -> bool:
    if "/" not in name and "." not in name:  # most strings are labels or keys, not paths
        return False
    try:
        return not Path(name).is_absolute() and (folder / name).is_file()
    except (OSError, ValueError):  # not a path: too long, or contains a NUL
        return False
