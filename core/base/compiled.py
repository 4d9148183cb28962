"""Loops compiled to machine code by numba. The code is kept on disk, so it is compiled once, not in every process."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers at its first call. It runs without the interpreter's lock.

    A division by zero gives inf or nan, as in NumPy. Sums keep their order, so results are the same everywhere.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        fast: Function = numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder can be written, so every process compiles the function again
        fast = numba.njit(function, **options)
    return fast
