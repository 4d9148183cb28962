"""The first rung of the ladder: loops that repeat as waveforms, and played loops beside them."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Clip
from core.audio.cube import analyse, frame
from core.base.progress import Progress, part_of, rising
from core.base.settings import Settings
from core.downbeats.refine.refine import Refined
from core.extraction.bars_and_layout import BarsAndLayout
from core.extraction.parts import Parts, energies, loudest_first
from core.extraction.plausibility import judged
from core.layout.evidence.candidates import SHORT
from core.layout.layout import Layout
from core.layout.played import find_played_layout
from core.layout.search.search import Found
from core.separation.blend import blended
from core.separation.waveforms.separate import Coherent, separate

FAINT = 1e-4  # -40 dB: a loop with less of the energy of all loops is dropped
ENTANGLED = 1.0  # noise gain above which a loop amplifies other sounds instead of averaging them out
TURNS = 4  # most pairs of loops that are made to alternate; each needs one more solution
MORE_REST = 0.05  # share of the song's energy that alternating loops may add to the rest
LOUD = 0.02  # share of the energy from which the rest is searched for played loops
PARTLY_BY_HAND = (
    "some loops repeat only in their spectra, as music played by hand does, or the bars are wrong; these loops may leak"
    " into others"
)
AUDIBLE_EDGE = 16_000.0  # Hz: few people notice what is lost above


def separate_by_waveforms(clip: Clip, bars: BarsAndLayout, settings: Settings, progress: Progress) -> Parts:
    """Stems of the exactly repeating loops of a layout. If there are played loops too, both models are blended."""
    refined = bars.refined
    exact, found = _solved(clip, refined, bars.found(settings.loops), part_of(progress, 0.0, 0.6))
    together = _with_played(clip, refined, found, settings)
    if together is not None:
        del found  # its stems take memory that the next ones need
        found = _solve(clip, refined, together, part_of(progress, 0.6, 0.7))
        found = blended(clip.samples, found, frame(refined.grid, clip.rate), progress=part_of(progress, 0.7, 1.0))
    savings = np.append(exact.savings, np.zeros(found.layout.loops - exact.layout.loops))
    order = loudest_first(found.stems)
    trust = found.noise_gain[order]
    diagnostics = {
        "method": "coherent" if together is None else "blended",
        **refined.report(),
        "repeating_share": round(exact.repeating, 4),
        "loop_savings": _rounded(savings[order], 4),
        **_trust_report(found, trust),
    }
    warnings = [*_entangled(trust), *(_lost_bands(found) if together is None else [PARTLY_BY_HAND])]
    return Parts(found.stems, found.rest, found.layout.of(order), refined.grid, None, None, diagnostics, warnings)


def _solve(clip: Clip, refined: Refined, layout: Layout, progress: Progress) -> Coherent:
    return separate(clip.samples, refined.grid, layout, rate=clip.rate, shifts=refined.shifts, progress=progress)


def _solved(clip: Clip, refined: Refined, exact: Found, progress: Progress) -> tuple[Found, Coherent]:
    """The stems, solved again without the errors of the layout: loops that are too faint, loops that cancel."""
    found = _solve(clip, refined, exact.layout, part_of(progress, 0.0, 0.7))
    loudness = energies(found.stems)
    audible = np.flatnonzero(loudness > FAINT * loudness.sum())
    if len(audible) < len(loudness):
        exact = exact.of(audible)
        found = _solve(clip, refined, exact.layout, part_of(progress, 0.7, 0.8))
    judgement, rest = judged(clip.samples, found.stems, refined.grid), _rest_share(clip, found, refined.grid)
    if judgement.undoing is None:
        return exact, found
    del found  # its stems take memory that the next ones need
    again = rising(part_of(progress, 0.8, 1.0))
    return _alternating(clip, refined, exact, judgement.undoing, (judgement.energy, rest), again)


def _alternating(
    clip: Clip, refined: Refined, first: Found, pair: tuple[int, int], before: tuple[float, float], progress: Progress
) -> tuple[Found, Coherent]:
    """Let two loops alternate if they cancel each other, until none do, or else solve the first layout again.

    A loop that replaces another one looks like a loop that is added to it, cancels it and adds its own sound. If the
    layout made this mistake, alternating loops are quieter, cancel no more and still explain the song.

    Args:
        before: the energy of the stems and of the rest, as shares of the song's.
    """
    exact, (energy, rest) = first, before
    for _ in range(TURNS):
        exact = exact.in_turn(*pair)
        found = _solve(clip, refined, exact.layout, progress)
        then = judged(clip.samples, found.stems, refined.grid)
        if then.energy > energy or _rest_share(clip, found, refined.grid) > rest + MORE_REST:
            break
        if then.undoing is None:
            return exact, found
        pair, energy = then.undoing, then.energy
        del found  # its stems take memory that the next ones need
    return first, _solve(clip, refined, first.layout, progress)


def _rest_share(clip: Clip, found: Coherent, grid: BarGrid) -> float:
    """The rest's share of the energy inside the bars."""
    return float(bar_energies(found.rest, grid).sum() / bar_energies(clip.samples, grid).sum())


def _with_played(clip: Clip, refined: Refined, found: Coherent, settings: Settings) -> Layout | None:
    """The layout with played loops beside those that repeat exactly, or None if there are no played loops.

    Played loops may be in the layout even if none is new: their lowest notes repeat well enough to be found before.
    """
    known = found.layout
    if known.bars < SHORT:  # in few bars with many loops, exact loops that were missed look like played ones
        return None
    if settings.method != "auto" or (settings.loops is not None and settings.loops <= known.loops):
        return None
    if bar_energies(found.rest, refined.grid).sum() < LOUD * bar_energies(clip.samples, refined.grid).sum():
        return None
    # One channel saves memory, while all stems exist. Unequal weights keep channels from cancelling each other.
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


def _trust_report(found: Coherent, trust: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "noise_gain": _rounded(trust),
        "bands_hz": _rounded(found.bands, 0),
        "coherence": _rounded(found.coherence),
    }


def _entangled(noise_gain: NDArray[np.float64]) -> list[str]:
    names = ", ".join(str(k + 1) for k in np.flatnonzero(noise_gain > ENTANGLED))
    return [f"these loops hardly ever play without others and may contain parts of them: {names}"] if names else []


def _lost_bands(found: Coherent) -> list[str]:
    """A warning if less than half of the sound repeats above some frequency."""
    half = found.coherence < 0.5
    if half.all() or not half[-1]:
        return []
    edge = found.bands[len(half) - int(np.argmin(half[::-1]))]
    if edge > AUDIBLE_EDGE:
        return []
    return [f"above {edge:.0f} Hz less than half of the sound repeats exactly; most of the remainder is in the rest"]


def _rounded(values: NDArray[np.float64], digits: int = 3) -> list[float]:
    return [round(float(value), digits) for value in values]
