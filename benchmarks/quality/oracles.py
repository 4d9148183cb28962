"""Which step loses quality: each song is separated four times, each time with one more step replaced by the truth.

    uv run python -m benchmarks.quality.oracles --classes pub-sparse under-layer --songs 4

"tracked": nothing is given. "bars": the true bars are given. "count": the true number of loops is given as well.
"layout": it is given which loop plays which of its bars when, so only the separation of waveforms is left to do. If a
column is much better than the one before it, its step loses quality. If even "layout" is poor, waveforms cannot
separate the loops. "alike" counts loops that play in exactly the same bars as another loop; "once" counts loops with a
bar that occurs only once. Repetition cannot separate either kind. The cells have the mean SDR of the stems in dB, with
estimates assigned one to one, and in brackets the number of loops found.
"""

import argparse
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.separation import SEEDS
from core.audio.clip import Samples
from core.downbeats.refine.refine import Refined, refine
from core.evaluation import scoring
from core.evaluation.songs import CLASSES, Song, build
from core.extraction.ladder import Settings, extract
from core.layout.cycles import counted_from_song, counted_from_switch
from core.layout.layout import Layout
from core.separation.waveforms.separate import separate

Counted = Callable[[NDArray[np.bool_], int], NDArray[np.int16]]


def main() -> None:
    """Build the songs, and print a line for each when it is done."""
    options = _options()
    rungs = ("tracked", "bars", "count", "layout")
    print(f"{options.seeds} seeds\n{'song':<22} " + " ".join(f"{rung:>12}" for rung in rungs) + "  loops  alike  once")
    for kind in options.classes:
        for number in range(options.songs):
            song = build(kind, SEEDS[options.seeds] + number)
            cells = " ".join(f"{_cell(song, stems):>12}" for stems in _rungs(song))
            print(f"{song.mixture.name:<22} {cells}  {song.loops:>5}  {_alike(song):>5}  {_once(song):>4}", flush=True)


def _rungs(song: Song) -> list[Samples]:
    blind, with_count = Settings(), Settings(loops=song.loops)
    found = [
        extract(song.mixture, blind).stems,
        extract(song.mixture, blind, grid=song.grid).stems,
        extract(song.mixture, with_count, grid=song.grid).stems,
    ]
    refined = refine(song.mixture.samples, song.grid, rate=song.rate)
    tries = product((counted_from_song, counted_from_switch), (False, True))
    by_layout = [_by_layout(song, refined, counted, rings=rings) for counted, rings in tries]
    return [*found, max(by_layout, key=lambda stems: _sdr(song, stems))]


def _by_layout(song: Song, refined: Refined, counted: Counted, *, rings: bool) -> Samples:
    """The stems for the true layout, for one way to count the bars of long loops, with or without reverb tails."""
    pairs = zip(song.activations.T, song.bars_per_loop, strict=True)
    loop_bars = np.stack([counted(active > 0, length) for active, length in pairs], axis=1)
    layout = Layout(song.activations, song.bars_per_loop, loop_bars, (rings,) * song.loops)
    return separate(song.mixture.samples, refined.grid, layout, rate=song.rate, shifts=refined.shifts).stems


def _sdr(song: Song, stems: Samples) -> float:
    return float(np.mean(scoring.match(song.stems, stems).sdr))


def _cell(song: Song, stems: Samples) -> str:
    return f"{_sdr(song, stems):.1f} ({len(stems)})"


def _alike(song: Song) -> int:
    """The number of loops that play in exactly the same bars as another loop."""
    _, which, shared = np.unique(song.activations.T > 0, axis=0, return_inverse=True, return_counts=True)
    return int(np.count_nonzero(shared[which] > 1))


def _once(song: Song) -> int:
    """The number of loops with a bar that occurs only once."""
    played = np.count_nonzero(song.activations > 0, axis=0)
    return int(np.count_nonzero(played < 2 * np.array(song.bars_per_loop)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", nargs="+", choices=CLASSES, default=list(CLASSES), metavar="CLASS")
    parser.add_argument("--songs", type=int, default=2, help="songs of each class (2)")
    parser.add_argument("--seeds", choices=SEEDS, default="dev", help="dev, or held: the seeds that are set aside")
    return parser.parse_args()


if __name__ == "__main__":
    main()
