"""What `pip install loopcube` brings; .ci/run installs the same wheel into an empty environment."""

import email
import subprocess
import zipfile
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, needs_program: Callable[[str], str]) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [needs_program("uv"), "build", "--wheel", "--out-dir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def _metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = {path for folder in ("core", "bridge") for path in (ROOT / folder).rglob("*") if path.is_file()}
    wanted = {path.relative_to(ROOT).as_posix() for path in sources if "__pycache__" not in path.parts}
    scripts = (ROOT / "reaper_scripts").rglob("*.lua")
    wanted |= {f"bridge/hosts/{path.relative_to(ROOT).as_posix()}" for path in scripts}
    assert wanted <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"core", "bridge", "loopcube"}


def test_the_wheel_leaves_madmom_to_the_extra(wheel: zipfile.ZipFile) -> None:
    metadata = _metadata(wheel)
    of_madmom = [line for line in metadata.get_all("Requires-Dist", []) if line.startswith("madmom")]
    assert "tracking" in metadata.get_all("Provides-Extra", [])
    assert len(of_madmom) == 1
    assert "extra == 'tracking'" in of_madmom[0]


def test_the_wheel_states_its_licence_and_command(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert _metadata(wheel)["License-Expression"] == "MIT"
    assert "loopcube = bridge.cli:main" in wheel.read(entry_points).decode()
