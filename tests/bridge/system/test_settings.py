"""Settings: one file with a comment for each key, one order of precedence, and mistakes that are named."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bridge.system.settings import BridgeSettings
from bridge.system.settings_file import KEYS, Origin, as_toml, choose, load_settings, settings_file, write_settings
from core.base.errors import Code, LoopError

UNCOMMENTED = re.compile(r"^# (\w+ = )", re.MULTILINE)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings file would lie."""
    monkeypatch.setenv("LOOPCUBE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert settings_file() == tmp_path / "home" / "settings.toml"
    return settings_file()


def refused(rule: str, **command_line: Any) -> LoopError:
    with pytest.raises(LoopError, match=rule) as error:
        load_settings(**command_line)
    assert error.value.code is Code.ARGUMENTS
    assert "\n" not in error.value.message
    return error.value


def test_without_a_file_the_defaults_hold(file: Path) -> None:
    settings = load_settings()
    assert settings == BridgeSettings(file.parent, file.parent / "run")
    assert (settings.queue, settings.queue_per_client, settings.rate, settings.burst) == (16, 8, 500, 1_000)
    assert (settings.total_rate, settings.memory_gib, settings.minutes) == (5_000, 8, 30)


def test_the_written_file_holds_every_key_with_its_default_and_a_comment(file: Path) -> None:
    text = write_settings().read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}, "nothing is set before the user removes a #"
    assert load_settings() == BridgeSettings(file.parent, file.parent / "run")
    opened = UNCOMMENTED.sub(r"\1", text)
    assert set(tomllib.loads(opened)) == set(KEYS)
    file.write_text(opened, encoding="utf-8")
    assert load_settings() == BridgeSettings(file.parent, file.parent / "run")
    assert {chosen.origin for chosen in choose({}).values()} == {Origin.FILE}
    for key in KEYS.values():
        assert f"# {key.about}\n" in text


def test_a_file_that_is_there_is_not_overwritten(file: Path) -> None:
    file.write_text("port = 50000\n")
    with pytest.raises(LoopError, match="exists already"):
        write_settings()
    assert file.read_text() == "port = 50000\n"


def test_each_place_goes_before_the_one_below(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('port = 50000\nqueue = 5\nworkers = 3\nout = "/results"\nroots = ["/music", "~/loops"]\n')
    monkeypatch.setenv("LOOPCUBE_QUEUE", "6")
    monkeypatch.setenv("LOOPCUBE_WORKERS", "4")
    chosen = choose({"workers": 5, "port": None})
    assert {key: chosen[key] for key in ("port", "queue", "workers", "burst")} == {
        "port": (50_000, Origin.FILE),
        "queue": (6, Origin.ENVIRONMENT),
        "workers": (5, Origin.COMMAND_LINE),
        "burst": (1_000, Origin.DEFAULT),
    }
    assert chosen["out"].value == Path("/results")
    assert chosen["roots"].value == (Path("/music"), Path.home() / "loops")
    monkeypatch.setenv("LOOPCUBE_ROOTS", "/a:/b")
    monkeypatch.setattr("os.pathsep", ":")
    assert load_settings().roots == (Path("/a"), Path("/b"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prot = 1", "no setting 'prot'"),
        ("port = 80", "port must be a whole number from 1024 to 65000, got 80"),
        ("port = 65001", "port must be a whole number from 1024 to 65000, got 65001"),
        ('port = "many"', "port must be a whole number from 1024 to 65000, got 'many'"),
        ("port = 5e4", "port must be a whole number"),
        ("workers = true", "workers must be a whole number from 1 to 64, got True"),
        ("out = 3", 'out must be an absolute folder, or "", got 3'),
        ('out = "results"', "out must be an absolute folder, or \"\", got 'results'"),
        ('roots = "music"', "roots must be a list of absolute folders, got 'music'"),
        ('roots = ["/music", 7]', "roots must be a list of absolute folders"),
        ('roots = ["~nobody-of-that-name/music"]', "roots must be a list of absolute folders"),
        ("queue = 0", "queue must be a whole number from 1 to 10000, got 0"),
        ("[port]\na = 1", "port must be a whole number"),
        ("port 3", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_rule_value_and_file(file: Path, line: str, said: str) -> None:
    file.write_text(line)
    assert str(file) in refused(re.escape(said)).message


def test_a_file_that_is_no_text_or_cannot_be_read_is_named(file: Path) -> None:
    file.write_bytes(b"port = \xff")
    assert str(file) in refused("is not TOML").message
    file.unlink()
    file.mkdir()
    with pytest.raises(LoopError, match="cannot be read") as error:
        load_settings()
    assert error.value.code is Code.NO_SUCH_FILE


def test_a_mistake_elsewhere_names_its_place(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "command line" in refused("workers must be", workers=65).message
    monkeypatch.setenv("LOOPCUBE_PORT", "soon")
    assert "LOOPCUBE_PORT" in refused("port must be").message
    assert not file.exists()


def test_every_default_keeps_its_own_rule() -> None:
    assert set(KEYS) == {field.name for field in dataclasses.fields(BridgeSettings)} - {"state", "runtime"}
    for key in KEYS.values():
        assert key.rule.check(key.default) == key.default
    assert as_toml().isascii()
