"""Views of music that is made up, with every number known, and the figures that pictures are saved from."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure

from core.audio.bars import BarGrid
from core.results.pictures import factors, likeness, scans
from core.results.pictures import map as maps
from core.results.pictures.views import LOWEST, ROWS, Views
from core.results.piece import Part, Piece
from core.separation.tucker.factors import TuckerFactors

BARS, FRAMES, RATE = 6, 10, 8_000


def made_up_piece() -> Piece:
    activations = [np.array([1, 0, 0.5, 0, 1, 1], np.float32), np.array([0, 1, 1, 1, 0, 0.02], np.float32)]
    heard = [np.where(strength > 0, 0, -1).astype(np.int16) for strength in activations]
    parts = (Part("drums", 1, 0, activations[0], heard[0]), Part("bass $", 2, 1, activations[1], heard[1]))
    grid = BarGrid(np.arange(BARS + 1) * 8_000, 4, "host")
    return Piece("made up", RATE, 50_000, 1, grid, parts)


def made_up_views() -> Views:
    random = np.random.default_rng(0)
    hertz = LOWEST * (RATE / 2 / LOWEST) ** ((np.arange(ROWS) + 0.5) / ROWS)
    cube = 10 ** random.uniform(-4, 0, (ROWS, FRAMES, BARS)).astype(np.float32)
    matrices = (random.random(shape).astype(np.float32) for shape in ((ROWS, 5), (FRAMES, 4), (BARS, 3), (5, 4, 3)))
    alike = tuple(random.random((BARS, BARS)) for _ in range(2))
    return Views(
        piece=made_up_piece(),
        hertz=hertz,
        cube=cube,
        factors=TuckerFactors(*matrices),
        loop_names=("pattern 1", "pattern 2", "pattern 3"),
        alike=(alike[0], alike[1]),
        bands=np.array([0.0, 100.0, 1_000.0, 4_000.0]),
        returning=np.array([0.2, 0.9, 0.5]),
    )


def figure_of(draw: Callable[[Views, Path], None], views: Views, path: Path) -> Figure:
    """What a picture is drawn from; the picture is written as well."""
    made: list[Figure] = []
    originals = {module: module.new_figure for module in (factors, likeness, maps, scans)}

    def keep(inches: float) -> Figure:
        made.append(originals[maps](inches))
        return made[-1]

    patches = [patch.object(module, "new_figure", keep) for module in originals]
    for each in patches:
        each.start()
    try:
        draw(views, path)
    finally:
        for each in patches:
            each.stop()
    (figure,) = made
    return figure
