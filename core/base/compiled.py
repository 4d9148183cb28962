"""Loops compiled to machine code by numba, kept on disk so that they are compiled once, not in every process."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers when it is first called; it runs without the interpreter's lock.

    Divisions by zero give inf or nan, as NumPy's do. Sums keep their order, so that results are the same everywhere.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        fast: Function = numba.njit(function, cache=True, **options)
    except RuntimeError:  # nowhere to keep it: compiled anew in every process
        fast = numba.njit(function, **options)
    return fast
