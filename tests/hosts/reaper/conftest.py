"""What the tests of REAPER's scripts share: a project with a song of known loops, and a host for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosts.reaper.host import Host, install_scripts, project_of
from tests.hosts.reaper.made_up import Helper, MadeUpSong, song_on
from tests.hosts.reaper.model import TempoMap


@pytest.fixture(params=["lua53", "lua54"])
def lua(request: pytest.FixtureRequest) -> str:
    """The Lua of REAPER 6, and that of REAPER 7."""
    return str(request.param)


@pytest.fixture
def song() -> MadeUpSong:
    return song_on(TempoMap())


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return install_scripts(tmp_path / "Scripts", ["/opt/python", "-m", "bridge.hosts.reaper"])


@pytest.fixture
def hosting(tmp_path: Path, scripts: Path, song: MadeUpSong) -> Callable[..., tuple[Host, Helper]]:
    """`hosting()` is a REAPER with that song, and the helper that will answer."""

    def start(*, lua: str = "lua54", answers: bool = True, made: MadeUpSong | None = None, **options: object) -> object:
        used = made or song
        project = project_of(tmp_path / "project", used.samples, used.rate)
        host = Host([project], tmp_path, lua=lua, scripts=scripts, **options)  # type: ignore[arg-type]
        helper = Helper(used, answers=answers)
        host.reaper.exec = helper
        return host, helper

    return start  # type: ignore[return-value]
