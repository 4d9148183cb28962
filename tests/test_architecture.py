"""The rules of the house that a reader cannot check at a glance."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "bridge").rglob("*.py")])
SPEAKS = {"bridge/cli/app.py"}  # the only module whose print a user should see
NAMED = re.compile(r"(?<![\w/.])(?:core|bridge|tests|benchmarks|reaper_scripts|max_for_live|\.ci)/[\w./-]*\w")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _calls(tree: ast.AST, name: str) -> list[int]:
    """Lines that call the built-in of this name."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == name]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_library_code_never_prints(path: Path) -> None:
    if _name(path) not in SPEAKS:
        assert not _calls(ast.parse(path.read_text(encoding="utf-8")), "print")


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_rooms_import_only_rooms_below_them() -> None:
    lint = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"]
    # In a process of its own: it sets up logging for itself.
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_map_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for top in ("core", "bridge") for path in (ROOT / top).glob("*/__init__.py")]
    assert [room for room in rooms if f"{room}/" not in text] == []


def test_the_map_of_the_house_is_short_and_true() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = NAMED.findall(text)
    assert len(text.splitlines()) <= 60
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_opens_with_the_two_commands() -> None:
    opening = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:15])
    assert "pip install uv && uv run loopcube demo" in opening
    assert "pip install uv && uv run pytest" in opening
