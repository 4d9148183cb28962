"""The colours of loops: the same in every picture and in the report.

Seven colours that stay apart for every kind of colour vision: for normal sight, and with red, green or blue cones
missing (simulated after Machado, Oliveira and Fernandes 2009), no two are nearer than 0.09 in OKLab, and each stands
out of white by 2.5 to 1 or more. Neighbours are the furthest apart. Identity never rests on colour alone: rows are
numbered and named.
"""

LOOP_COLOURS = ("#24b6a1", "#5a43a4", "#bb9b39", "#3884a5", "#952755", "#9e8cf4", "#ab5d2b")


def loop_colour(index: int) -> str:
    """The colour of a loop by its place, from 0, as #rrggbb; they come round again after the last.

    >>> loop_colour(0), loop_colour(8)
    ('#24b6a1', '#5a43a4')
    """
    return LOOP_COLOURS[index % len(LOOP_COLOURS)]
