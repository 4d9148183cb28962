"""Extrapolated sweeps: each starts ahead of the last model, or again at the last model if the error did not fall.

This is the heuristic of Ang, Cohen, Gillis and Hien (2020), applied to whole sweeps. It roughly halves their number.
"""

from collections.abc import Callable, Iterator

from core.separation.tucker.model import Array, Model

MOMENTUM, MOST_MOMENTUM = 0.5, 1.0  # first and largest share of the last sweep's change by which the next starts ahead
GROWTH, CUT = 1.1, 2.0  # the momentum grows by the first factor if the error fell, else the second divides it


def descend(
    sweep: Callable[[Model], Model], start: Model, ahead: Callable[[Array, Array, float], Array]
) -> Iterator[Model]:
    """An endless iterator of models with falling errors, one a sweep.

    Args:
        sweep: one sweep; it never increases the error, except by rounding.
        ahead: a function of (now, then, momentum) that extrapolates from `then` over `now`; the result is nonnegative.
    """
    model = before = sweep(start)
    momentum = MOMENTUM
    while True:
        yield model
        W, H, D = (ahead(now, then, momentum) for now, then in zip(model.factors, before.factors, strict=True))
        found = sweep(Model(ahead(model.core, before.core, momentum), (W, H, D)))
        if found.error > model.error:
            momentum /= CUT
            found = sweep(model)
        else:
            momentum = min(momentum * GROWTH, MOST_MOMENTUM)
        before, model = model, found
