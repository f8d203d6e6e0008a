"""Trains on the made-up shop into a folder; test_distributed.py runs it under torchrun."""

import sys
from pathlib import Path

import torch

from gnn.config import TrainConfig
from gnn.distributed import processes
from gnn.pipeline import train_and_save
from tests.gnn.fake import fake_shop

SMALL = TrainConfig(dim=16, max_epochs=2, text_k=3, bought_k=5, precision="float32")


def main(home: Path) -> None:
    """One model, by all processes of the torchrun together."""
    torch.set_num_threads(1)
    with processes():
        train_and_save(fake_shop(), home, SMALL, "random", ks=(5,))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
