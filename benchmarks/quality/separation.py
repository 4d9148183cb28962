"""How well loops are separated: songs with known stems, our methods and the ideal ratio mask, in one table.

    uv run python -m benchmarks.quality.separation --quick --songs 2 --methods auto tucker
    uv run python -m benchmarks.quality.separation --seeds held --grid tracked --json held.json

"ideal mask" is computed from the true stems: the best result of any ratio mask. "tucker" is the paper's method. It gets
the true number of loops, as in the paper, and the bars of --grid. Every other method estimates the number. SDR is
computed for each stem; estimates are assigned one to one and never merged, and a missing stem counts 0 dB.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.audio.bars import BarGrid
from core.base.errors import LoopError
from core.evaluation import scoring
from core.evaluation.songs import CLASSES, Song, build
from core.extraction.ladder import Extraction, Settings, extract

SEEDS = {"dev": 1_000, "held": 900_000}  # the first seed of each set; "held" is for the final check only
MASK = "ideal mask"
GIVEN = ("tucker",)  # methods that get the true number of loops
HOST_OFFSET = 0.003  # seconds: the largest offset of a host's bars


@dataclass(frozen=True)
class Score:
    """One method on one song. SDRs are for each true stem in dB; a value is None where it does not apply."""

    kind: str
    song: str
    traits: tuple[str, ...]
    method: str
    sdr: tuple[float, ...]
    si_sdr: tuple[float, ...]
    f1: tuple[float, ...] | None = None
    loops_true: int = 0
    loops_found: int | None = None
    null: float | None = None
    rest_sdr: float | None = None
    seconds: float = 0.0
    error: str = ""


def main() -> None:
    """Build the songs and run the methods. Print a line for each song to stderr, and the table to stdout."""
    options = _options()
    scores: list[Score] = []
    for kind in options.classes:
        for number in range(options.songs):
            seed = SEEDS[options.seeds] + number
            song = build(kind, seed, short=options.quick)
            for score in _scores(kind, song, options.methods, _grid(song, options.grid, seed), options.mask):
                scores.append(score)
                print(_line(score), file=sys.stderr, flush=True)
            if options.json:
                options.json.write_text(json.dumps([asdict(score) for score in scores], indent=1), encoding="utf-8")
    print(_heading(options))
    print(table(scores))


def table(scores: list[Score]) -> str:
    """The table as plain text: a row for each method of each class, then for each method over all classes."""
    titles = ("class", "method", "songs", "SDR", "min", "SI-SDR", "count", "±1", "F1", "null", "rest", "s")
    groups = [(kind, [s for s in scores if s.kind == kind]) for kind in dict.fromkeys(s.kind for s in scores)]
    if len(groups) > 1:
        groups.append(("all", scores))
    rows: list[tuple[str, ...]] = []
    for kind, members in groups:
        methods = list(dict.fromkeys(s.method for s in members))
        rows += [_row(kind if i == 0 else "", m, [s for s in members if s.method == m]) for i, m in enumerate(methods)]
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    lines = [_aligned(titles, widths), "  ".join("-" * width for width in widths)]
    for row in rows:
        if row[0] and len(lines) > 2:
            lines.append("")
        lines.append(_aligned(row, widths))
    failures = [f"{s.song} {s.method}: {s.error}" for s in scores if s.error]
    return "\n".join([*lines, *(["", *failures] if failures else [])])


def evaluate(kind: str, song: Song, method: str, grid: BarGrid | None) -> Score:
    """The score of a method on a song. If the method fails, the score is that of silence."""
    blank = Score(kind, song.mixture.name, song.traits, method, (0.0,) * song.loops, (scoring.FLOOR,) * song.loops)
    blank = replace(blank, loops_true=song.loops, f1=(0.0,) * song.loops)
    began = time.perf_counter()
    try:
        settings = Settings(method=method, loops=song.loops if method in GIVEN else None)  # type: ignore[arg-type]
        result = extract(song.mixture, settings, grid=grid)
    except LoopError as error:
        return replace(blank, loops_found=0, error=error.message)
    return _judged(replace(blank, seconds=time.perf_counter() - began), song, result)


def _judged(blank: Score, song: Song, result: Extraction) -> Score:
    found = scoring.match(song.stems, result.stems)
    activations = scoring.on_bars(result.layout.activations, result.grid, song.grid)
    return replace(
        blank,
        sdr=_rounded(found.sdr),
        si_sdr=_rounded(found.si_sdr),
        f1=_rounded(scoring.activation_f1(song.activations, activations, found.estimate), 3),
        loops_found=len(result.stems),
        null=round(scoring.null_depth(song.mixture.samples, result.stems, result.rest), 1),
        rest_sdr=round(scoring.sdr(song.rest, result.rest), 2) if song.rest_counts else None,
    )


def _mask_score(kind: str, song: Song) -> Score:
    began = time.perf_counter()
    estimates = scoring.ideal_ratio_mask(song.stems, song.rest)
    pairs = list(zip(song.stems, estimates, strict=True))
    rest = song.mixture.samples - estimates.sum(axis=0)
    return Score(
        kind,
        song.mixture.name,
        song.traits,
        MASK,
        _rounded(scoring.sdr(*pair) for pair in pairs),
        _rounded(scoring.si_sdr(*pair) for pair in pairs),
        rest_sdr=round(scoring.sdr(song.rest, rest), 2) if song.rest_counts else None,
        seconds=time.perf_counter() - began,
    )


def _scores(kind: str, song: Song, methods: list[str], grid: BarGrid | None, mask: bool) -> Iterable[Score]:
    if mask:
        yield _mask_score(kind, song)
    for method in methods:
        yield evaluate(kind, song, method, grid)


def _grid(song: Song, origin: str, seed: int) -> BarGrid | None:
    """The true bars; or a host's bars, which are a few ms off; or None for tracked bars."""
    if origin == "tracked":
        return None
    if origin == "true":
        return song.grid
    most = int(HOST_OFFSET * song.rate)
    offset = int(np.random.default_rng(seed).integers(-most, most + 1))
    return replace(song.grid, starts=np.clip(song.grid.starts + offset, 0, song.mixture.frames))


