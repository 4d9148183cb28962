"""Two loops that cancel each other alternate only if that is better: quieter, no more rest, nothing cancels any more.

The solutions are scripted, so that each test reaches one decision.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from core.audio.bars import BarGrid
from core.audio.clip import Clip, Samples
from core.base.progress import Progress, silent
from core.downbeats.refine.refine import Refined
from core.extraction import by_waveforms
from core.extraction.plausibility import Judgement
from core.layout.layout import Layout, one_bar_layout
from core.layout.search.search import Found
from core.separation.waveforms.separate import Coherent

BARS, FRAMES = 8, 10
GRID = BarGrid(FRAMES * np.arange(BARS + 1, dtype=np.int64), 4, "host")
REFINED = Refined(GRID, np.zeros(BARS), None, 0.0, 0.0, 0.0, ())
CLIP = Clip(np.ones((1, BARS * FRAMES), dtype=np.float32), 8_000, "scripted")
ROWS = ["########", "....####", "########", "######.."]
BEFORE = (1.4, 0.10)  # the energy of the stems and of the rest in the first solution, as shares of the song's
FIRST_PAIR, SECOND_PAIR = (0, 1), (2, 3)


def found_in(rows: list[str]) -> Found:
    on = np.array([[c == "#" for c in row] for row in rows], dtype=np.float32).T
    return Found(one_bar_layout(on), 0.9, np.ones(len(rows)))


FIRST = found_in(ROWS)


@dataclass(frozen=True)
class Step:
    """A scripted solution: the energy of its stems and of its rest, and the two loops that still cancel each other."""

    energy: float
    rest: float
    undoing: tuple[int, int] | None = None

    def solution(self, layout: Layout, number: int) -> Coherent:
        """A solution whose rest has the scripted energy, and whose stems hold the number of the step."""
        stems: Samples = np.full((layout.loops, *CLIP.samples.shape), number, dtype=np.float32)
        return Coherent(stems, np.sqrt(self.rest) * CLIP.samples, layout, *(np.ones(1) for _ in range(3)))

    def judgement(self) -> Judgement:
        return Judgement(self.energy, ((0.1, *self.undoing),) if self.undoing else ((1.0, 0, 1),))


@dataclass(frozen=True)
class Outcome:
    """What alternation returns, and all layouts that were solved for it."""

    exact: Found
    found: Coherent
    solved: list[Layout]

    def rows(self) -> list[str]:
        return ["".join("#" if bar >= 0 else "." for bar in row) for row in self.exact.layout.loop_bars.T]

    def is_first_layout(self) -> bool:
        """Whether the first layout comes back, with stems solved for it after all others."""
        return self.exact is FIRST and self.found.layout is FIRST.layout and self.solved[-1] is FIRST.layout


def alternated(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> Outcome:
    """Alternate the first pair. The solutions are these steps, one after the other."""
    solved: list[Layout] = []

    def solve(_: Clip, __: Refined, layout: Layout, ___: Progress) -> Coherent:
        solved.append(layout)
        step = steps[len(solved) - 1] if len(solved) <= len(steps) else Step(*BEFORE)
        return step.solution(layout, len(solved) - 1)

    def judged(_: Samples, stems: Samples, __: BarGrid) -> Judgement:
        return steps[int(stems[0, 0, 0])].judgement()

    monkeypatch.setattr(by_waveforms, "_solve", solve)
    monkeypatch.setattr(by_waveforms, "judged", judged)
    exact, found = by_waveforms._alternating(CLIP, REFINED, FIRST, FIRST_PAIR, BEFORE, silent)
    return Outcome(exact, found, solved)


def test_a_quieter_alternation_in_which_nothing_cancels_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop that plays in more bars is off where both would play."""
    outcome = alternated(monkeypatch, Step(1.0, 0.10))
    assert outcome.rows() == ["####....", "....####", *ROWS[2:]]
    assert outcome.found.layout is outcome.exact.layout
    assert len(outcome.solved) == 1


def test_two_pairs_alternate_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = alternated(monkeypatch, Step(1.2, 0.10, SECOND_PAIR), Step(1.0, 0.10))
    assert outcome.rows() == ["####....", "....####", "......##", "######.."]
    assert outcome.found.layout is outcome.exact.layout
    assert len(outcome.solved) == 2


@pytest.mark.parametrize(("energy", "kept"), [(1.39, True), (1.41, False)])
def test_an_alternation_that_gets_louder_is_rejected(
    monkeypatch: pytest.MonkeyPatch, energy: float, kept: bool
) -> None:
    assert alternated(monkeypatch, Step(energy, 0.10)).is_first_layout() != kept


def test_each_alternation_must_be_no_louder_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one is quieter than the first layout, but louder than the first alternation."""
    outcome = alternated(monkeypatch, Step(1.1, 0.10, SECOND_PAIR), Step(1.2, 0.10))
    assert outcome.is_first_layout()


@pytest.mark.parametrize(("rest", "kept"), [(0.149, True), (0.151, False)])
def test_an_alternation_that_explains_less_of_the_song_is_rejected(
    monkeypatch: pytest.MonkeyPatch, rest: float, kept: bool
) -> None:
    """It may add 5 % of the song's energy to the rest, however quiet it is."""
    assert alternated(monkeypatch, Step(1.0, rest)).is_first_layout() != kept


def test_all_alternations_together_may_add_no_more_to_the_rest_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = alternated(monkeypatch, Step(1.2, 0.14, SECOND_PAIR), Step(1.0, 0.18))
    assert outcome.is_first_layout()


def test_where_loops_cancel_to_the_end_the_first_layout_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alternation is quieter, but another pair cancels each time: after four, the first layout is solved again."""
    pairs = [SECOND_PAIR, FIRST_PAIR, SECOND_PAIR, FIRST_PAIR]
    steps = [Step(1.3 - 0.1 * number, 0.10, pair) for number, pair in enumerate(pairs)]
    outcome = alternated(monkeypatch, *steps, Step(*BEFORE))
    assert outcome.is_first_layout()
    assert len(outcome.solved) == 5
    assert (outcome.found.stems == 4).all()
