"""What a split asks of the models: on validation, on test, among new items alone, of repeat purchases."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from gnn.evaluation.evaluate import Judgement, judgement
from gnn.histories import Histories, histories
from gnn.split import Split
from kg.dataset import ShopData
from kg.errors import ModelError

MAIN, AMONG_NEW, REPEATS = "main", "among new items", "repeats"


def pairs(data: ShopData, rows: pd.DataFrame) -> sp.csr_matrix:
    """1 at each pair of user and item, CSR [n_users, n_items]."""
    known = _known(data, rows).weight
    known.data[:] = 1
    return known


def valid_judgement(data: ShopData, parts: Split) -> Judgement:
    """Raises ModelError where nobody can judge."""
    return _with_users(judgement(_known(data, parts.train), pairs(data, parts.valid)), parts, "validation")


def test_judgement(data: ShopData, parts: Split) -> Judgement:
    """Raises ModelError where the split was made without its test part, or nobody can judge."""
    if parts.test is None:
        raise ModelError(f"Split {parts.name!r} was made without its test part: ask with with_test=True.")
    known, strangers = parts.fitting, None
    if parts.given is not None:
        known, strangers = pd.concat([known, parts.given]), parts.given["user"].unique()
    return _with_users(judgement(_known(data, known), pairs(data, parts.test), strangers), parts, "test")


def new_items(data: ShopData, parts: Split) -> npt.NDArray[np.int64]:
    """The items that nobody has in train and valid."""
    return np.setdiff1d(np.arange(len(data.items)), parts.fitting["item"].unique())


def test_judgements(data: ShopData, parts: Split) -> dict[str, Judgement]:
    """All that is asked on the test part.

    Returns:
        MAIN: pairs that are new to the user, all items ranked. AMONG_NEW, where targets are such items: those
        that nobody has in train and valid, ranked among themselves. REPEATS, for a split by time: what the
        user bought again, the user's own history ranked.
    """
    main = test_judgement(data, parts)
    asked = {MAIN: main}
    new = new_items(data, parts)
    among = only_items(main, new)
    if among.targets.nnz:
        asked[AMONG_NEW] = among._replace(candidates=new)
    if parts.repeats is not None and len(parts.repeats):
        again = judgement(_known(data, parts.fitting), pairs(data, parts.repeats))
        asked[REPEATS] = again._replace(own=True)
    return asked


def only_items(judged: Judgement, items: npt.NDArray[np.int64]) -> Judgement:
    """The same with some items as targets; users without such a target are left out."""
    rows, targets = item_targets(judged.targets, items)
    return judged.rows(rows)._replace(targets=targets)


def item_targets(
    targets: sp.csr_matrix, items: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], sp.csr_matrix]:
    """The rows that have some of `items` as targets, and what they have of them."""
    wanted = np.zeros(targets.shape[1], dtype=np.float32)
    wanted[items] = 1
    some = (targets @ sp.diags_array(wanted)).tocsr()
    some.eliminate_zeros()
    rows = np.flatnonzero(np.diff(some.indptr))
    return rows, some[rows]


def _with_users(judged: Judgement, parts: Split, part: str) -> Judgement:
    if not len(judged.asked.users):
        raise ModelError(
            f"Split {parts.name!r}: no user has both a history and something new in the {part} part."
        )
    return judged


def _known(data: ShopData, rows: pd.DataFrame) -> Histories:
    return histories(rows, len(data.users), len(data.items))
