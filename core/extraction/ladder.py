"""The ladder from a clip to its loops. Each rung is a function of another module; this module chooses the rungs."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Clip, Samples, checked
from core.audio.cube import Framing, frame
from core.base.disk_cache import Cache
from core.base.errors import Code, LoopError
from core.base.progress import Progress, part_of, rising, silent
from core.base.settings import LOOP_BARS, OF_TUCKER, Method, Settings
from core.base.threads import one_blas_thread
from core.extraction.bars_and_layout import bars_and_layout
from core.extraction.by_spectra import separate_by_spectra
from core.extraction.by_tucker import separate_by_tucker
from core.extraction.by_waveforms import separate_by_waveforms
from core.extraction.loops import Loop, cut_loops
from core.extraction.memory import BARS, SongMemory
from core.extraction.parts import Parts
from core.extraction.plausibility import Judgement, judged, warnings_of
from core.layout.layout import Layout
from core.separation.tucker.devices import check_device
from core.separation.tucker.factors import Ranks, TuckerFactors

__all__ = ["LOOP_BARS", "Extraction", "Method", "Settings", "extract"]

MASKS = "no loop repeats exactly, or the bars are wrong; the loops are separated by masks and leak into each other"
INSTEAD = "{}, so the song was separated by another method; its loops may leak into each other"
OUTSIDE = 0.1  # share of the clip outside its bars above which the user gets a warning


@dataclass(frozen=True)
class Extraction:
    """A song separated into its loops.

    Attributes:
        clip: the clip. The sum of stems and rest equals it to -100 dBFS or better.
        loops: the loops, the loudest first.
        stems: float32 [loops, channels, frames], each loop wherever it plays.
        rest: float32 [channels, frames], what belongs to no loop.
        layout: which loop plays in which bar.
        grid: the bars that were used.
        factors: the Tucker factors in the order of the loops, if the method has them.
        diagnostics: numbers about the extraction that JSON can store.
        warnings: warnings for the user, one sentence each.
        settings: the settings of the extraction.
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
    clip: Clip,
    settings: Settings | None = None,
    progress: Progress = silent,
    grid: BarGrid | None = None,
    cache: Cache | None = None,
) -> Extraction:
    """Separate a clip into its loops.

    Args:
        progress: called at every step; may raise `Cancelled`.
        grid: the bars; None tracks them.
        cache: stores values that later runs on this clip need; the result is the same without.

    Raises:
        LoopError: NOT_AUDIO, LIMIT or MUSIC_NOT_USABLE for the clip; ARGUMENTS for ranks outside its cube, for a
            missing device, and for settings of the tracker if the bars are given.
    """
    settings = settings or Settings()
    check_device(settings.device)
    if grid is not None and settings.changed(("beats_per_bar",)):
        rule = "left out if the bars are given, because only the tracker uses it"
        raise LoopError(Code.ARGUMENTS, f"beats_per_bar must be {rule}, got {settings.beats_per_bar}")
    with one_blas_thread():
        clip = checked(clip)
        return _extract(clip, settings, progress, grid, SongMemory(cache, clip))


def _extract(
    clip: Clip, settings: Settings, progress: Progress, grid: BarGrid | None, memory: SongMemory
) -> Extraction:
    progress(0.0, "bars")
    grid = grid or _tracked(clip, settings, part_of(progress, 0.0, 0.3), memory)
    _check_ranks(settings, frame(grid, clip.rate))
    parts = _separate(clip, grid, settings, part_of(progress, 0.3, 0.95), memory)
    progress(0.95, "loops")
    loops = cut_loops(
        parts.stems, parts.rest, grid=parts.grid, layout=parts.layout, rate=clip.rate, recipes=parts.recipes
    )
    diagnostics = {**parts.diagnostics, "rest_share": _rest_share(clip, parts.rest, parts.grid)}
    unused = _unused(settings, parts)
    return Extraction(
        clip=clip,
        loops=loops,
        stems=parts.stems,
        rest=parts.rest,
        layout=parts.layout,
        grid=parts.grid,
        factors=parts.factors,
        diagnostics=diagnostics,
        warnings=[*parts.warnings, *warnings_of(diagnostics, settings.loops), *_outside(clip, parts.grid), *unused],
        settings=settings,
    )


