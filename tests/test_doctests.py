"""The examples in the docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted(path for room in ("core", "bridge") for path in (ROOT / room).rglob("*.py"))
WITH_EXAMPLES = [path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
