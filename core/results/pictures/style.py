"""The style of all pictures: size, text colour, fonts for any script, and axes in bars, beats and hertz.

Figures are 1200 pixels wide, so letters stay legible when a figure is scaled down to 800. Their colours run from light
to dark in one direction, which works for every kind of colour vision and in print. Nothing here uses pyplot's global
state, because pictures are drawn in worker processes and threads.
"""

import unicodedata
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from core.base.names import one_line
from core.results.piece import Piece

INCHES_WIDE, DOTS_PER_INCH = 12.0, 100
HERTZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
INK = "#1b1b1b"
TITLE, TEXT, SMALL = 15, 13, 12  # points
LONGEST_LABEL, LONGEST_NAME = 24, 60
LEFT_TO_RIGHT = "\u200e"
MOST_NUMBERS = 24  # along an axis; more numbers would touch each other
FONTS = (
    "DejaVu Sans",  # included in matplotlib: Latin, Greek, Cyrillic, Arabic
    *("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", "Noto Sans CJK SC", "Microsoft YaHei"),
    *("Malgun Gothic", "Apple SD Gothic Neo", "Arial Unicode MS", "Noto Sans"),
)


def new_figure(inches_high: float) -> Figure:
    """A figure that draws with Agg, without pyplot."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(INCHES_WIDE, inches_high), dpi=DOTS_PER_INCH, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, the same bytes for the same figure.

    Raises:
        OSError: the file cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # letters that no font has are drawn as boxes, without a warning
        figure.savefig(path, format="png", metadata={"Software": None})


def words(size: int = TEXT) -> dict[str, Any]:
    """Matplotlib's keywords for the style of text."""
    return {"fontsize": size, "color": INK, "fontfamily": _fonts()}


def short(text: str, longest: int) -> str:
    """A text as a label: one line, not too long, and drawn literally (a dollar sign must not start mathematics)."""
    text = one_line(text)
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    if any(unicodedata.bidirectional(char) in {"R", "AL"} for char in text):
        text = f"{LEFT_TO_RIGHT}{text}{LEFT_TO_RIGHT}"  # else the text after it is set from right to left, too
    return text.replace("$", r"\$")


def part_names(piece: Piece) -> list[str]:
    """The names of loops for an axis."""
    return [
        f"{short(part.label, LONGEST_LABEL)}  ({part.bars} {'bar' if part.bars == 1 else 'bars'})"
        for part in piece.parts
    ]


def title(axes: Axes, piece: Piece, what: str) -> None:
    """Set the title: the song's name and the content of the picture."""
    axes.set_title(f"{short(piece.name, LONGEST_NAME)}: {what}", **words(TITLE))


def number_bars(axes: Axes, bars: int, *, side: str = "x") -> None:
    """Number every bar, from 1 on, or every 4th, 8th, 16th, ... bar in long pieces."""
    step = 1 if bars <= MOST_NUMBERS else 4
    while bars / step > MOST_NUMBERS:
        step *= 2
    places = range(0, bars, step)
    (axes.set_xticks if side == "x" else axes.set_yticks)(places, [str(bar + 1) for bar in places], **words(SMALL))
    (axes.set_xlabel if side == "x" else axes.set_ylabel)("bar", **words())


def number_beats(axes: Axes, piece: Piece, frames_per_bar: int, *, side: str = "x") -> None:
    """Number the beats of a bar that has `frames_per_bar` columns or rows."""
    beats = piece.grid.beats_per_bar
    step = int(np.ceil(beats / MOST_NUMBERS))
    places = np.arange(0, beats, step) * frames_per_bar / beats - 0.5
    numbers = [str(beat + 1) for beat in range(0, beats, step)]
    (axes.set_xticks if side == "x" else axes.set_yticks)(places, numbers, **words(SMALL))
    (axes.set_xlabel if side == "x" else axes.set_ylabel)("beat in the bar", **words())


def number_hertz(axes: Axes, rows: NDArray[np.float64]) -> None:
    """Number frequencies along y, for rows in equal ratios with these centres in Hz."""
    marks = [hertz for hertz in HERTZ if rows[0] <= hertz <= rows[-1]]
    axes.set_yticks(
        np.interp(np.log(marks), np.log(rows), np.arange(len(rows))), map(hertz_name, marks), **words(SMALL)
    )
    axes.set_ylabel("frequency (Hz)", **words())


def hertz_name(hertz: int) -> str:
    """The number with a thin space after the thousands: 10 000."""
    return f"{hertz:,}".replace(",", "\u202f")


def numbered(axes: Axes, count: int, label: str, *, side: str = "x", most: int = MOST_NUMBERS) -> None:
    """Number columns or rows from 1 on, with at most `most` numbers."""
    step = int(np.ceil(count / most))
    places = range(0, count, step)
    (axes.set_xticks if side == "x" else axes.set_yticks)(places, [str(k + 1) for k in places], **words(SMALL))
    (axes.set_xlabel if side == "x" else axes.set_ylabel)(label, **words())


def draw_gaps(axes: Axes, columns: int, rows: int) -> None:
    """Draw white lines between the cells of a map, thinner ones where there are many cells."""
    across, down = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    for lines, at, ends in ((axes.vlines, across, down), (axes.hlines, down, across)):  # much faster than a grid
        lines(at, ends[0], ends[-1], color="white", linewidth=min(2.0, 90.0 / max(columns, 1)))
    without_frame(axes)


def without_frame(axes: Axes) -> None:
    """Remove the ticks and the box around the picture."""
    axes.tick_params(which="both", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def legend_bar(
    figure: Figure,
    image: AxesImage,
    axes: Any,
    label: str,
    ticks: dict[float, str] | None = None,
    *,
    shrink: float = 1.0,
) -> None:
    """Draw the scale of an image's shades beside the image."""
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=20, shrink=shrink, ticks=list(ticks) if ticks else None)
    bar.ax.set_ylabel(label, **words(SMALL))
    if ticks:
        bar.ax.set_yticklabels(list(ticks.values()))
    bar.ax.tick_params(labelsize=SMALL - 1, length=0)
    bar.outline.set_visible(False)


@cache
def _fonts() -> list[str]:
    """The fonts of `FONTS` that are installed. If the first has no glyph for a letter, matplotlib uses the next."""
    there = set(font_manager.get_font_names())
    return [name for name in FONTS if name in there]
