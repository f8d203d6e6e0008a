"""Typed item–item links: which items go together (COMPLEMENTS), which can replace each other (SUBSTITUTES).

    P(complement) = P(linked) · P(complement | linked)        the same for substitute

Two gradient-boosted models over the features of a pair. Both learn from pairs that were hidden from those
features: a part of the shop's links is taken away whole (both kinds, both directions), and has to be found
again among all candidates.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from gnn.links.evidence import Evidence, Links, evidence, folds, hide, linked
from gnn.links.features import Block, Facts, Floats, blocks, facts
from gnn.links.rules import by_rules
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

KINDS = ("COMPLEMENTS", "SUBSTITUTES")
_CLASSES = 3  # of a linked pair: complement evidence alone, substitute evidence alone, both
_CALIBRATION_FOLDS = 3
_LEAST = 0.05  # scores below are not kept: nobody writes or reads them
_LEAST_PAIRS = 20  # hidden pairs of each kind, below which nothing is learned


class LinkConfig(BaseModel):
    """Each default is meant for any shop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden_share: float = Field(0.1, gt=0, lt=0.5, description="Share of the links to learn from.")
    missing_share: float = Field(
        0.1, gt=0, lt=0.5, description="Share of the true links that the shop is assumed not to know yet."
    )
    negatives: float = Field(0.25, gt=0, le=1, description="Share of the unlinked candidates to learn from.")
    rounds: int = Field(100, ge=1, description="Trees of each model.")
    leaves: int = Field(15, ge=2, description="Leaves of each tree.")
    folds: int = Field(4, ge=2, description="Parts in which the shop's own links are judged.")
    seed: int = Field(0, description="Of what is hidden and of the sample.")


