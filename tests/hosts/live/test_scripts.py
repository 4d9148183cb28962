"""The device's JavaScript: in Node, on a strict stand-in for Live and Max."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import needs

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
FACTS = ROOT.parent / "shared" / "facts" / "lom.json"

Node = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("tests", sorted(HERE.glob("*.test.js")), ids=lambda path: path.name)
def test_in_node(tests: Path, node: Node) -> None:
    done = node("--test", "--test-reporter=tap", tests)
    assert done.returncode == 0, done.stdout


def test_the_script_is_of_the_language_that_max_understands(script: Path, node: Node, tmp_path: Path) -> None:
    newer = tmp_path / "newer.js"
    newer.write_text("var f = (x) => x;")
    for path, status in ((script, 0), (newer, 1)):
        done = node("--expose-internals", HERE / "es5.js", path)
        assert done.returncode == status, done.stdout + done.stderr


@pytest.mark.parametrize("source", sorted((ROOT / "max_for_live" / "src").glob("*.js")), ids=lambda path: path.name)
def test_sources_are_short_and_say_what_they_are_for(source: Path) -> None:
    lines = source.read_text(encoding="ascii").splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= 400
    assert max(map(len, lines)) <= 120


def test_the_stand_in_knows_live_as_it_is_documented() -> None:
    needs(FACTS.is_file(), f"the file {FACTS}")
    facts = json.loads(FACTS.read_text())["classes"]
    table = json.loads((HERE / "lom.json").read_text())
    for name, members in table.items():
        assert set(members) == set(facts[name])
        for member, known in members.items():
            fact = facts[name][member]
            assert known["access"] == fact["m4l_access"].split()[0], f"{name}.{member}"
            assert known["since"] == fact["py_since"], f"{name}.{member}"
            assert known["missing"] == fact["py_missing_after"], f"{name}.{member}"
            signature = fact["args"] or ""
            assert known["documented"] == ("Python only" not in signature and "NOT in M4L" not in signature), (
                f"{name}.{member}"
            )
            assert len(known["args"]) == _arguments(signature), f"{name}.{member}"


def _arguments(signature: str) -> int:
    """How many arguments "(clip "id",n, destination_time float)" names: 2."""
    if not signature:
        return 0
    inside = signature[signature.index("(") + 1 : signature.rindex(")")].replace('"id",n', "id")
    inside = inside.replace("{beat_time[,sample_time]}", "")
    return len([word for word in inside.split(",") if word.strip()])
