"""The last rung of the ladder, the paper's method (Smith and Goto 2018): a Tucker decomposition, then soft masks."""

import dataclasses
from typing import Any

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.audio.cube import Cube, analyse, frame
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.extraction.likeness import require_likeness
from core.extraction.parts import Parts
from core.layout.layout import one_bar_layout
from core.separation.tucker.automatic_ranks import automatic_ranks
from core.separation.tucker.decomposition import decompose
from core.separation.tucker.devices import upload
from core.separation.tucker.factors import Ranks, TuckerFactors, magnitudes, patterns
from core.separation.tucker.soft_masks import mask_stems

AUDIBLE = 1e-6  # -60 dB of the loudest loop: a fainter one is dropped


def separate_by_tucker(clip: Clip, grid: BarGrid, settings: Settings, progress: Progress) -> Parts:
    """Loops of one bar each, separated by masks.

    Raises:
        LoopError: ARGUMENTS for ranks outside the clip's cube, and for a missing device; MUSIC_NOT_USABLE if bars
            resemble each other only by chance.
    """
    progress(0.0, "spectra")
    framing = frame(grid, clip.rate)
    cube = analyse(clip.samples, framing)
    alike = require_likeness(cube, clip.name)
    factors, ranks = factors_of(cube, settings, part_of(progress, 0.1, 0.6))
    separated = mask_stems(
        clip.samples,
        cube,
        framing,
        patterns=patterns(factors),
        activations=factors.loops,
        progress=part_of(progress, 0.6, 1.0),
    )
    return Parts(
        stems=separated.stems,
        rest=separated.rest,
        layout=one_bar_layout(factors.loops / factors.loops.max(axis=0)),
        grid=grid,
        factors=factors,
        recipes=list(np.moveaxis(factors.recipes, 2, 0)),
        diagnostics={
            "method": "tucker",
            "solver": factors.solver,
            "device": factors.device,
            "ranks": dataclasses.asdict(ranks),
            "bars_alike": round(alike, 3),
            **_fit_report(factors),
        },
    )


def factors_of(cube: Cube, settings: Settings, progress: Progress) -> tuple[TuckerFactors, Ranks]:
    """The Tucker factors of a cube, with the loudest loops first and without inaudible ones, and their ranks.

    Raises:
        LoopError: ARGUMENTS for ranks outside the cube, and for a missing device.
    """
    ranks = _ranks(cube, settings)
    factors = decompose(
        upload(magnitudes(cube), settings.device),
        ranks,
        solver=settings.solver,
        iterations=settings.iterations,
        seed=settings.seed,
        progress=progress,
    )
    return _loudest_first(factors), ranks


def _ranks(cube: Cube, settings: Settings) -> Ranks:
    """The automatic ranks, replaced by those that the user chose."""
    chosen = {name: getattr(settings, name) for name in ("notes", "rhythms", "loops")}
    ranks = dataclasses.replace(automatic_ranks(cube), **{name: n for name, n in chosen.items() if n is not None})
    ranks.check(cube.shape[1:])
    return ranks


def _loudest_first(factors: TuckerFactors) -> TuckerFactors:
    """The factors with the loops sorted by falling energy of their models, without inaudible loops."""
    energies = np.square(patterns(factors)).sum(axis=(1, 2))  # the columns of D have unit norm
    order = np.argsort(-energies, kind="stable")
    order = order[energies[order] > AUDIBLE * energies.max()]
    return dataclasses.replace(factors, loops=factors.loops[:, order], recipes=factors.recipes[:, :, order])


def _fit_report(factors: TuckerFactors) -> dict[str, Any]:
    return {"iterations": len(factors.errors), "relative_error": round(factors.error, 4)}
