"""Loops found by their return: the bars to the sample, the layout from votes, stems by waveforms or by spectra."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Clip, Samples, rest_of, spans
from core.audio.cube import analyse, frame
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.base.threads import each
from core.downbeats.refine.refine import Refined, refine
from core.extraction.bars_and_layout import bars_and_layout
from core.extraction.memory import SongMemory
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
LOUD = 0.02  # share of the energy in the rest from which loops that are played by hand are looked for in it
PARTLY_BY_HAND = "some of it repeats in its spectra alone, as played music does: these loops may leak into others"
BY_HAND = "nothing repeats to the sample, as in played music: loops are told apart by their spectra and may leak"


def separate_by_repetition(
    clip: Clip, grid: BarGrid, settings: Settings, progress: Progress, memory: SongMemory
) -> Parts | None:
    """Loops found by their return, None where nothing returns.

    Where sound repeats phase and all, loops are waveforms (`separation.waveforms`). With method "auto", music that
    repeats in its spectra alone, as played music does, is separated by them (`separation.spectra`). Where a song has
    loops of both kinds, both methods are blended (`separation.blend`).
    """
    refined = memory.refined(
        grid, lambda: refine(clip.samples, grid, rate=clip.rate, progress=part_of(progress, 0.0, 0.1))
    )
    refined, surveyed, cube = bars_and_layout(clip, refined, settings, part_of(progress, 0.1, 0.5), memory)
    exact = layout_of(surveyed, settings.loops)
    if cube is None:
        return _coherent(clip, refined, exact, settings, part_of(progress, 0.5, 1.0))
    if settings.method == "coherent":
        return None
    layout, _ = find_played_layout(
        cube,
        count=settings.loops,
        longest=settings.max_loop_bars,
        seed=settings.seed,
        progress=part_of(progress, 0.5, 0.6),
    )
    if not layout.loops:
        return None
    report = {"method": "played", **_bars_report(refined), "repeating_share": round(exact.repeating, 4)}
    framing = frame(refined.grid, clip.rate)
    stems = template_stems(cube, framing, layout, clip.frames, progress=part_of(progress, 0.6, 1.0))
    del cube
    order = np.argsort(-_energies(stems), kind="stable")
    _rearrange(stems, order)
    return Parts(stems, rest_of(clip.samples, stems), layout.of(order), refined.grid, None, None, report, [BY_HAND])


def _coherent(clip: Clip, refined: Refined, exact: Found, settings: Settings, progress: Progress) -> Parts:
    exact, found = _without_faint_loops(clip, refined, exact, part_of(progress, 0.0, 0.6))
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


def _without_faint_loops(clip: Clip, refined: Refined, exact: Found, progress: Progress) -> tuple[Found, Coherent]:
    """The stems, solved once more without the loops that turn out too faint to be any: mistakes of the layout."""

    def solve(layout: Layout, progress: Progress) -> Coherent:
        return separate(clip.samples, refined.grid, layout, rate=clip.rate, shifts=refined.shifts, progress=progress)

    found = solve(exact.layout, part_of(progress, 0.0, 0.7))
    energies = _energies(found.stems)
    heard = np.flatnonzero(energies > FAINT * energies.sum())
    if len(heard) == len(energies):
        return exact, found
    exact = replace(exact, layout=exact.layout.of(heard), savings=exact.savings[heard])
    return exact, solve(exact.layout, part_of(progress, 0.7, 1.0))


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
