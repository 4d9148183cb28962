"""Sweeps that start ahead of where the last one ended, and fall back where that did not pay.

The heuristic of Ang, Cohen, Gillis and Hien (2020), with whole sweeps for steps: it roughly halves their number.
"""

from collections.abc import Callable, Iterator

from core.separation.tucker.model import Array, Model

MOMENTUM, MOST_MOMENTUM = 0.5, 1.0  # share of the last sweep's way that the next one starts ahead: at first, and ever
GROWTH, CUT = 1.1, 2.0  # of the momentum after a sweep that paid, and after one that did not


def descend(
    sweep: Callable[[Model], Model], start: Model, ahead: Callable[[Array, Array, float], Array]
) -> Iterator[Model]:
    """Models of falling error without end, a sweep each.

    Args:
        sweep: never raises the error but by rounding.
        ahead: (now, then, momentum) to an array so much further on from `then` than `now`, nonnegative like them.
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
