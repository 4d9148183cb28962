"""Bar lines from a tempo map as a host draws them, worked out here anew from what a file says."""

from itertools import pairwise


def seconds_at(quarters: list[float], tempi: list[tuple[float, float]]) -> list[float]:
    """When quarter notes are reached, from (quarter note, quarter notes a minute) of each change of tempo."""
    times = []
    for quarter in quarters:
        ends = [*(start for start, _ in tempi[1:]), float("inf")]
        spans = [(max(min(quarter, end) - start, 0.0), bpm) for (start, bpm), end in zip(tempi, ends, strict=True)]
        times.append(sum(length * 60 / bpm for length, bpm in spans))
    return times


def bar_lines(metres: list[tuple[float, tuple[int, int]]], until: float) -> list[float]:
    """The quarter notes where bars start, from (quarter note, metre) of each change of metre."""
    lines = []
    for (start, (beats, unit)), (end, _) in pairwise([*metres, (until, (0, 0))]):
        length = 4 * beats / unit
        lines += [start + k * length for k in range(round((end - start) / length))]
    return [*lines, until]
