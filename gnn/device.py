"""Where training runs, and how arrays get there."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def training_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def moved(array: npt.NDArray[np.generic], device: torch.device, dtype: Any) -> Tensor:
    """The array on the device, as NumPy type `dtype`; to a GPU through pinned memory, without waiting."""
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=dtype))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
