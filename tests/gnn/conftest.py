"""One thread for torch: the made-up shop's tensors are tiny, and threads only wait for each other."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
