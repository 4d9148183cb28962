"""The rules of the house that a reader cannot check at a glance."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "bridge").rglob("*.py")])
SPEAKS = {"bridge/cli/app.py"}  # the only module whose print a user should see
NAMED = re.compile(r"(?<![\w/.])(?:core|bridge|tests|benchmarks|reaper_scripts|max_for_live|\.ci)/[\w./-]*\w")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _calls(tree: ast.AST, name: str) -> list[int]:
    """Lines that call the built-in of this name."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == name]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_keep_to_their_side(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.is_relative_to(ROOT / "core"):
        assert not [name for name in _imports(tree) if name.partition(".")[0] == "bridge"], "core knows no bridge"
    if _name(path) not in SPEAKS:
        assert not _calls(tree, "print"), "library code never prints"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


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
