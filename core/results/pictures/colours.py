"""The colours of loops: the same in every picture and in the report.

The seven colours are distinct for every kind of colour vision. For normal sight, and with red, green or blue cones
missing (simulated after Machado, Oliveira and Fernandes 2009), the distance of any two is at least 0.09 in OKLab. The
contrast of each to white is at least 2.5 to 1. Colours next to each other in the list differ most. Colour is never the
only mark: rows are numbered and named.
"""

LOOP_COLOURS = ("#24b6a1", "#5a43a4", "#bb9b39", "#3884a5", "#952755", "#9e8cf4", "#ab5d2b")


def loop_colour(index: int) -> str:
    """The colour of a loop by its index, from 0, as #rrggbb. After the last colour the first follows again.

    >>> loop_colour(0), loop_colour(8)
    ('#24b6a1', '#5a43a4')
    """
    return LOOP_COLOURS[index % len(LOOP_COLOURS)]
