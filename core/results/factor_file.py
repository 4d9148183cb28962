"""Tucker factors to a file and back: a NumPy archive of the four arrays, the same bytes for the same factors."""

import zipfile
from pathlib import Path

import numpy as np

from core.base.errors import Code, LoopError
from core.separation.tucker.factors import TuckerFactors

NAMES = ("notes", "rhythms", "loops", "recipes")


def write_factors(path: Path, factors: TuckerFactors) -> None:
    """Write W, H, D and C under the names that they have in `TuckerFactors`.

    Raises:
        OSError: the file cannot be written.
    """
    np.savez_compressed(path, **{name: getattr(factors, name) for name in NAMES})


def read_factors(path: Path) -> TuckerFactors:
    """Read what `write_factors` wrote; the history of the error is not kept.

    Raises:
        LoopError: INCOMPLETE when it is missing, damaged, or its arrays do not fit together.
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
