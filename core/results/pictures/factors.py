"""The Tucker decomposition of a song as in the paper (Smith and Goto 2018): notes, rhythms, patterns, recipes.

The model of the cube has notes W, rhythms H, patterns D, which are loops of one bar, and a recipe for each pattern: the
notes that it plays in each rhythm. Each of these four is one picture.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.results.pictures.style import (
    LONGEST_LABEL,
    SMALL,
    TITLE,
    draw_gaps,
    legend_bar,
    new_figure,
    number_bars,
    number_beats,
    number_hertz,
    numbered,
    save,
    short,
    title,
    without_frame,
    words,
)
from core.results.pictures.views import Views

Array = NDArray[np.float32]

FLOOR_DB = -40.0  # dB, relative to the strongest
COLOURS = "Blues"
MOST_COLUMNS = 4  # of recipes side by side
ROW_INCHES, MARGIN_INCHES = 0.3, 1.6


def draw_notes(views: Views, path: Path) -> None:
    """Write W, the frequencies of each note, as PNG."""
    notes = views.factors.notes
    figure = new_figure(6.75)
    axes = figure.add_subplot()
    levels = _decibels(_of_largest(notes))
    shade = axes.imshow(
        levels, origin="lower", aspect="auto", cmap=COLOURS, vmin=FLOOR_DB, vmax=0, interpolation="nearest"
    )
    title(axes, views.piece, f"{notes.shape[1]} notes (W)")
    numbered(axes, notes.shape[1], "note, from low to high")
    number_hertz(axes, views.hertz)
    legend_bar(figure, shade, axes, "level below the note's strongest (dB)")
    without_frame(axes)
    save(figure, path)


def draw_rhythms(views: Views, path: Path) -> None:
    """Write H, the times in a bar at which each rhythm sounds, as PNG."""
    rhythms = views.factors.rhythms
    figure = new_figure(6.75)
    axes = figure.add_subplot()
    shade = axes.imshow(_of_largest(rhythms).T, aspect="auto", cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
    title(axes, views.piece, f"{rhythms.shape[1]} rhythms (H)")
    number_beats(axes, views.piece, len(rhythms))
    numbered(axes, rhythms.shape[1], "rhythm, from early to late", side="y")
    legend_bar(figure, shade, axes, "share of the rhythm's strongest moment")
    without_frame(axes)
    save(figure, path)


def draw_patterns(views: Views, path: Path) -> None:
    """Write D, how strongly each pattern plays in each bar, as PNG."""
    loops = views.factors.loops
    figure = new_figure(MARGIN_INCHES + ROW_INCHES * loops.shape[1])
    axes = figure.add_subplot()
    shade = axes.imshow(_of_largest(loops).T, aspect="auto", cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
    title(axes, views.piece, f"{loops.shape[1]} patterns of one bar (D)")
    number_bars(axes, len(loops))
    axes.set_yticks(range(loops.shape[1]), [short(name, LONGEST_LABEL) for name in views.loop_names], **words(SMALL))
    legend_bar(figure, shade, axes, "", {0: "silent", 1: "full"})
    draw_gaps(axes, len(loops), loops.shape[1])
    save(figure, path)


def draw_recipes(views: Views, path: Path) -> None:
    """Write C, the notes by rhythms of each pattern, side by side, as PNG."""
    recipes = np.moveaxis(views.factors.recipes, 2, 0)
    columns = min(len(recipes), MOST_COLUMNS)
    rows = -(-len(recipes) // columns)
    figure = new_figure(MARGIN_INCHES + 2.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(recipes) :]:
        axes.set_axis_off()
    for axes, recipe, name in zip(grid.flat, recipes, views.loop_names, strict=False):
        levels = _decibels(recipe / (recipe.max() or 1.0))
        shade = axes.imshow(
            levels, origin="lower", aspect="auto", cmap=COLOURS, vmin=FLOOR_DB, vmax=0, interpolation="nearest"
        )
        axes.set_title(short(name, LONGEST_LABEL), **words(SMALL))
        numbered(axes, recipe.shape[1], "", most=5)
        numbered(axes, recipe.shape[0], "", side="y", most=5)
        axes.tick_params(length=0)
    figure.suptitle(f"{short(views.piece.name, 40)}: recipes (C), which notes in which rhythms", **words(TITLE))
    figure.supxlabel("rhythm, from early to late", **words())
    figure.supylabel("note, from low to high", **words())
    legend_bar(figure, shade, grid, "level below the pattern's strongest pair (dB)")
    save(figure, path)


def _decibels(shares: Array) -> Array:
    return np.asarray(20 * np.log10(np.maximum(shares, 10 ** (FLOOR_DB / 20))))


def _of_largest(factor: Array) -> Array:
    """Each column as a share of its largest value."""
    return np.asarray(factor / np.maximum(factor.max(axis=0), np.finfo(np.float32).tiny))
