"""From cases to choices that a model is fitted to: what was taken, the best others, and a few of the rest."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from api.learning.features import Seen
from api.learning.logit import Choices
from api.ranking.signals import Floats

_BEST: Final = 100  # of the items not taken, those that rank first now: they decide who is shown
_REST: Final = 200  # drawn from the others, which they stand for
_TAKEN: Final = 3  # choices of one case at most


def choices_of(cases: Iterable[Seen], present: Floats, seed: int = 0) -> Choices:
    """Choices of all cases; each case counts the same.

    Args:
        present: the weights that rank now, by which the best others are found.
    """
    rng = np.random.default_rng(seed)
    x, offset, weight = zip(*(row for seen in cases for row in _choices(seen, present, rng)), strict=True)
    width = 1 + _BEST + _REST
    return Choices(
        np.stack([np.pad(rows, ((0, width - len(rows)), (0, 0)), mode="edge") for rows in x]),
        np.stack([np.pad(row, (0, width - len(row)), constant_values=-np.inf) for row in offset]),
        np.array(weight) / np.sum(weight),
    )


def joined(parts: Sequence[Choices], cases: Sequence[int]) -> Choices:
    """Choices of so many cases each, put together; each case counts the same."""
    weights = [part.weight * n / sum(cases) for part, n in zip(parts, cases, strict=True)]
    x, offset = ([getattr(part, name) for part in parts] for name in ("x", "offset"))
    return Choices(np.concatenate(x), np.concatenate(offset), np.concatenate(weights))


def _choices(
    seen: Seen, present: Floats, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    scores = seen.features @ present.astype(np.float32)
    others = seen.allowed.copy()
    others[seen.taken] = False
    ranked = np.flatnonzero(others)
    ranked = ranked[np.argsort(-scores[ranked], kind="stable")]
    best, rest = ranked[:_BEST], ranked[_BEST:]
    drawn = rng.choice(rest, size=min(_REST, len(rest)), replace=False)
    stands_for = np.log(len(rest) / len(drawn)) if len(drawn) else 0.0
    offset = np.concatenate([np.zeros(1 + len(best)), np.full(len(drawn), stands_for)]).astype(np.float32)
    taken = rng.permutation(seen.taken)[:_TAKEN]
    for item in taken.tolist():
        numbers = np.concatenate([[item], best, drawn]).astype(np.int64)
        yield seen.features[numbers], offset, 1.0 / len(taken)
