"""Loops found by their return: the bars to the sample, the layout from votes, stems by waveforms or by spectra."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Clip, Samples, rest_of, spans
from core.audio.cube import Cube, analyse, frame
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.base.threads import each
from core.downbeats.refine.refine import Refined, refine
from core.extraction.bars_and_layout import bars_and_layout, cube_of
from core.extraction.memory import SongMemory
from core.extraction.plausibility import judged, require_likeness
from core.layout.evidence.candidates import SHORT
from core.layout.layout import Layout
from core.layout.played import find_played_layout
from core.layout.search.search import Found, layout_of
from core.separation.blend import blended
from core.separation.parts import Parts
from core.separation.spectra.wiener import template_stems
from core.separation.waveforms.separate import Coherent, separate

FAINT = 1e-4  # -40 dB beside all loops together
ENTANGLED = 1.0  # noise gain from which a loop takes in more than it averages out
TURNS = 4  # pairs of loops that are taken in turn; each costs one more solution
MORE_REST = 0.05  # share of the song's energy that loops taken in turn may leave unexplained beside the former ones
LOUD = 0.02  # share of the energy in the rest from which loops that are played by hand are looked for in it
PARTLY_BY_HAND = "some of it repeats in its spectra alone, as played music does: these loops may leak into others"
BY_HAND = "nothing repeats to the sample, as in played music: loops are told apart by their spectra and may leak"


def separations_by_repetition(
    clip: Clip, grid: BarGrid, settings: Settings, progress: Progress, memory: SongMemory
) -> Iterator[Parts]:
    """Loops found by their return, the best model first; the next is computed where that one cannot be right.

    Where sound repeats phase and all, loops are waveforms (`separation.waveforms`). With method "auto", music that
    repeats in its spectra alone, as played music does, is separated by them (`separation.spectra`). Where a song has
    loops of both kinds, both methods are blended (`separation.blend`). Where nothing repeats, nothing is yielded.

    Raises:
        LoopError: MUSIC_NOT_USABLE where bars resemble each other only by chance.
    """
    refined = memory.refined(
        grid, lambda: refine(clip.samples, grid, rate=clip.rate, progress=part_of(progress, 0.0, 0.1))
    )
    refined, surveyed, cube = bars_and_layout(clip, refined, settings, part_of(progress, 0.1, 0.5), memory)
    exact = layout_of(surveyed, settings.loops)
    if cube is None:
        yield _coherent(clip, refined, exact, settings, part_of(progress, 0.5, 1.0))
    if settings.method == "coherent":
        return
    cube = cube_of(clip, refined) if cube is None else cube
    parts = _played(clip, refined, cube, exact, settings, part_of(progress, 0.5, 1.0))
    del cube
    if parts is not None:
        yield parts


def _played(
    clip: Clip, refined: Refined, cube: Cube, exact: Found, settings: Settings, progress: Progress
) -> Parts | None:
    """Loops that return in their spectra; the cube is overwritten."""
    alike = require_likeness(cube, clip.name)
    layout, _ = find_played_layout(
        cube,
        count=settings.loops,
        longest=settings.max_loop_bars,
        seed=settings.seed,
        progress=part_of(progress, 0.0, 0.2),
    )
    if not layout.loops:
        return None
    stems = template_stems(
        cube, frame(refined.grid, clip.rate), layout, clip.frames, progress=part_of(progress, 0.2, 1.0)
    )
    order = np.argsort(-_energies(stems), kind="stable")
    _rearrange(stems, order)
    report = {
        "method": "played",
        **_bars_report(refined),
        "repeating_share": round(exact.repeating, 4),
        "bars_alike": round(alike, 3),
    }
    warnings = [] if exact.layout.loops else [BY_HAND]
    return Parts(stems, rest_of(clip.samples, stems), layout.of(order), refined.grid, None, None, report, warnings)


def _coherent(clip: Clip, refined: Refined, exact: Found, settings: Settings, progress: Progress) -> Parts:
    exact, found = _solved(clip, refined, exact, part_of(progress, 0.0, 0.6))
    warnings = []
    together = _with_played(clip, refined, found, settings)
    if together is not None:
        del found  # its stems, before there are others
        found = separate(
            clip.samples,
            refined.grid,
            together,
            rate=clip.rate,
            shifts=refined.shifts,
            progress=part_of(progress, 0.6, 0.7),
        )
        found = blended(clip.samples, found, frame(refined.grid, clip.rate), progress=part_of(progress, 0.7, 1.0))
        warnings.append(PARTLY_BY_HAND)
    savings = np.append(exact.savings, np.zeros(found.layout.loops - exact.layout.loops))
    order = np.argsort(-_energies(found.stems), kind="stable")
    _rearrange(found.stems, order)
    trust = found.noise_gain[order]
    report = {
        "method": "coherent" if together is None else "blended",
        **_bars_report(refined),
        "repeating_share": round(exact.repeating, 4),
        "loop_savings": _rounded(savings[order], 4),
        "noise_gain": _rounded(trust),
        "bands_hz": _rounded(found.bands, 0),
        "coherence": _rounded(found.coherence),
    }
    warnings += _entangled(trust) + (_lost_bands(found) if together is None else [])
    return Parts(found.stems, found.rest, found.layout.of(order), refined.grid, None, None, report, warnings)


def _with_played(clip: Clip, refined: Refined, found: Coherent, settings: Settings) -> Layout | None:
    """The layout with the loops that are played by hand beside those that repeat, None where there are none.

    Even without a new one there may be some: of a played loop, too, the lowest notes repeat well enough to be found.
    """
    known = found.layout
    if known.bars < SHORT:  # where few bars hold many loops, what is missed of those that repeat looks the same
        return None
    if settings.method != "auto" or (settings.loops is not None and settings.loops <= known.loops):
        return None
    if bar_energies(found.rest, refined.grid).sum() < LOUD * bar_energies(clip.samples, refined.grid).sum():
        return None
    # All channels as one, for all stems are still there and memory is short; unequal, so that none cancels another.
    weights = (1 / np.arange(1, len(found.rest) + 1)).astype(np.float32)
    one = np.asarray(np.tensordot(weights, found.rest, axes=1)[None], dtype=np.float32)
    layout, _ = find_played_layout(
        analyse(one, frame(refined.grid, clip.rate)),
        known=known,
        count=settings.loops,
        longest=settings.max_loop_bars,
        seed=settings.seed,
    )
    if not layout.loops:
        return None
    return replace(layout, rings=known.rings and known.rings + (False,) * (layout.loops - known.loops))


def _solved(clip: Clip, refined: Refined, exact: Found, progress: Progress) -> tuple[Found, Coherent]:
    """The stems, solved anew without the loops that turn out to be mistakes of the layout."""

    def solve(layout: Layout, progress: Progress) -> Coherent:
        return separate(clip.samples, refined.grid, layout, rate=clip.rate, shifts=refined.shifts, progress=progress)

    found = solve(exact.layout, part_of(progress, 0.0, 0.7))
    energies = _energies(found.stems)
    heard = np.flatnonzero(energies > FAINT * energies.sum())
    if len(heard) < len(energies):  # too faint to be loops
        exact = exact.of(heard)
        found = solve(exact.layout, part_of(progress, 0.7, 0.8))
    return _in_turn(clip, refined.grid, exact, found, lambda layout: solve(layout, part_of(progress, 0.8, 1.0)))


def _in_turn(
    clip: Clip, grid: BarGrid, exact: Found, found: Coherent, solve: Callable[[Layout], Coherent]
) -> tuple[Found, Coherent]:
    """With loops in turn that undo each other where both sound, as long as that is quieter and explains the song.

    A loop that takes the place of another one looks like one that is added to it, undoes it and brings its own sound.
    """
    song, left = bar_energies(clip.samples, grid).sum(), bar_energies(found.rest, grid).sum()
    now = judged(clip.samples, found.stems, grid)
    for _ in range(TURNS):
        if now.undoing is None:
            break
        other = exact.in_turn(*now.undoing)
        again = solve(other.layout)
        then = judged(clip.samples, again.stems, grid)
        if then.energy > now.energy or bar_energies(again.rest, grid).sum() > left + MORE_REST * song:
            break
        exact, found, now = other, again, then
    return exact, found


def _rearrange(stems: Samples, order: NDArray[np.intp]) -> None:
    """Put stems in this order, in place: together they may be a gigabyte."""

    def move(span: slice) -> None:
        stems[..., span] = stems[order, :, span]

    each(move, spans(stems.shape[2]))


def _energies(stems: Samples) -> NDArray[np.float64]:
    return np.array([np.vdot(stem, stem) for stem in stems])


def _bars_report(refined: Refined) -> dict[str, object]:
    length = refined.bar_frames
    return {"bar_frames": None if length is None else round(length, 3), "bars_changed": list(refined.changes)}


def _entangled(noise_gain: NDArray[np.float64]) -> list[str]:
    names = ", ".join(str(k + 1) for k in np.flatnonzero(noise_gain > ENTANGLED))
    return [f"loops hardly ever heard apart from others, their parts may be mixed up: {names}"] if names else []


def _lost_bands(found: Coherent) -> list[str]:
    """Told where from some frequency upwards less than half of the sound repeats."""
    half = found.coherence < 0.5
    if half.all() or not half[-1]:
        return []
    edge = found.bands[len(half) - int(np.argmin(half[::-1]))]
    return [
        f"hardly any exact repetition above {edge:.0f} Hz: what sounds there is shared out by level, or in the rest"
    ]


def _rounded(values: NDArray[np.float64], digits: int = 3) -> list[float]:
    return [round(float(value), digits) for value in values]
