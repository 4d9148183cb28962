"""The window: drawn at the size of any display, and its pictures in the manual, which are what the scripts draw."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hosts.reaper.host import ROOT, Host, project_of
from tests.hosts.reaper.made_up import Helper, MadeUpLoop, MadeUpSong
from tests.hosts.reaper.model import TempoMap

PICTURES = ROOT / "docs" / "reaper"
ALIKE = 12.0  # levels of 255, on average: fonts are not drawn alike everywhere

LOOPS = (
    MadeUpLoop("drums", 1, [-1] * 4 + [0] * 12 + [-1] * 4 + [0] * 8 + [-1] * 4),
    MadeUpLoop("bass", 4, [-1] * 8 + [0, 1, 2, 3] * 6),
    MadeUpLoop("pad", 4, [0, 1, 2, 3] * 4 + [-1] * 8 + [0, 1, 2, 3] * 2),
    MadeUpLoop("melody high", 2, [-1] * 12 + [0, 1] * 6 + [-1] * 8),
)
COLOURS = ([36, 182, 161], [90, 67, 164], [187, 155, 57], [56, 132, 165])


@pytest.fixture
def midnight() -> MadeUpSong:
    return MadeUpSong([round(time * 8_000) for time in TempoMap().times[:33]], LOOPS)


@pytest.fixture
def painted(tmp_path: Path, scripts: Path, midnight: MadeUpSong) -> Callable[..., tuple[Host, Helper]]:
    def start(scale: float = 2.0) -> tuple[Host, Helper]:
        project = project_of(tmp_path / "project", midnight.samples, midnight.rate)
        project.tracks[0].items[0].take.texts["P_NAME"] = "Midnight Train"
        host = Host([project], tmp_path, scripts=scripts, scale=scale, paints=True)
        helper = Helper(midnight, answers=False)
        helper.change = lambda result: [
            loop.update(colour=colour) for loop, colour in zip(result["loops"], COLOURS, strict=True)
        ]
        host.reaper.exec = helper
        return host, helper

    return start


def same(host: Host, name: str) -> None:
    """The window looks as in the manual; a picture that is not there yet is made."""
    assert host.gfx.picture is not None
    path = PICTURES / f"{name}.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        host.gfx.picture.quantize(64).save(path, optimize=True)
    shown = np.asarray(Image.open(path).convert("RGB"), np.float64)
    drawn = np.asarray(host.gfx.picture, np.float64)
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < ALIKE


def test_the_pictures_of_the_manual_are_what_the_scripts_draw(painted: Callable[..., tuple[Host, Helper]]) -> None:
    host, helper = painted()
    host.run()
    same(host, "options")
    host.click("Extract")
    host.until(lambda: helper.requests)
    helper.tell(progress=0.55, stage="finding out which loop plays when")
    host.until(lambda: host.shows("which loop"))
    host.gfx.variables["mouse_x"] = 0
    host.tick()
    same(host, "working")
    helper.finish()
    host.until(lambda: host.shows("4 loops found"))
    same(host, "done")


def test_what_went_wrong_is_wrapped_into_the_window(painted: Callable[..., tuple[Host, Helper]]) -> None:
    host, helper = painted()
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    helper.fail(
        "Midnight Train: 3 bars, at least 4 are needed; choose a longer item, or check the tempo of the project"
    )
    host.until(lambda: host.shows("Close"))
    host.gfx.variables["mouse_x"] = 0
    host.tick()
    same(host, "failed")


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_everything_lies_inside_the_window_at_any_scale(
    painted: Callable[..., tuple[Host, Helper]], scale: float
) -> None:
    host, helper = painted(scale)
    host.run()
    assert host.gfx.picture is not None
    assert host.gfx.picture.size == (round(480 * scale), round(364 * scale))
    for x, y in host.gfx.texts.values():
        assert 0 < x < host.gfx.picture.width
        assert 0 < y < host.gfx.picture.height
    host.click("Extract")  # where it is drawn is where it is clicked
    host.until(lambda: helper.requests)


def test_a_long_name_is_cut_at_a_letter(painted: Callable[..., tuple[Host, Helper]]) -> None:
    host, _ = painted()
    host.project.tracks[0].items[0].take.texts["P_NAME"] = "Grüße aus Köln " * 20
    host.run()
    title = next(text for text in host.gfx.texts if text.startswith("Grüße"))
    assert title.endswith("...")
    assert ("Grüße aus Köln " * 20).startswith(title[:-3])
