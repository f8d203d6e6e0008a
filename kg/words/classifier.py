"""Softmax classifiers over text vectors: how they are fitted and how they are judged. No input or output."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Vectors = npt.NDArray[np.float32]
_TEMPERATURE = 0.05  # of the softmax over centroids: cosines of texts differ by hundredths
_PENALTY = 1.0  # inverse of it, as scikit-learn takes it; chosen on intents/electronic (docs/decisions.md)
_STEPS = 100
_SURE = 1e-6  # the least probability that the log loss sees


class Classifier(NamedTuple):
    """A softmax whose logits are linear in a text vector."""

    labels: list[str]
    weights: Vectors  # [labels, text dim]
    bias: Vectors  # [labels]

    def logits(self, vectors: Vectors) -> Vectors:
        """Of one vector [text dim] or of several [n, text dim]; [labels] or [n, labels]."""
        found: Vectors = vectors @ self.weights.T + self.bias
        return found


class Examples(NamedTuple):
    """Texts with what they stand for."""

    vectors: Vectors  # [n, text dim], unit length
    of: sp.csr_matrix  # [n, labels]: how much a text is of each label; where several judge, rows sum to 1

    def only(self, rows: npt.NDArray[np.bool_]) -> "Examples":
        return Examples(self.vectors[rows], self.of[np.flatnonzero(rows)])


def softmax(logits: Vectors) -> Vectors:
    """Probabilities over the last axis."""
    if not logits.size:
        return logits
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: Vectors = raised / raised.sum(axis=-1, keepdims=True)
    return found


def nearest_centroid(examples: Examples, labels: Sequence[str]) -> Classifier:
    """Cosine to the mean vector of each label's texts (Rocchio), by a softmax (Snell et al. 2017)."""
    sums = np.asarray(examples.of.T @ examples.vectors, dtype=np.float32)
    sizes = np.linalg.norm(sums, axis=1)
    there = np.flatnonzero(sizes > 0)
    means = sums[there] / sizes[there, None]
    return Classifier(
        [labels[n] for n in there.tolist()], means / _TEMPERATURE, np.zeros(len(there), np.float32)
    )


def softmax_regression(examples: Examples, labels: Sequence[str]) -> Classifier:
    """Multinomial logistic regression with an L2 penalty; a text counts as a part for each of its labels."""
    from sklearn.linear_model import LogisticRegression

    parts = examples.of.tocoo()
    model = LogisticRegression(C=_PENALTY, max_iter=_STEPS, tol=1e-3)
    model.fit(examples.vectors[parts.row], parts.col, sample_weight=parts.data)
    weights, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # of two classes the second alone has logits
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return Classifier(
        [labels[n] for n in model.classes_], weights.astype(np.float32), bias.astype(np.float32)
    )


def judged(classifier: Classifier, examples: Examples, labels: Sequence[str]) -> dict[str, float]:
    """How well a classifier tells what texts stand for.

    Args:
        labels: those of the columns of `examples.of`.

    Returns:
        accuracy: share of the texts whose likeliest label is one of theirs. top5: mean share of a text that
        the five likeliest labels have. log_loss: mean cross entropy in nats.
    """
    column = {label: n for n, label in enumerate(labels)}
    share = np.zeros(examples.of.shape, dtype=np.float32)
    share[:, [column[label] for label in classifier.labels]] = softmax(classifier.logits(examples.vectors))
    wanted = examples.of.toarray()
    best = np.argsort(-share, axis=1, kind="stable")[:, :5]
    got = np.take_along_axis(wanted, best, axis=1)
    return {
        "accuracy": float((got[:, 0] > 0).mean()),
        "top5": float(got.sum(axis=1).mean()),
        "log_loss": float(-(wanted * np.log(np.maximum(share, _SURE))).sum(axis=1).mean()),
    }
