"""The examples in the docstrings are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["drop_folder", "messages", "request", "wire"])
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"bridge.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
