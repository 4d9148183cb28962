"""Where the Tucker solvers compute: NumPy arrays on the processor, or PyTorch tensors on a GPU."""

from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import NDArray

from core.base.errors import Code, LoopError
from core.base.settings import Device


def upload(array: NDArray[np.float32], device: Device) -> Any:
    """The array where it is to be computed with.

    Raises:
        LoopError: ARGUMENTS for a GPU without PyTorch or a GPU that it can use.
    """
    if device == "cpu":
        return array
    try:
        import torch  # an extra, and slow to import
    except ImportError as error:
        raise LoopError(
            Code.ARGUMENTS, f"device gpu needs PyTorch: pip install 'loopcube[gpu]', or take device cpu ({error})"
        ) from error
    if not torch.cuda.is_available():
        raise LoopError(Code.ARGUMENTS, "device gpu needs a GPU that PyTorch can use and finds none; take device cpu")
    return torch.from_numpy(array).to("cuda")


def download(array: Any) -> NDArray[np.float32]:
    """The array of any library as a NumPy one, float32."""
    return np.asarray(array.cpu() if is_torch_array(array) else array, dtype=np.float32)
