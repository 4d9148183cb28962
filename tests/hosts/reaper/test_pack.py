"""What ReaPack is told: the heads of the scripts by its rules, and an index of every file."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from bridge.hosts.reaper.pack import header, index
from bridge.system.running import VERSION
from tests.hosts.reaper.host import EXTRACT, SCRIPTS, SET_UP

URL = "https://example.org/loopcube/v1"


@pytest.fixture
def root() -> ElementTree.Element:
    text = index(SCRIPTS, URL, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    return ElementTree.fromstring(text)  # noqa: S314 - our own text


def test_the_head_follows_reapacks_rules() -> None:
    tags = header(SCRIPTS / EXTRACT)
    assert tags["version"] == VERSION
    assert re.match(r"\d", tags["version"])  # it must start with a digit
    assert tags["description"][0].isupper()
    assert tags["about"].startswith("# ")
    assert f"{tags['author']}_{tags['description']}.lua" == EXTRACT
    assert set(tags) <= {"description", "author", "version", "changelog", "provides", "about"}
    assert header(SCRIPTS / SET_UP) == {"noindex": ""}  # a part of the other's package


def test_entries_are_short() -> None:
    for name in (EXTRACT, SET_UP):
        assert len((SCRIPTS / name).read_text(encoding="utf-8").splitlines()) <= 25


def test_every_file_is_named_once_and_actions_are_actions(root: ElementTree.Element) -> None:
    assert root.attrib == {"version": "1", "name": "loopcube"}
    package = root.find("category/reapack")
    assert package is not None
    assert package.attrib == {"name": EXTRACT, "type": "script", "desc": "Extract loops from selected items"}
    version = package.find("version")
    assert version is not None
    assert version.attrib == {"name": VERSION, "author": "loopcube", "time": "2026-01-02T03:04:05Z"}
    sources = version.findall("source")
    named = [unquote(str(source.text).removeprefix(f"{URL}/")) for source in sources]
    assert sorted(named) == sorted(path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.lua"))
    assert {name for name, source in zip(named, sources, strict=True) if "main" in source.attrib} == {EXTRACT, SET_UP}
    assert [source.get("file", EXTRACT) for source in sources] == named


def test_about_is_rich_text(root: ElementTree.Element) -> None:
    about = root.findtext("category/reapack/metadata/description") or ""
    assert about.startswith("{\\rtf1 ")
    assert about.endswith("}")
    assert about.isascii()


def test_the_command_writes_it() -> None:
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "bridge.hosts.reaper.pack", URL], capture_output=True, text=True, check=True
    )
    assert ElementTree.fromstring(done.stdout).tag == "index"  # noqa: S314 - our own text
