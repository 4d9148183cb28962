"""Warming up loads all that a job needs."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_nothing_is_left_to_import_after_warming_up(tmp_path: Path) -> None:
    script = f"""
import pathlib, sys
from core.extraction import extract
from bridge.jobs.workers.warm_up import warm_up
from tests.core.loop_songs import tiny_song
warm_up()
before = set(sys.modules)
from core.results import write_result
tiny = tiny_song()
write_result(extract(tiny.clip, grid=tiny.grid), pathlib.Path({str(tmp_path)!r}))
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
