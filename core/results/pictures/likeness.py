"""What repeats in a song: how similar its bars are, and which share of each band its loops explain."""

from pathlib import Path

import numpy as np

from core.results.pictures.style import (
    HERTZ,
    SMALL,
    TITLE,
    hertz_name,
    legend_bar,
    new_figure,
    number_bars,
    save,
    short,
    title,
    without_frame,
    words,
)
from core.results.pictures.views import Views

COLOURS = "Blues"
LINE = "#08519c"


def draw_similarity(views: Views, path: Path) -> None:
    """Write the similarity of every two bars as PNG: on the left of waveforms, on the right of spectra without phase.

    Repetition that only the right panel shows is played by hand, or in another sound. It is not exact to the sample.
    """
    figure = new_figure(6.0)
    panels = figure.subplots(1, 2)
    for axes, alike, name in zip(panels, views.alike, ("waveforms, with phase", "spectra, without phase"), strict=True):
        shade = axes.imshow(alike, cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(name, **words())
        number_bars(axes, len(alike))
        number_bars(axes, len(alike), side="y")
        without_frame(axes)
    figure.suptitle(f"{short(views.piece.name, 50)}: how similar its bars are", **words(TITLE))
    legend_bar(figure, shade, panels, "", {0: "not at all", 1: "the same"}, shrink=0.8)
    save(figure, path)


def draw_coherence(views: Views, path: Path) -> None:
    """Write the share of the sound that repeating waveforms explain in each band, as PNG."""
    figure = new_figure(5.0)
    axes = figure.add_subplot()
    edges = np.maximum(views.bands, views.bands[1] / 2)  # the first band begins at 0 Hz, which has no logarithm
    axes.stairs(100 * views.returning, edges, fill=True, color=LINE, alpha=0.25)
    axes.stairs(100 * views.returning, edges, color=LINE, linewidth=2)
    axes.set_xscale("log")
    marks = [hertz for hertz in HERTZ if hertz <= edges[-1]]
    axes.set_xticks(marks, map(hertz_name, marks), **words(SMALL))
    axes.set_xticks([], minor=True)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 100)
    axes.tick_params(labelsize=SMALL, length=0)
    axes.set_xlabel("frequency (Hz)", **words())
    axes.set_ylabel("explained by repeating loops (%)", **words())
    axes.grid(axis="y", color="#dddddd")
    axes.set_axisbelow(True)
    title(axes, views.piece, "how much of its sound is exact repetition of loops")
    without_frame(axes)
    save(figure, path)
