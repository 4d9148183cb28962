"""The settings file, and the order of precedence: the command line, the environment, the file, the default.

The file is settings.toml in the user's configuration folder. Each key is also read from the environment: LOOPCUBE_PORT
for `port`, for example. Several folders are separated there as in PATH.
"""

import dataclasses
import json
import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_origin

from bridge.system.settings import BridgeSettings, Rule, default_config, default_home, default_runtime
from core.base.errors import Code, LoopError


class Key(NamedTuple):
    """A key of the file: the rule of its value, its purpose, and its default."""

    rule: Rule
    about: str
    default: Any


KEYS = {
    field.name: Key(*field.type.__metadata__, field.default)  # type: ignore[union-attr, call-arg]  # what Annotated holds
    for field in dataclasses.fields(BridgeSettings)
    if get_origin(field.type) is Annotated
}

_HEAD = """\
# Settings of loopcube's daemon, each with its default. To change one, remove the # before its key.
# `loopcube settings` shows the current values and where each comes from.
"""


class Origin(StrEnum):
    """Where a value comes from. A later origin overrides an earlier one."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


class Chosen(NamedTuple):
    """A value and where it comes from."""

    value: Any
    origin: Origin


def settings_file() -> Path:
    """The path of the settings file, which may not exist."""
    return default_config() / "settings.toml"


def load_settings(**command_line: Any) -> BridgeSettings:
    """The settings from all origins. None on the command line means "not given".

    Raises:
        LoopError: ARGUMENTS, with key, rule, value and place; NO_SUCH_FILE when the file cannot be read.
    """
    values = {key: chosen.value for key, chosen in choose(command_line).items()}
    return BridgeSettings(default_home(), default_runtime(), **values)


def choose(command_line: Mapping[str, Any]) -> dict[str, Chosen]:
    """Each key's value and its origin. Raises as `load_settings` does."""
    file = settings_file()
    environment = {key: os.environ[_variable(key)] for key in KEYS if _variable(key) in os.environ}
    given = {key: value for key, value in command_line.items() if value is not None}
    chosen = {key: Chosen(known.default, Origin.DEFAULT) for key, known in KEYS.items()}
    for origin, values in (
        (Origin.FILE, _read(file)),
        (Origin.ENVIRONMENT, environment),
        (Origin.COMMAND_LINE, given),
    ):
        for key, value in values.items():
            place = {Origin.FILE: str(file), Origin.ENVIRONMENT: _variable(key)}.get(origin, f"the {origin}")
            chosen[key] = Chosen(_checked(key, value, place), origin)
    return chosen


def as_toml() -> str:
    """A settings file with every key: its purpose, its rule, and its default, commented out."""
    keys = [
        f"\n# {key.about}\n# Must be {key.rule.words}.\n# {name} = {_literal(key.default)}\n"
        for name, key in KEYS.items()
    ]
    return _HEAD + "".join(keys)


def write_settings() -> Path:
    """Write `as_toml()` to the settings file.

    Raises:
        LoopError: WRITE_FAILED, also when the file exists; an existing file is not changed.
    """
    path = settings_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(as_toml())
    except FileExistsError as error:
        raise LoopError(Code.WRITE_FAILED, f"{path}: exists already; edit it, or move it away first") from error
    except OSError as error:
        raise LoopError(Code.WRITE_FAILED, f"{path}: cannot be written ({error.strerror}); check its folder") from error
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: cannot be read ({error.strerror}); check its rights") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise LoopError(Code.ARGUMENTS, f"{path}: is not TOML ({error}); correct that line") from error


def _checked(key: str, value: Any, place: str) -> Any:
    if key not in KEYS:
        raise LoopError(Code.ARGUMENTS, f"no setting {key!r} (in {place}); known: {', '.join(KEYS)}")
    rule = KEYS[key].rule
    try:
        return rule.check(value)
    except (ValueError, RuntimeError) as error:  # RuntimeError: ~ of an unknown user
        raise LoopError(Code.ARGUMENTS, f"{key} must be {rule.words}, got {value!r} (in {place})") from error


def _variable(key: str) -> str:
    return f"LOOPCUBE_{key.upper()}"


def _literal(value: Any) -> str:
    """A default in TOML. Numbers, text and empty lists have the same form as in JSON."""
    return json.dumps("" if value is None else value, ensure_ascii=False)
