"""Nonnegative Tucker under the generalised Kullback-Leibler divergence, by expectation maximisation.

    min sum of X log(X / V) - X + V,   V = C x1 W x2 H x3 D,   over nonnegative W, H, D, C

If the rows of W, H and D sum to one, this is a latent variable model of counts. Then one pass over the ratio X / V
updates all four arrays at once (Smaragdis, Raj and Shashanka 2006) and never increases the divergence. Sweeps are
extrapolated (`extrapolation`). Loud sounds have less weight here than in least squares, and therefore loops separate
better. Sums of bins are counts as well, so the sweeps may run on a cube pooled by addition; the notes are then fitted
to the whole cube.

Arrays may be of any array library (array API standard).
"""

from collections.abc import Iterator

from array_api_compat import array_namespace

from core.separation.tucker.extrapolation import descend
from core.separation.tucker.model import TINY, Array, Model, balanced, times

LIFT = 1e-3  # of a factor's mean, added before the first sweep: zeros would stay zero, and the start may be wrong
FARTHEST = 10.0  # the largest factor, up or down, by which an entry is extrapolated
NOTE_ROUNDS = 12  # of the full-resolution solve
BLOCK = 32  # frequencies at a time, so that the ratio stays in the processor's cache


def minimise(cube: Array, start: Model) -> Iterator[Model]:
    """An endless iterator of models of falling divergence, one a sweep; `error` is the divergence before the sweep."""
    return descend(lambda model: sweep(cube, model), _lifted(start), _ahead)


def sweep(cube: Array, model: Model) -> Model:
    """Update all factors and the core at once. The rows of the new factors sum to one."""
    xp = array_namespace(cube)
    model = balanced(model, 1)
    core, (W, H, D) = model.core, model.factors
    frequencies, frames, bars = cube.shape
    played = times(core, D.T, 2)  # [notes, rhythms, bars]
    scores = xp.reshape(times(played, H.T, 1), (core.shape[0], -1))  # when each note sounds
    flat = xp.reshape(cube, (frequencies, -1))
    votes, voted, gain = xp.zeros_like(scores), [], 0.0
    for block in _blocks(frequencies):
        sound, notes = flat[block, :], W[:, block]
        ratio = sound / (notes.T @ scores + TINY)
        votes = votes + notes @ ratio
        voted.append(notes * (scores @ ratio.T))
        gain += float(xp.sum(sound * xp.log(ratio + TINY)))
    votes = xp.reshape(votes, (-1, frames, bars))
    by_rhythm = times(votes, H, 1)
    factors = (
        xp.concat(voted, axis=1),
        H * xp.tensordot(played, votes, axes=([0, 2], [0, 2])),
        D * xp.tensordot(core, by_rhythm, axes=([0, 1], [0, 1])),
    )
    shares = balanced(Model(core, factors), 1).factors  # the scale goes into the core only
    total = float(xp.sum(flat))
    divergence = gain - total + float(xp.sum(core))
    return Model(core * times(by_rhythm, D, 2), shares, max(divergence, 0.0) / max(total, TINY))


def solve_notes(cube: Array, model: Model, rounds: int = NOTE_ROUNDS) -> Model:
    """The model with notes fitted to a whole cube [frequencies, frames, bars].

    Args:
        model: fitted on bands; its notes [notes, frequencies] are the start.
    """
    xp = array_namespace(cube)
    core, (W, H, D) = model.core, model.factors
    scores = xp.reshape(times(times(core, D.T, 2), H.T, 1), (core.shape[0], -1))
    reach = xp.sum(scores, axis=1)
    reach = xp.where(reach > TINY, reach, xp.ones_like(reach))[:, None]
    flat = xp.reshape(cube, (cube.shape[0], -1))
    solved = []
    for block in _blocks(cube.shape[0]):
        sound, notes = flat[block, :], W[:, block]
        for _ in range(rounds):
            notes = notes * (scores @ (sound / (notes.T @ scores + TINY)).T) / reach
        solved.append(notes)
    return Model(core, (xp.concat(solved, axis=1), H, D), model.error)


def _blocks(frequencies: int) -> list[slice]:
    return [slice(low, min(low + BLOCK, frequencies)) for low in range(0, frequencies, BLOCK)]


def _lifted(model: Model) -> Model:
    """The model with all zeros raised by `LIFT`."""
    xp = array_namespace(model.core)
    W, H, D = (factor + LIFT * xp.mean(factor) for factor in model.factors)
    return Model(model.core + LIFT * xp.mean(model.core), (W, H, D))


def _ahead(now: Array, then: Array, momentum: float) -> Array:
    """Extrapolate on a logarithmic scale, so that values stay positive."""
    xp = array_namespace(now)
    return now * xp.clip((now + TINY) / (then + TINY), 1 / FARTHEST, FARTHEST) ** momentum
