"""Two processes make the model of one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gnn import distributed
from gnn.examples import Division, divide
from gnn.histories import histories
from gnn.store import load
from tests.gnn import train_fake
from tests.gnn.fake import fake_shop

PROJECT = Path(__file__).parents[2]


def test_two_processes_make_the_model_of_one(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "-m", "tests.gnn.train_fake", str(tmp_path / "two")],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    train_fake.main(tmp_path / "one")
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    assert one.tensors.keys() == two.tensors.keys()
    for name in ("id", "project", "relation", "target"):
        torch.testing.assert_close(two.tensors[name], one.tensors[name], rtol=1e-3, atol=2e-4, msg=name)
    # The length of a user's only shown item has no gradient but rounding, of which Adam makes whole steps:
    # its logarithm may go six steps of 0.0015 up in one run and down in the other.
    torch.testing.assert_close(two.tensors["context"], one.tensors["context"], rtol=0.0182, atol=2e-4)
    assert [line[1] for line in two.about.curve] == pytest.approx([line[1] for line in one.about.curve], 1e-3)
    assert two.about.epochs == one.about.epochs
    assert two.about.metrics["ease"] == one.about.metrics["ease"]
    # The second process writes nothing and says nothing.
    assert len(list((tmp_path / "two" / "models").iterdir())) == 1
    assert done.stderr.count("serving: again on all") == 1


def test_the_shares_of_a_batch_are_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    data = fake_shop()
    known = histories(data.interactions, len(data.users), len(data.items)).rows(np.arange(1, 8))
    whole = divide(known, Division(0.5), np.random.default_rng(0), torch.device("cpu"))
    assert distributed.share(whole) is whole
    monkeypatch.setattr(distributed.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed.dist, "get_world_size", lambda: 9)  # more than users
    first, seen = 0, []
    for rank in range(9):
        monkeypatch.setattr(distributed.dist, "get_rank", lambda rank=rank: rank)
        mine = distributed.share(whole)
        seen += [
            (user + first, item) for user, item in zip(*(r.tolist() for r in mine.target[:2]), strict=True)
        ]
        first += mine.n_users
    assert first == 7
    assert seen == list(zip(*(r.tolist() for r in whole.target[:2]), strict=True))