class Chances(NamedTuple):
    """For some pairs: P(linked), and for a linked pair the probability of each class, see `_CLASSES`."""

    linked: npt.NDArray[np.float64]  # [pairs]
    classes: npt.NDArray[np.float64]  # [pairs, 3], rows sum to 1

    @property
    def evidence(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """P(there is complement evidence), P(there is substitute evidence); a pair may have both."""
        return (
            self.linked * (self.classes[:, 0] + self.classes[:, 2]),
            self.linked * (self.classes[:, 1] + self.classes[:, 2]),
        )

    def kinds(self, known: Evidence) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """P(complement), P(substitute).

        What is viewed together can replace each other, also where it is bought together too; a shop that
        declares COMPLEMENTS means each of them.
        """
        both = self.evidence
        if known.complement is not None and known.complement.typed:
            return both
        return self.linked * self.classes[:, 0], both[1]


class LinkModel(NamedTuple):
    """The two fitted models, and what makes probabilities of the first one's scores."""

    link: HistGradientBoostingClassifier  # linked or not
    kind: CalibratedClassifierCV  # class of a linked pair
    found: LogisticRegression  # P(linked), of `_odds`
    found_for_missing: float  # links hidden to learn from, for each true link that is missing

    def chances(self, features: Floats) -> Chances:
        """Of each row of features."""
        classes = _every_class(self.kind.predict_proba(features), self.kind.classes_)
        odds = _odds(self.link.decision_function(features), classes)
        return Chances(corrected(self.found.predict_proba(odds)[:, 1], self.found_for_missing), classes)


class TypedLinks(NamedTuple):
    """Predicted links, a row each."""

    pairs: pd.DataFrame  # kind (of KINDS), source, target, score, known (whether the shop's data link it)
    calibrated: bool  # whether the score is a probability; by rules it is not
    origins: tuple[str, str]  # what complements and substitutes were learned from, in words


def fit(of: Facts, visible: Links, config: LinkConfig) -> LinkModel:
    """Learn to find a hidden share of the visible links again.

    Raises:
        ModelError: there are too few links of a kind.
    """
    rng = np.random.default_rng(config.seed)
    pairs = folds(visible, round(1 / config.hidden_share), config.seed) == 0
    shown, hidden = hide(visible, pairs)
    few = min(part.nnz for part in hidden)
    if few < _LEAST_PAIRS:
        raise ModelError(
            f"Typed links cannot be learned: a hidden {config.hidden_share:.0%} of the links holds "
            f"only {few} of one kind, and {_LEAST_PAIRS} are needed. Give more relations or events."
        )
    seen = linked(shown)
    features, labels, weights, groups = [], [], [], []
    for block in blocks(of, shown):
        label = classes_of(block, hidden)
        keep = (label >= 0) | (rng.random(len(label)) < config.negatives)
        keep &= ~holds(seen, block)
        features.append(block.features[keep])
        labels.append(label[keep])
        weights.append(np.where(label[keep] >= 0, 1.0, 1 / config.negatives))
        groups.append((block.source + block.target)[keep] % _CALIBRATION_FOLDS)
    x, y, weight, group = (np.concatenate(part) for part in (features, labels, weights, groups))
    return _fitted(config, x, y, weight, group)


def _fitted(
    config: LinkConfig,
    x: Floats,
    y: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    group: npt.NDArray[np.int64],
) -> LinkModel:
    """Boosted trees on all rows, calibrated by what trees that had not seen a group said of it.

    A pair and its reverse are in one group, as they were hidden together. That a pair is linked is judged by
    what its kind would be as well: where substitutes are found again more surely than complements,
    the same score means more for one of them.
    """
    positive = y >= 0
    trees, kinds = _trees(config, len(x)), _trees(config, int(positive.sum()))
    of_all, of_positive = _parts(group), _parts(group[positive])
    said = cross_val_predict(
        trees, x, positive, cv=of_all, params={"sample_weight": weight}, method="decision_function"
    )
    kind = CalibratedClassifierCV(kinds, method="temperature", cv=of_positive, ensemble=False)
    kind.fit(x[positive], y[positive])
    of_kind = kind.predict_proba(x)
    of_kind[positive] = cross_val_predict(
        kinds, x[positive], y[positive], cv=of_positive, method="predict_proba"
    )
    odds = _odds(said, _every_class(of_kind, kind.classes_))
    found = LogisticRegression(C=np.inf).fit(odds, positive, sample_weight=weight)
    missing = config.missing_share
    ratio = config.hidden_share * (1 - missing) / missing
    return LinkModel(trees.fit(x, positive, sample_weight=weight), kind, found, ratio)


def _odds(said: npt.NDArray[np.float64], classes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Log odds that a pair is linked, by the trees, and that it then is a complement alone, [pairs, 2]."""
    complement = np.clip(classes[:, 0], 1e-4, 1 - 1e-4)
    return np.column_stack([said, np.log(complement) - np.log1p(-complement)])


def _every_class(chances: npt.NDArray[np.float64], present: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """[pairs, 3], 0 where a class did not occur."""
    classes = np.zeros((len(chances), _CLASSES))
    classes[:, present] = chances
    return classes


def _parts(group: npt.NDArray[np.int64]) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows to learn from and rows to judge, for each group."""
    return [(np.flatnonzero(group != n), np.flatnonzero(group == n)) for n in range(_CALIBRATION_FOLDS)]


def _trees(config: LinkConfig, rows: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=config.rounds,
        max_leaf_nodes=config.leaves,
        min_samples_leaf=max(5, min(100, rows // 50)),
        early_stopping=False,
        random_state=config.seed,
    )


def corrected(found: npt.NDArray[np.float64], ratio: float) -> npt.NDArray[np.float64]:
    """P(linked), from P(among the links that were hidden to learn from).

    Missing links look like hidden ones but were learned as unlinked (Elkan and Noto, KDD 2008).
    Where the odds of a pair to be missing are u : f, it was hidden with p = ratio·u / (ratio·u + u + f), so
    u/f = p / (ratio - (1 + ratio)·p). The divisor is kept from 0: odds stay below about 20 : 1.

    >>> corrected(np.array([0.3]), 0.9).round(2)  # 0.3 / (0.9 - 1.9 · 0.3) = 0.91 to 1
    array([0.48])
    """
    odds = found / np.maximum(ratio - (1 + ratio) * found, ratio / 20)
    return np.asarray(odds / (1 + odds))


def predict(data: ShopData, config: LinkConfig) -> TypedLinks:
    """Score the pairs that the shop's data link, and the candidates for new links.

    A pair that is linked already is scored by a model that does not see the link: how sure its kind is. What
    the shop declared as COMPLEMENTS or SUBSTITUTES itself is not predicted.

    Raises:
        ModelError: the shop's data cannot show either kind.
    """
    known = evidence(data)
    if known.substitute is None and known.complement is not None:
        say("no views and no declared substitutes: links by rules, not learned; scores are not probabilities")
        return TypedLinks(by_rules(data), calibrated=False, origins=("rules", "rules"))
    links = known.links
    of = facts(data, known)
    model = fit(of, links, config)
    seen = linked(links)
    parts = []
    for block in blocks(of, links):
        chances = model.chances(block.features)
        new = ~holds(seen, block)
        for kind, score in zip(KINDS, chances.kinds(known), strict=True):
            parts.append(_rows(kind, block, score, new, known=False))
    fold = folds(links, config.folds, config.seed)
    for number in range(config.folds):
        shown, hidden = hide(links, fold == number)
        for block in blocks(of, shown, pairs=_any(hidden)):
            parts.extend(_judged(block, model.chances(block.features), hidden, known))
    pairs = pd.concat(parts, ignore_index=True)
    return TypedLinks(_mutual(pairs), True, _origins(known))


def _judged(block: Block, chances: Chances, hidden: Links, known: Evidence) -> list[pd.DataFrame]:
    """Pairs that the data link: P(kind | linked), of the kind that the data allow."""
    sure = Chances(np.ones_like(chances.linked), chances.classes)
    has = [holds(part, block) for part in hidden]
    complement, substitute = sure.kinds(known)
    roles = (known.complement, known.substitute)
    open_ = [role is not None and not role.typed for role in roles]
    return [
        _rows(KINDS[0], block, complement, has[0] & ~has[1] & open_[0], known=True),
        _rows(KINDS[1], block, substitute, has[1] & open_[1], known=True),
    ]


def classes_of(block: Block, hidden: Links) -> npt.NDArray[np.int64]:
    """Class of each pair among the hidden links, -1 where it is none."""
    bought, viewed = (holds(part, block) for part in hidden)
    return np.select([bought & viewed, viewed, bought], [2, 1, 0], -1)


def holds(matrix: sp.csr_matrix, block: Block) -> npt.NDArray[np.bool_]:
    """Whether the matrix has each pair of a block."""
    return np.asarray(matrix[block.source, block.target]).ravel() > 0


def _any(links: Links) -> sp.csr_matrix:
    either = (links[0] + links[1]).tocsr()
    either.data[:] = 1
    return either


def _rows(
    kind: str, block: Block, score: npt.NDArray[np.float64], keep: npt.NDArray[np.bool_], *, known: bool
) -> pd.DataFrame:
    keep = keep & (score >= _LEAST)
    return pd.DataFrame(
        {
            "kind": kind,
            "source": block.source[keep],
            "target": block.target[keep],
            "score": score[keep],
            "known": known,
        }
    )


def _mutual(pairs: pd.DataFrame) -> pd.DataFrame:
    """Substitution has no direction: both directions get the mean of what was said of either.

    Complements keep theirs: a case goes with a phone more than a phone with a case.
    """
    complements, substitutes = (pairs[pairs["kind"] == kind] for kind in KINDS)
    back = substitutes.rename(columns={"source": "target", "target": "source"})
    both = pd.concat([substitutes, back], ignore_index=True)
    mean = both.groupby(["kind", "source", "target"], as_index=False).agg({"score": "mean", "known": "max"})
    return pd.concat([complements, mean], ignore_index=True)[pairs.columns.tolist()]


def _origins(known: Evidence) -> tuple[str, str]:
    names = [role.origin if role is not None else "nothing" for role in (known.complement, known.substitute)]
    return names[0], names[1]
