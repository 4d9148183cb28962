"""The song of the demo: drums, bass, pluck and pad in C minor, 32 bars at 120 bpm, with known stems."""

import numpy as np

from core.evaluation.songs import grooves, layouts, tunes
from core.evaluation.songs.arrangement import METRES, SCALES, Song, Timeline, mixed, play_clips
from core.evaluation.songs.notes import Setting

BPM = 120.0
BARS = 32
PARTS = ((grooves.kit, 1), (tunes.bass, 4), (tunes.pluck, 1), (tunes.pad, 4))  # instrument, bars of its loop
ON = ("01111011", "00111111", "11110110", "11001101")  # a digit for each four bars, in the order of `PARTS`


def demo_song(seed: int = 4, rate: int = 44_100) -> Song:
    """A song of about a minute whose four loops start and stop at phrases of four bars."""
    rng = np.random.default_rng(seed)
    setting = Setting(rate, rate * 240.0 / BPM, METRES[0], 0, SCALES["minor"], (0, 5, 2, 6), 0.0)
    on = np.repeat(np.array([[letter == "1" for letter in row] for row in ON]).T, BARS // len(ON[0]), axis=0)
    layout = layouts.laid_out(on, tuple(bars for _, bars in PARTS))
    line = Timeline(0.0, BARS, round(BARS * setting.bar_frames))
    loops = [part(rng, setting, bars) for part, bars in PARTS]
    stems = np.stack(
        [play_clips(rng, setting, loop, layout.phase[:, k], line, subsample=False) for k, loop in enumerate(loops)]
    )
    return mixed("demo", setting, layout, line, loops, stems, np.zeros_like(stems[0]))
