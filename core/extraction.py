"""The ladder from a clip to its loops; each rung is a function of another module, and nothing else happens here."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from core.audio import Clip, Samples, checked
from core.bars import BarGrid
from core.cube import Cube, analyse, frame
from core.errors import Code, LoopError
from core.layout import Layout, one_bar_layout
from core.loops import Loop, bar_energies, cut_loops
from core.progress import Progress, part_of, silent
from core.separation import mask_stems
from core.tucker import ITERATIONS, Ranks, TuckerFactors, automatic_ranks, decompose, magnitudes, patterns

Method = Literal["auto", "tucker"]

LOOP_BARS = (1, 2, 4, 8)
LOUD_REST = 0.5  # share of the energy in the rest from which the user should know
OUTSIDE = 0.1  # share of the clip outside its bars from which the user should know
AUDIBLE = 1e-6  # -60 dB: a fainter stem is no loop


@dataclass(frozen=True)
class Settings:
    """How to extract.

    Attributes:
        method: "tucker", the nonnegative Tucker decomposition, or "auto", the best one for the clip.
        loops: how many, or None to find out.
        max_loop_bars: the longest loop looked for, in bars: 1, 2, 4 or 8.
        notes, rhythms: ranks of the Tucker decomposition, or None for its usual ones.
        iterations: at most this many of the Tucker decomposition.
        seed: of everything random; the same seed gives the same bytes.
        beats_per_bar: what the downbeat tracker may find.

    Raises:
        LoopError: ARGUMENTS, with the field, its rule and its value.
    """

    method: Method = "auto"
    loops: int | None = None
    max_loop_bars: int = 4
    notes: int | None = None
    rhythms: int | None = None
    iterations: int = ITERATIONS
    seed: int = 0
    beats_per_bar: tuple[int, ...] = (3, 4)

    def __post_init__(self) -> None:
        _require(self.method in get_args(Method), "method", f"one of {', '.join(get_args(Method))}", self.method)
        for name in ("loops", "notes", "rhythms"):
            value = getattr(self, name)
            _require(value is None or value >= 1, name, "1 or more, or left out", value)
        _require(self.max_loop_bars in LOOP_BARS, "max_loop_bars", "1, 2, 4 or 8", self.max_loop_bars)
        _require(self.iterations >= 1, "iterations", "1 or more", self.iterations)
        _require(0 <= self.seed < 2**32, "seed", "0 to 4294967295", self.seed)
        beats = self.beats_per_bar
        _require(bool(beats) and all(1 <= b <= 32 for b in beats), "beats_per_bar", "numbers from 1 to 32", beats)


@dataclass(frozen=True)
class Extraction:
    """A song taken apart.

    Attributes:
        clip: what was taken apart; the sum of stems and rest is equal to it to -100 dBFS or better.
        loops: the loops, the loudest first.
        stems: float32 [loops, channels, frames], each loop wherever it plays.
        rest: float32 [channels, frames], what belongs to no loop.
        layout: which loop plays in which bar.
        grid: where the bars are.
        factors: the Tucker factors, where the method has them, in the order of the loops.
        diagnostics: numbers about how it went, fit for JSON.
        warnings: what the user should know, a sentence each.
        settings: as given.
    """

    clip: Clip
    loops: list[Loop]
    stems: Samples
    rest: Samples
    layout: Layout
    grid: BarGrid
    factors: TuckerFactors | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)


def extract(
    clip: Clip, settings: Settings | None = None, progress: Progress = silent, grid: BarGrid | None = None
) -> Extraction:
    """Take a clip apart into its loops.

    Args:
        progress: told of every step; may raise `Cancelled`.
        grid: the bars; tracked when not given.

    Raises:
        LoopError: NOT_AUDIO, LIMIT or MUSIC_NOT_USABLE for the clip; ARGUMENTS for ranks outside its cube.
    """
    settings = settings or Settings()
    progress(0.0, "bars")
    clip = checked(clip)
    grid = grid or _track(clip, settings, part_of(progress, 0.0, 0.3))
    return _by_tucker(clip, grid, settings, part_of(progress, 0.3, 1.0))


def _by_tucker(clip: Clip, grid: BarGrid, settings: Settings, progress: Progress) -> Extraction:
    progress(0.0, "spectra")
    framing = frame(grid, clip.rate)
    cube = analyse(clip.samples, framing)
    ranks = _ranks(cube, settings)
    factors = _loudest_first(
        decompose(
            magnitudes(cube),
            ranks,
            iterations=settings.iterations,
            seed=settings.seed,
            progress=part_of(progress, 0.1, 0.6),
        )
    )
    separated = mask_stems(
        clip.samples,
        cube,
        framing,
        patterns=patterns(factors),
        activations=factors.loops,
        progress=part_of(progress, 0.6, 0.95),
    )
    progress(0.95, "loops")
    layout = one_bar_layout(factors.loops / factors.loops.max(axis=0))
    loops = cut_loops(
        separated.stems,
        separated.rest,
        grid=grid,
        layout=layout,
        rate=clip.rate,
        recipes=list(np.moveaxis(factors.recipes, 2, 0)),
    )
    diagnostics = {"method": "tucker", "ranks": dataclasses.asdict(ranks), **_fit_report(factors)}
    diagnostics["rest_share"] = _rest_share(clip, separated.rest, grid)
    return Extraction(
        clip=clip,
        loops=loops,
        stems=separated.stems,
        rest=separated.rest,
        layout=layout,
        grid=grid,
        factors=factors,
        diagnostics=diagnostics,
        warnings=_warnings(clip, grid, diagnostics),
        settings=settings,
    )


def _track(clip: Clip, settings: Settings, progress: Progress) -> BarGrid:
    from core.downbeats import track_bars  # slow to import, and not needed when the bars are known

    return track_bars(clip, beats_per_bar=settings.beats_per_bar, progress=progress)


def _ranks(cube: Cube, settings: Settings) -> Ranks:
    """The automatic ranks, with those that the user chose in their place."""
    chosen = {name: getattr(settings, name) for name in ("notes", "rhythms", "loops")}
    ranks = dataclasses.replace(automatic_ranks(cube), **{name: n for name, n in chosen.items() if n is not None})
    ranks.check(cube.shape[1:])
    return ranks


def _loudest_first(factors: TuckerFactors) -> TuckerFactors:
    """Loops by falling energy of their models, without those too faint to hear."""
    energies = np.square(patterns(factors)).sum(axis=(1, 2))  # the columns of D have unit norm
    order = np.argsort(-energies, kind="stable")
    order = order[energies[order] > AUDIBLE * energies.max()]
    return dataclasses.replace(factors, loops=factors.loops[:, order], recipes=factors.recipes[:, :, order])


def _fit_report(factors: TuckerFactors) -> dict[str, Any]:
    return {"iterations": len(factors.errors), "relative_error": round(factors.errors[-1], 4)}


def _rest_share(clip: Clip, rest: Samples, grid: BarGrid) -> float:
    """Share of the energy inside the bars that no loop explains."""
    inside = bar_energies(clip.samples, grid).sum()
    return round(float(bar_energies(rest, grid).sum() / inside), 4) if inside > 0 else 1.0


def _warnings(clip: Clip, grid: BarGrid, diagnostics: dict[str, Any]) -> list[str]:
    found = []
    outside = 1.0 - float(grid.starts[-1] - grid.starts[0]) / clip.frames
    if outside > OUTSIDE:
        found.append(f"{outside:.0%} of the clip lies outside its bars and is kept in the rest; are the bars right?")
    if diagnostics["rest_share"] > LOUD_REST:
        found.append(f"{diagnostics['rest_share']:.0%} of the sound belongs to no loop; are the bars right?")
    return found


def _require(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise LoopError(Code.ARGUMENTS, f"{name} must be {rule}, got {value}")
