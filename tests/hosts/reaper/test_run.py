"""The action from the click to the tracks: what it shows, asks for, places, and leaves behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tests.hosts.reaper.host import Host
from tests.hosts.reaper.made_up import Helper, items_below, levels, rendered

Hosting = Callable[..., tuple[Host, Helper]]


def extract(host: Host) -> None:
    """Run the action as a user does, up to its last page."""
    host.run()
    host.until(lambda: host.shows("Extract"))
    host.click("Extract")
    host.until(lambda: host.shows("Close"))


def test_from_the_click_to_the_tracks(hosting: Hosting, lua: str) -> None:
    host, helper = hosting(lua=lua)
    song = helper.song
    extract(host)
    assert host.shows("3 loops found")
    assert levels(host.project) == [
        (0, "Song"), (0, "song loops"), (1, "Stems"), (2, "01 drums"), (2, "02 bass"), (2, "03 drums"),
        (1, "Loop clips"), (2, "01 drums (1 bar)"), (2, "02 bass (2 bars)"), (2, "03 drums (1 bar)"), (1, "Rest"),
    ]  # fmt: skip
    frames = len(song.rest)
    rest = items_below(host.project, "song loops")[-1:]
    stems = rendered(song.rate, items_below(host.project, "Stems") + rest, frames=frames)
    clips = rendered(song.rate, items_below(host.project, "Loop clips") + rest, frames=frames)
    np.testing.assert_allclose(stems, song.samples, atol=1e-6)
    np.testing.assert_allclose(clips, song.samples, atol=1e-6)
    host.click("Close")
    assert host.ended
    host.check_tidy()
    assert [label for label, _ in host.project.undo] == ["Extract loops"]


def test_what_the_helper_is_asked_for(hosting: Hosting, tmp_path: Path) -> None:
    host, helper = hosting(answers=False)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    request = helper.requests[0]
    heard, rate = soundfile.read(request["path"], dtype="float32", always_2d=True)
    np.testing.assert_array_equal(heard, helper.song.samples)
    assert rate == helper.song.rate
    assert request["bars_frames"] == helper.song.starts
    assert Path(request["out"]).parent == tmp_path / "project" / "loopcube"
    assert {key: request[key] for key in ("v", "beats_per_bar", "rate", "method")} == {
        "v": 1, "beats_per_bar": 4, "rate": rate, "method": "auto",
    }  # fmt: skip
    assert helper.commands[0][:3] == ["/opt/python", "-m", "bridge.hosts.reaper"]
