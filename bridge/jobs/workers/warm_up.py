"""Getting warm: a small song taken apart and thrown away, so that the first real one finds everything loaded."""

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
    """Import all modules, load all compiled loops and open all libraries that an extraction and its files may need."""
    clip, grid = _song()
    with TemporaryDirectory() as folder:
        write_result(extract(clip, grid=grid), Path(folder))
    with suppress(LoopError):  # the tracker may find no bars in it, or not be installed
        extract(clip)


def _song() -> tuple[Clip, BarGrid]:
    """Two bars of noise that come and go."""
    bars = 0.1 * np.random.default_rng(0).standard_normal((2, 2, BAR)).astype(np.float32)
    on = np.array([[1, 0], [1, 1], [0, 1]] * (BARS // 3), dtype=np.float32)
    samples = np.concatenate(list(np.tensordot(on, bars, axes=1)), axis=1)
    return Clip(samples, RATE, "warm"), BarGrid(BAR * np.arange(BARS + 1, dtype=np.int64), 4, "host")
