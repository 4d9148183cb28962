"""Tucker factors written to a file and read back: a NumPy archive of four arrays; equal factors give equal bytes."""

import zipfile
from pathlib import Path

import numpy as np

from core.base.errors import Code, LoopError
from core.separation.tucker.factors import TuckerFactors

NAMES = ("notes", "rhythms", "loops", "recipes")


def write_factors(path: Path, factors: TuckerFactors) -> None:
    """Write W, H, D and C under their names in `TuckerFactors`.

    Raises:
        OSError: the file cannot be written.
    """
    np.savez_compressed(path, **{name: getattr(factors, name) for name in NAMES})


def read_factors(path: Path) -> TuckerFactors:
    """Read a file of `write_factors`. The history of the error is not stored in it.

    Raises:
        LoopError: INCOMPLETE when the file is missing or damaged, or its arrays do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in NAMES}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error
    sides = tuple(arrays[name].shape[-1] for name in NAMES[:3])
    if arrays["recipes"].shape != sides:
        raise _damaged(path, f"recipes are {arrays['recipes'].shape}, not {sides}")
    return TuckerFactors(**arrays)


def _damaged(path: Path, reason: str) -> LoopError:
    return LoopError(Code.INCOMPLETE, f"{path}: the factors cannot be read ({reason}); extract the song again")