def _row(kind: str, method: str, scores: list[Score]) -> tuple[str, ...]:
    """The mean of each figure over the songs; "min" is the lowest mean SDR of a song."""
    sdrs = [float(np.mean(s.sdr)) for s in scores]
    apart = [abs(s.loops_found - s.loops_true) for s in scores if s.loops_found is not None and method not in GIVEN]
    nothing = "given" if method in GIVEN else ""
    return (
        kind,
        method,
        str(len(scores)),
        f"{np.mean(sdrs):.1f}",
        f"{min(sdrs):.1f}",
        f"{np.mean([np.mean(s.si_sdr) for s in scores]):.1f}",
        f"{np.mean([a == 0 for a in apart]):.0%}" if apart else nothing,
        f"{np.mean([a <= 1 for a in apart]):.0%}" if apart else "",
        _mean([float(np.mean(s.f1)) for s in scores if s.f1 is not None], ".2f"),
        _mean([s.null for s in scores if s.null is not None], ".0f", max),
        _mean([s.rest_sdr for s in scores if s.rest_sdr is not None], ".1f"),
        f"{np.mean([s.seconds for s in scores]):.1f}",
    )


def _mean(values: list[float], form: str, summary: Callable[[list[float]], object] = np.mean) -> str:
    return format(summary(values), form) if values else ""


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    """A line of the table: two columns of words aligned left, the figures aligned right."""
    words = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    return "  ".join(words + [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]).rstrip()


def _line(score: Score) -> str:
    found = "" if score.loops_found is None else f"  {score.loops_found} of {score.loops_true} loops"
    each = " ".join(f"{value:.0f}" for value in score.sdr)
    traits = f"  ({', '.join(score.traits)})" if score.traits else ""
    mean = f"{np.mean(score.sdr):6.1f} dB"
    return f"{score.song:<22} {score.method:<11} {mean}  [{each}]{found}  {score.seconds:.1f} s{traits}"


def _heading(options: argparse.Namespace) -> str:
    size = "short songs" if options.quick else "whole songs"
    return (
        f"\n{options.seeds} seeds, {options.songs} songs a class, {size}, bars: {options.grid}\n"
        "SDR and SI-SDR in dB, mean over songs; min: the worst song; count: songs with the right number of loops;\n"
        "null: the worst peak of mixture - stems - rest in dBFS; rest: SDR of the rest, if the rest is music\n"
    )


def _rounded(values: Iterable[float], digits: int = 2) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--classes", nargs="+", choices=CLASSES, default=list(CLASSES), metavar="CLASS", help=", ".join(CLASSES)
    )
    parser.add_argument("--songs", type=int, default=3, help="songs of each class (3)")
    parser.add_argument("--seeds", choices=SEEDS, default="dev", help="dev, or held: the seeds that are set aside")
    parser.add_argument("--methods", nargs="*", default=["auto", "tucker"], help="methods of Settings (auto tucker)")
    parser.add_argument("--grid", choices=("true", "host", "tracked"), default="true", help="the source of the bars")
    parser.add_argument("--quick", action="store_true", help="songs of 32 bars")
    parser.add_argument("--no-mask", dest="mask", action="store_false", help="leave out the ideal ratio mask")
    parser.add_argument("--json", type=Path, help="write every score to this file, after every song")
    return parser.parse_args()


if __name__ == "__main__":
    main()