def _separate(clip: Clip, grid: BarGrid, settings: Settings, progress: Progress, memory: SongMemory) -> Parts:
    """The first separation on the ladder that is plausible."""
    given_up: list[str] = []
    for parts in _rungs(clip, grid, settings, rising(progress), memory):
        judgement = judged(clip.samples, parts.stems, parts.grid)
        if judgement.failure is None:
            return _with_judgement(parts, judgement, given_up, last_resort=settings.method == "auto")
        given_up.append(judgement.failure)
        del parts  # up to a gigabyte, before the next rung needs as much
    why = given_up[-1] if given_up else "nothing in it repeats exactly"
    other = "method auto or tucker, or other bars" if settings.method == "coherent" else "other bars, or a longer part"
    raise LoopError(Code.MUSIC_NOT_USABLE, f"{clip.name}: {why}; try {other}")


def _with_judgement(parts: Parts, judgement: Judgement, given_up: list[str], *, last_resort: bool) -> Parts:
    """The parts with what the ladder adds to them.

    Args:
        given_up: why the rungs before were not plausible.
        last_resort: whether masks would only be used where nothing else is possible.
    """
    report = {**parts.diagnostics, "stems_energy": round(judgement.energy, 3)}
    if "noise_gain" in report:
        report["confidence"] = round(judgement.confidence(report["noise_gain"]), 3)
    if given_up:
        report["given_up"] = given_up
    warnings = [INSTEAD.format(failure) for failure in given_up]
    if last_resort and parts.factors is not None and not given_up:
        warnings = [MASKS]
    return replace(parts, diagnostics=report, warnings=[*warnings, *parts.warnings])


def _rungs(clip: Clip, grid: BarGrid, settings: Settings, progress: Progress, memory: SongMemory) -> Iterator[Parts]:
    """The separations that the method and the song allow, the best model first."""
    if settings.method != "tucker":
        bars = bars_and_layout(clip, grid, settings, part_of(progress, 0.0, 0.5), memory)
        if bars.survey.found.loops:
            yield separate_by_waveforms(clip, bars, settings, part_of(progress, 0.5, 1.0))
    if settings.method == "auto":
        played = separate_by_spectra(clip, bars, settings, part_of(progress, 0.5, 1.0))
        if played is not None:
            yield played
        del played  # its stems take memory that the next rung needs
    if settings.method != "coherent":
        yield separate_by_tucker(clip, grid, settings, progress)


def _tracked(clip: Clip, settings: Settings, progress: Progress, memory: SongMemory) -> BarGrid:
    from core.downbeats.tracker.track import track_bars  # slow to import, and not needed if the bars are given

    kept = memory.get(BARS, settings.beats_per_bar)
    if kept is not None:
        return kept
    grid = track_bars(clip, beats_per_bar=settings.beats_per_bar, progress=progress)
    memory.put(BARS, grid, settings.beats_per_bar)
    return grid


def _check_ranks(settings: Settings, framing: Framing) -> None:
    """Refuse ranks above the sides of the cube, whatever the method, before any rung starts."""
    ranks = Ranks(settings.notes or 1, settings.rhythms or 1, settings.loops or 1)
    ranks.check((framing.frequencies, framing.frames_per_bar, framing.bars))


def _rest_share(clip: Clip, rest: Samples, grid: BarGrid) -> float:
    """The share of the energy inside the bars that belongs to no loop."""
    inside = bar_energies(clip.samples, grid).sum()
    return round(float(bar_energies(rest, grid).sum() / inside), 4) if inside > 0 else 1.0


def _outside(clip: Clip, grid: BarGrid) -> list[str]:
    share = 1.0 - float(grid.starts[-1] - grid.starts[0]) / clip.frames
    if share <= OUTSIDE:
        return []
    return [f"{share:.0%} of the clip lies outside its bars and is kept in the rest; are the bars right?"]


def _unused(settings: Settings, parts: Parts) -> list[str]:
    """A warning if options were given that the method which found the loops does not use."""
    if parts.factors is None:
        names, why = ", ".join(settings.changed(OF_TUCKER)), "method tucker was not needed"
    else:
        names, why = ", ".join(settings.changed(("max_loop_bars",))), "all loops of method tucker have one bar"
    return [f"these options had no effect, because {why}: {names}"] if names else []
