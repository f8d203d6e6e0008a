"""Training in several processes: each takes its share of a batch's users, and their gradients are added.

Every process has all items, draws the same random numbers and takes the same steps, so that together they
make the model that one process makes, up to rounding. The first one alone writes files and speaks.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from gnn.model import Examples
from gnn.softmax import Rows
from kg import console

T = TypeVar("T")

_PATIENCE = timedelta(hours=6)  # while the first process judges alone


@contextmanager
def processes() -> Iterator[None]:
    """Meet the other processes of a torchrun; without one this does nothing."""
    if not dist.is_torchelastic_launched():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # Where there are GPUs torch takes NCCL for their tensors; gloo for all else.
    dist.init_process_group(timeout=_PATIENCE)
    console.out.quiet = console.err.quiet = not is_first()
    try:
        yield
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process writes and speaks: the only one, or number 0."""
    return not dist.is_initialized() or dist.get_rank() == 0


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, in every process; they all wait for each other."""
    if not dist.is_initialized():
        return make()
    dist.barrier()
    made: list[Any] = [make() if is_first() else None]
    dist.broadcast_object_list(made, src=0)
    first: T = made[0]
    return first


def share(examples: Examples) -> Examples:
    """The users of a batch that fall to this process; there may be none."""
    if not dist.is_initialized():
        return examples
    rank, n_processes = dist.get_rank(), dist.get_world_size()
    first, last = (examples.n_users * n // n_processes for n in (rank, rank + 1))
    context, target = (Rows(*rows).of(first, last) for rows in (examples.context, examples.target))
    return Examples(context, target, last - first)


def add_up(*tensors: Tensor | None) -> None:
    """Put the sum over all processes into each tensor."""
    if dist.is_initialized():
        for tensor in tensors:
            if tensor is not None:
                dist.all_reduce(tensor)
