"""Monotone boosted trees on the same choices: what a ranking that does not split into reasons would gain."""

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np

from api.learning.judge import Scorer
from api.learning.logit import Choices
from api.state.snapshot import Vectors
from kg.errors import SettingsError


def trees(choices: Choices, seed: int = 0) -> Mapping[str, Scorer]:
    """Gradient-boosted trees that no feature can speak against an item in.

    Raises:
        SettingsError: scikit-learn is not installed.
    """
    if not find_spec("sklearn"):
        raise SettingsError("--trees needs scikit-learn: pip install 'shopgraph[train]'")
    from sklearn.ensemble import HistGradientBoostingClassifier

    n, candidates, features = choices.x.shape
    taken = np.zeros((n, candidates))
    taken[:, 0] = 1
    there = np.isfinite(choices.offset)
    model = HistGradientBoostingClassifier(
        monotonic_cst=[1] * features, max_iter=150, learning_rate=0.06, max_leaf_nodes=15, random_state=seed
    )
    weight = n * choices.weight[:, None] * np.exp(choices.offset)  # a candidate counts for all it stands for
    model.fit(choices.x[there], taken[there], sample_weight=weight[there])

    def score(x: Vectors) -> Vectors:
        return np.asarray(model.predict_proba(x)[:, 1], dtype=np.float64)

    return {"trees": score}
