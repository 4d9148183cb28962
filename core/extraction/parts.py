"""The result of each rung of the ladder: a clip in parts, before loops are cut and labelled."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Samples, spans
from core.base.threads import each
from core.layout.layout import Layout
from core.separation.tucker.factors import TuckerFactors


@dataclass(frozen=True)
class Parts:
    """A clip taken apart.

    Attributes:
        stems: float32 [loops, channels, frames].
        rest: float32 [channels, frames], the clip minus the sum of the stems.
        layout: which loop plays in which bar.
        grid: the bars that were used.
        factors: the Tucker factors in the order of the loops, if the method has them.
        recipes: notes by rhythms of each loop, float32 [notes, rhythms], if the method has them.
        diagnostics: numbers about the separation that JSON can store.
        warnings: sentences that the user should know.
    """

    stems: Samples
    rest: Samples
    layout: Layout
    grid: BarGrid
    factors: TuckerFactors | None = None
    recipes: list[NDArray[np.float32]] | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def energies(stems: Samples) -> NDArray[np.float64]:
    """The sum of squares of each stem, [loops]."""
    return np.array([np.vdot(stem, stem) for stem in stems])


def loudest_first(stems: Samples) -> NDArray[np.intp]:
    """Sort stems by falling energy, in place, for together they may be a gigabyte; returns the order."""
    order = np.argsort(-energies(stems), kind="stable")

    def move(span: slice) -> None:
        stems[..., span] = stems[order, :, span]

    each(move, spans(stems.shape[2]))
    return order
