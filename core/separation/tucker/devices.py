"""Where the Tucker solvers compute: NumPy arrays on the processor, or PyTorch tensors on a GPU."""

from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import NDArray

from core.base.errors import Code, LoopError
from core.base.settings import Device


def check_device(device: Device) -> None:
    """Find out that a device is not there before the long work starts.

    Raises:
        LoopError: ARGUMENTS for a GPU without PyTorch or a GPU that it can use.
    """
    if device == "gpu" and not _torch().cuda.is_available():
        raise LoopError(Code.ARGUMENTS, "device gpu needs a GPU that PyTorch can use and finds none; take device cpu")


def upload(array: NDArray[np.float32], device: Device) -> Any:
    """The array where it is to be computed with.

    Raises:
        LoopError: as `check_device`.
    """
    check_device(device)
    return _torch().from_numpy(array).to("cuda") if device == "gpu" else array


def download(array: Any) -> NDArray[np.float32]:
    """The array of any library as a NumPy one, float32."""
    return np.asarray(array.cpu() if is_torch_array(array) else array, dtype=np.float32)


def _torch() -> Any:
    try:
        import torch  # an extra, and slow to import
    except (ImportError, OSError) as error:  # OSError: it is installed, but a library of its own does not load
        raise LoopError(
            Code.ARGUMENTS, f"device gpu needs PyTorch: install the extra `gpu`, or take device cpu ({error})"
        ) from error
    return torch
