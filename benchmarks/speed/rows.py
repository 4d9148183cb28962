"""A row of the speed table: our time and a peer's time for the same work, both measured in one run."""

from typing import NamedTuple


class Row(NamedTuple):
    """One comparison.

    Attributes:
        what: the work and its input.
        ours_seconds, peer_seconds: medians, wall time.
        peer: the program or the work of comparison.
        target: the aim as a ratio or a bound, in words.
        note: how it was measured, and other information for the reader.
    """

    what: str
    ours_seconds: float
    peer: str
    peer_seconds: float
    target: str
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer we are."""
        return self.peer_seconds / self.ours_seconds
