"""Outcomes of a benchmark as figures: means and spreads, slices, comparisons, learning curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gnn.evaluation.benchmark import Results
from gnn.evaluation.evaluate import PerUser, Table, catalogue, means, per_user
from gnn.evaluation.job import Outcome
from gnn.evaluation.judgements import MAIN, REPEATS, pairs, test_judgements
from gnn.evaluation.rivals import FREQUENCY
from gnn.evaluation.significance import paired_bootstrap
from gnn.evaluation.slices import figures, slices
from gnn.split import Split
from kg.dataset import ShopData

OURS = "gnn"


class Report:
    """The figures of a benchmark on the test part of `parts`."""

    def __init__(self, data: ShopData, parts: Split, results: Results, ks: Sequence[int]) -> None:
        self.data, self.parts, self.ks = data, parts, sorted(ks)
        self.asked = test_judgements(data, parts)
        self.outcomes = {name: of for name, of in results.outcomes.items() if name != FREQUENCY}
        self.again = {name: of for name, of in results.outcomes.items() if REPEATS in of[0].rankings}
        self.left_out = results.left_out

    def as_json(self) -> dict[str, Any]:
        """All of it; metrics are fractions."""
        whole = {
            "models": self.models(),
            "slices": self.slices(),
            "comparisons": self.comparisons(),
            "curves": {
                name: [o.curve for o in of] for name, of in self.outcomes.items() if any(o.curve for o in of)
            },
        }
        return whole | ({"repeats": self.repeats()} if self.again else {}) | {"left_out": self.left_out}

    def models(self) -> dict[str, dict[str, Any]]:
        """model -> {metric@k: {mean, std} over seeds, fit_seconds, peak_mb, epochs of each seed}."""
        trained_on = pairs(self.data, self.parts.fitting)
        popular, n_users = np.asarray(trained_on.sum(axis=0)).ravel(), self.parts.fitting["user"].nunique()

        def table(outcome: Outcome) -> Table:
            ranking = outcome.rankings[MAIN]
            whole = catalogue(ranking, self.ks, len(popular), popular, n_users)
            return means(self._per_user(outcome)) | whole

        return {
            name: _spread([table(outcome) for outcome in of])
            | {
                "fit_seconds": float(np.mean([o.fit_seconds for o in of])),
                "peak_mb": float(np.max([o.peak_mb for o in of])),
                "epochs": [o.epochs for o in of],
            }
            for name, of in self.outcomes.items()
        }

    def slices(self) -> dict[str, dict[str, Any]]:
        """model -> slice -> users, targets, recall@k and ndcg@k, means over seeds."""
        parts = slices(self.data, self.parts, self.asked)
        return {
            name: {
                one.name: _mean([figures(one, self.asked, o.rankings, self.ks) for o in of]) for one in parts
            }
            for name, of in self.outcomes.items()
        }

    def repeats(self) -> dict[str, Any]:
        """model -> metric@k -> {mean, std} of what users bought again, ranked within their own history."""
        targets = self.asked[REPEATS].targets
        tables = {
            name: _spread([means(per_user(o.rankings[REPEATS], targets, self.ks)) for o in of])
            for name, of in self.again.items()
        }
        return {"users": int(targets.shape[0]), "targets": int(targets.nnz), "models": tables}

    def comparisons(self) -> list[dict[str, Any]]:
        """The gnn (or the first of its variants) less each other model: see gnn.evaluation.significance."""
        ours = next((name for name in self.outcomes if name.partition(":")[0] == OURS), None)
        others = [name for name in self.outcomes if name != ours]
        if ours is None or not others:
            return []
        metrics = [
            f"{m}@{k}" for k in sorted({max(self.ks), *({10} & set(self.ks))}) for m in ("recall", "ndcg")
        ]
        values = {name: self._mean_per_user(of) for name, of in self.outcomes.items()}
        which = [(other, metric) for other in others for metric in metrics]
        found = paired_bootstrap(np.stack([values[ours][m] - values[other][m] for other, m in which], axis=1))
        return [
            {"model": ours, "against": other, "metric": metric, **one._asdict()}
            for (other, metric), one in zip(which, found, strict=True)
        ]

    def by_user(self) -> pd.DataFrame:
        """A row a model, seed and user, with the metrics of that user."""
        judged, users = self.asked[MAIN], self._user_ids()
        sizes = {
            "history": np.diff(judged.asked.history.indptr), "targets": np.diff(judged.targets.indptr)
        }  # fmt: skip
        frames = [
            pd.DataFrame({"model": name, "run": n, "user": users, **sizes, **self._per_user(outcome)})
            for name, of in self.outcomes.items()
            for n, outcome in enumerate(of)
        ]
        return pd.concat(frames, ignore_index=True)

    def _user_ids(self) -> np.ndarray:
        known = self.asked[MAIN].asked.users
        given, test = self.parts.given, self.parts.test
        if given is None or test is None:
            return self.data.users[known]
        # All strangers of the split with targets, in the order of their numbers: as judgement() keeps them.
        ids = self.data.users[known].astype(object)
        strangers = np.intersect1d(given["user"], test["user"])
        ids[known < 0] = self.data.users[strangers]
        return ids

    def _per_user(self, outcome: Outcome) -> PerUser:
        return per_user(outcome.rankings[MAIN], self.asked[MAIN].targets, self.ks)

    def _mean_per_user(self, outcomes: Sequence[Outcome]) -> PerUser:
        runs = [self._per_user(outcome) for outcome in outcomes]
        return {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}


def _spread(tables: Sequence[Table]) -> dict[str, Any]:
    return {
        metric: {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=len(values) > 1))}
        for metric in tables[0]
        for values in [[table[metric] for table in tables]]
    }


def _mean(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = {name: value for name, value in tables[0].items() if isinstance(value, int)}
    rest = {name: float(np.mean([t[name] for t in tables])) for name in tables[0] if name not in counts}
    return counts | rest
