"""Warm-up: extract a small song and discard the result, so that everything is loaded before the first real song."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.base.errors import LoopError
from core.extraction.ladder import extract
from core.results.write import write_result

RATE, BAR, BARS = 8_000, 4_000, 12


def warm_up() -> None:
    """Import all modules, load all compiled functions and open all libraries that an extraction may need."""
    clip, grid = _song()
    with TemporaryDirectory() as folder:
        write_result(extract(clip, grid=grid), Path(folder))
    with suppress(LoopError):  # the tracker may find no bars, or may not be installed
        extract(clip)


def _song() -> tuple[Clip, BarGrid]:
    """A song of two different bars of noise that switch on and off."""
    bars = 0.1 * np.random.default_rng(0).standard_normal((2, 2, BAR)).astype(np.float32)
    on = np.array([[1, 0], [1, 1], [0, 1]] * (BARS // 3), dtype=np.float32)
    samples = np.concatenate(list(np.tensordot(on, bars, axes=1)), axis=1)
    return Clip(samples, RATE, "warm"), BarGrid(BAR * np.arange(BARS + 1, dtype=np.int64), 4, "host")
