"""The device of the Tucker solvers: NumPy arrays on the processor, or PyTorch tensors on a GPU."""

from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import NDArray

from core.base.errors import Code, LoopError
from core.base.settings import Device


def check_device(device: Device) -> None:
    """Check, before the long work starts, that the device can be used.

    Raises:
        LoopError: ARGUMENTS for device gpu when PyTorch is missing or finds no GPU.
    """
    if device == "gpu" and not _torch().cuda.is_available():
        raise LoopError(Code.ARGUMENTS, "device gpu needs a GPU that PyTorch can use and finds none; use device cpu")


def upload(array: NDArray[np.float32], device: Device) -> Any:
    """The array on the device.

    Raises:
        LoopError: as `check_device`.
    """
    check_device(device)
    return _torch().from_numpy(array).to("cuda") if device == "gpu" else array


def download(array: Any) -> NDArray[np.float32]:
    """An array of any library as a NumPy array, float32."""
    return np.asarray(array.cpu() if is_torch_array(array) else array, dtype=np.float32)


def _torch() -> Any:
    try:
        import torch  # an optional dependency, and slow to import
    except (ImportError, OSError) as error:  # OSError: PyTorch is installed, but one of its libraries does not load
        raise LoopError(
            Code.ARGUMENTS,
            f"device gpu needs PyTorch: install the extra `gpu` (uv sync --extra gpu), or use device cpu ({error})",
        ) from error
    return torch
