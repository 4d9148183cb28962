"""The map of a piece as a picture: a row for each loop, a column for each bar, and a shade for the activation."""

from pathlib import Path

from core.results.pictures.style import draw_gaps, legend_bar, new_figure, number_bars, part_names, save, title, words
from core.results.piece import Piece

ROW_INCHES, MARGIN_INCHES = 0.42, 1.5


def draw_map(piece: Piece, path: Path) -> None:
    """Write the map of a piece as PNG.

    Raises:
        OSError: the file cannot be written.
    """
    loops, bars = len(piece.parts), piece.grid.bars
    figure = new_figure(MARGIN_INCHES + ROW_INCHES * max(loops, 1))
    axes = figure.add_subplot()
    title(axes, piece, f"{loops} {'loop' if loops == 1 else 'loops'}, {piece.bpm:.1f} bpm")
    axes.set_yticks(range(loops), part_names(piece), **words())
    number_bars(axes, bars)
    if loops:
        shade = axes.imshow(piece.activations.T, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        legend_bar(figure, shade, axes, "", {0: "silent", 1: "full"})
        draw_gaps(axes, bars, loops)
    else:
        axes.set_xlim(-0.5, bars - 0.5)
    save(figure, path)
