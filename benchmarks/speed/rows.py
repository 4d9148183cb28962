"""A row of the speed table: how long we take, how long a peer takes for the same, both timed in one run."""

from typing import NamedTuple


class Row(NamedTuple):
    """One comparison.

    Attributes:
        what: the work, and on what.
        ours_seconds, peer_seconds: medians, wall time.
        peer: what we are compared with.
        target: the ratio or bound that is aimed at, in words.
        note: how it was measured, and what else a reader must know.
    """

    what: str
    ours_seconds: float
    peer: str
    peer_seconds: float
    target: str
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times faster than the peer."""
        return self.peer_seconds / self.ours_seconds
