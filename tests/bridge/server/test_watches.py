"""Watched folders over the wire."""

from pathlib import Path

import pytest
from talk import Talk, read_code

from bridge.client.client import path_of
from bridge.osc import messages
from core.base.errors import Code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Gr\u00fc\u00dfe 1"
    folder.mkdir()
    return folder


def test_folders_are_added_listed_and_removed(talk: Talk, folder: Path) -> None:
    added = talk("watch/add", "r1", str(folder))
    assert isinstance(added, messages.WatchAddReply)
    assert talk("watch/add", "r2", str(folder)) == messages.WatchAddReply("r2", added.id)
    listed = talk("watch/list", "r3", 0)
    assert isinstance(listed, messages.WatchListReply)
    assert [(row.id, path_of(row.folder)) for row in listed.watches] == [(added.id, folder)]
    assert talk("watch/remove", "r4", added.id) == messages.WatchRemoveReply("r4")
    assert talk("watch/list", "r5", 0) == messages.WatchListReply("r5", 0, ())
    assert read_code(talk("watch/remove", "r6", added.id)) is Code.NO_SUCH_JOB


def test_folders_that_cannot_be_watched_are_refused(talk: Talk, folder: Path) -> None:
    assert read_code(talk("watch/add", "r1", str(folder / "gone"))) is Code.NO_SUCH_FILE
    assert read_code(talk("watch/add", "r2", "relative")) is Code.PATH_NOT_ALLOWED
    assert read_code(talk("watch/list", "r3", -1)) is Code.ARGUMENTS


def test_a_list_has_as_many_folders_as_fit(talk: Talk, folder: Path) -> None:
    folders = [folder / (f"{number:02d}" * 60) for number in range(12)]
    for number, each in enumerate(folders):
        each.mkdir()
        assert isinstance(talk("watch/add", f"r{number}", str(each)), messages.WatchAddReply)
    found: list[Path] = []
    pages = 0
    while len(found) < 12:
        page = talk("watch/list", f"l{pages}", len(found))
        assert isinstance(page, messages.WatchListReply)
        assert page.total == 12
        found += [path_of(row.folder) for row in page.watches]
        pages += 1
    assert sorted(found) == folders
    assert 1 < pages < 12


def test_a_folder_that_no_answer_can_hold_is_told_of(talk: Talk, folder: Path) -> None:
    for _ in range(3):
        folder /= "\u00fc" * 100
    folder.mkdir(parents=True)
    assert isinstance(talk("watch/add", "r1", str(folder)), messages.WatchAddReply)
    assert read_code(talk("watch/list", "r2", 0)) is Code.LIMIT
