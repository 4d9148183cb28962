"""Loops that repeat phase and all: the grid to the sample, the layout from votes, the stems by coherent separation."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.audio import Clip
from core.bars import BarGrid
from core.blind import find_layout
from core.coherent import Coherent, separate
from core.cube import analyse, frame, moved_earlier
from core.grid import Refined, refine
from core.layout import Layout
from core.parts import Parts
from core.progress import Progress, part_of
from core.settings import Settings

ROUNDING = 0.4  # frames, root mean square, between two roundings of one position to whole frames
WHOLE = 0.02  # frames: bars this near to a whole number of frames lie on whole frames


def separate_by_coherence(clip: Clip, grid: BarGrid, settings: Settings, progress: Progress) -> Parts | None:
    """Loops as waveforms; None where nothing repeats exactly enough to be called a loop."""
    refined = refine(clip.samples, grid, rate=clip.rate, progress=part_of(progress, 0.0, 0.1))
    framing = frame(refined.grid, clip.rate)
    cube = moved_earlier(analyse(clip.samples, framing), refined.shifts)
    progress(0.2, "layout")
    layout, _ = find_layout(
        cube,
        count=settings.loops,
        longest=settings.max_loop_bars,
        jitter=_jitter(refined),
        seed=settings.seed,
        progress=part_of(progress, 0.2, 0.5),
    )
    del cube  # the largest array by far, and not needed any more
    if not layout.loops:
        return None
    found = separate(
        clip.samples,
        refined.grid,
        layout,
        rate=clip.rate,
        shifts=refined.shifts,
        progress=part_of(progress, 0.5, 1.0),
    )
    found = _loudest_first(found)
    return Parts(found.stems, found.rest, found.layout, refined.grid, diagnostics=_report(refined, found))


def _jitter(refined: Refined) -> float:
    """How far repeats may be off: bars that are no whole number of frames had to be rounded by someone."""
    length = refined.bar_frames
    return 0.0 if length is not None and abs(length - round(length)) < WHOLE else ROUNDING


def _loudest_first(found: Coherent) -> Coherent:
    """The loops by falling energy; stems change places in memory, for together they may be a gigabyte."""
    energies = np.array([np.vdot(stem, stem) for stem in found.stems])
    order = np.argsort(-energies, kind="stable")
    for k in range(len(order)):
        source = order[k]
        while source < k:  # it has been moved to make room
            source = order[source]
        if source != k:
            found.stems[[k, source]] = found.stems[[source, k]]
    layout = Layout(
        found.layout.activations[:, order],
        tuple(found.layout.bars_per_loop[k] for k in order),
        found.layout.phases[:, order],
    )
    return replace(found, layout=layout, noise_gain=found.noise_gain[order])


def _report(refined: Refined, found: Coherent) -> dict[str, object]:
    return {
        "method": "coherent",
        "bar_frames": None if refined.bar_frames is None else round(refined.bar_frames, 3),
        "bars_changed": list(refined.changes),
        "noise_gain": _rounded(found.noise_gain),
        "bands_hz": _rounded(found.bands, 0),
        "coherence": _rounded(found.coherence),
    }


def _rounded(values: NDArray[np.float64], digits: int = 3) -> list[float]:
    return [round(float(value), digits) for value in values]
