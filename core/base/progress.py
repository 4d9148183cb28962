"""Progress of long work: a callable that receives the fraction done and may raise `Cancelled` to stop the work."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with (fraction of the work done in 0..1, name of the stage)."""


def silent(fraction: float, stage: str) -> None:
    """Report nothing."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """A progress callable whose range 0..1 is mapped to `start`..`end` of another one.

    >>> part_of(lambda fraction, stage: print(fraction, stage), 0.5, 1.0)(0.5, "masks")
    0.75 masks
    """

    def report(fraction: float, stage: str) -> None:
        progress(start + (end - start) * fraction, stage)

    return report


def rising(progress: Progress) -> Progress:
    """A progress that stays where it is when work begins anew, and goes on from there."""
    reached = 0.0

    def report(fraction: float, stage: str) -> None:
        nonlocal reached
        reached = max(reached, fraction)
        progress(reached, stage)

    return report
