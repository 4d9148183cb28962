"""The map of a piece as a picture: a row for each loop, a column for each bar, shade for how strongly it plays."""

import warnings
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from core.extraction import Extraction

INCHES_WIDE, DOTS_PER_INCH = 12.0, 100  # legible when scaled down to 800 pixels
ROW_INCHES, MARGIN_INCHES = 0.42, 1.5
INK = "#1b1b1b"
LONGEST_LABEL = 24


def draw_map(extraction: Extraction, path: Path) -> None:
    """Write the map of an extraction as PNG; shades of one blue read the same to every eye and in print.

    Raises:
        OSError: the file cannot be written.
    """
    loops = len(extraction.loops)
    figure = Figure(figsize=(INCHES_WIDE, MARGIN_INCHES + ROW_INCHES * loops), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)  # no global state: maps are drawn in worker processes and threads
    axes = figure.add_subplot()
    shade = axes.imshow(
        extraction.layout.activations.T, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest"
    )
    _name_rows(axes, extraction)
    _number_bars(axes, extraction.grid.bars)
    _draw_gaps(axes, extraction.grid.bars, loops)
    tempo = extraction.grid.bpm(extraction.clip.rate)
    axes.set_title(f"{_short(extraction.clip.name, 60)}: {loops} loops, {tempo:.1f} bpm", fontsize=15, color=INK)
    bar = figure.colorbar(shade, ax=axes, pad=0.01, aspect=12, ticks=[0, 1])
    bar.ax.set_yticklabels(["silent", "full"], fontsize=11)
    bar.outline.set_visible(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a script that the font lacks is drawn as boxes, not told of
        figure.savefig(path, metadata={"Software": None})


def _name_rows(axes: Axes, extraction: Extraction) -> None:
    names = [
        f"{_short(loop.label, LONGEST_LABEL)}  ({loop.bars} {'bar' if loop.bars == 1 else 'bars'})"
        for loop in extraction.loops
    ]
    axes.set_yticks(range(len(names)), names, fontsize=13, color=INK)


def _number_bars(axes: Axes, bars: int) -> None:
    """Number every 4th bar, from 1 on, or every 8th, 16th.. in long pieces, so that the numbers never touch."""
    step = 4
    while bars / step > 24:
        step *= 2
    axes.set_xticks(range(0, bars, step), [str(bar + 1) for bar in range(0, bars, step)], fontsize=12, color=INK)
    axes.set_xlabel("bar", fontsize=13, color=INK)


def _draw_gaps(axes: Axes, bars: int, loops: int) -> None:
    axes.set_xticks(np.arange(bars + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(loops + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=min(2.0, 90.0 / bars))
    axes.tick_params(which="both", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _short(text: str, longest: int) -> str:
    # Labels are drawn as they are: a dollar sign must not start mathematics.
    text = text.replace("$", r"\$")
    return text if len(text) <= longest else text[: longest - 1] + "…"
