"""The score of every item, and its exact split into parts. Pure arrays, no input or output.

    score(j) = gnn    * u·t_j / temperature        u = sum_i w_i c_i, |u| = 1, over past and present items
             + gnn    * linear * sum_i v_i B_ij / temperature        B the weights of the LEADS_TO edges
             + category * sum_i v_i sum_c 1 / log(1 + |c|)           c the categories that both lie in
             + cold   * sum_i v_i alike(i, j) / temperature          over the items that have no vector
             + alike  * mean_a alike(a, j) / temperature             a over the items looked at
             + words  * (cos(q', x_j) / temperature + lexical * BM25(q, j) / max BM25 + named * m_j)
             + edges from the items looked at + popularity + trend + novelty + discount + season
             + intents * closeness * weight of the item, over the needs that the words come close to
             + what rules add

alike(i, j) = (1 - l) cos(x_i, x_j) + l BM25(i, j) / BM25(i, i): what two texts mean, and the words that they
share. m_j is 1 where the words are the name of a category that j lies in, else 0
(`api.words.named.categories`).

Every term is a sum over past items, items looked at, or a single cause, so a part of the score is a fact
about the ranking and not a story told afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from api.ranking.alike import likeness, shared
from api.ranking.coefficients import (
    amounts_of,
    coefficients,
    cold_coefficients,
    edge_values,
    linear_coefficients,
)
from api.ranking.counterfactual import losses
from api.ranking.screen import Term, best
from api.ranking.signals import Floats, Need, Numbers, Part, Seed, Signals
from api.ranking.weights import STANDING, KindWeights, RankingWeights
from api.schemas.answers import PartType
from api.state.columns import Bools
from api.state.snapshot import Snapshot, Vectors

_FEEDBACK = 5  # items that the words are taken to mean


class Scorer:
    """The scores of one request: the best ones at once, all when they are asked for, and their parts."""

    def __init__(
        self, snapshot: Snapshot, signals: Signals, kind: KindWeights, weights: RankingWeights
    ) -> None:
        self._snapshot = snapshot
        self._signals = signals
        self._kind = kind
        self._weights = weights

    @cached_property
    def all(self) -> Vectors:
        """The score of every item, float32 [n]."""
        scores = self._beside.copy()
        for term in self._terms:
            scores += term.codes.rows @ term.direction
        return scores

    def sample(self, most: int) -> Vectors:
        """The scores of items at even distances, `most` at most, float32."""
        every = -(-len(self._snapshot.ids) // most)
        scores = self._beside[::every].copy()
        for term in self._terms:
            scores += term.codes.rows[::every] @ term.direction
        return scores

    def ranked(self, allowed: Bools, first: int) -> Iterator[tuple[Numbers, Vectors]]:
        """Allowed items and scores, best first, in batches: about `first` of them, then, should these not do,
        all the rest. Equal scores keep the order of the items' numbers.
        """
        items, scores = best(self._terms, self._beside, allowed, first)
        yield items, scores
        rest = allowed.copy()
        rest[items] = False
        others = np.flatnonzero(rest)
        if not others.size:
            return  # all scores cost many times what the best do
        order = others[np.argsort(-self.all[others], kind="stable")]
        yield order, self.all[order]

    def split(self, items: Numbers) -> list[Part]:
        """The parts of the scores of `items`, in float64; their sum is the score."""
        snapshot, kind, seeds = self._snapshot, self._kind, self._signals.seeds
        target = snapshot.target[items].astype(np.float64)
        text = snapshot.text[items].astype(np.float64)
        parts: list[Part] = []
        rows, v = self._linear
        if (kind.gnn and (self._user.any() or v.any())) or (kind.category and seeds):
            values = (self._user[:, None] * kind.gnn / snapshot.temperature) * (self._contexts @ target.T)
            edges = v[:, None] * _columns(rows, items)
            if kind.category:
                own, amounts = self._own_categories
                edges += amounts[:, None] * (own @ snapshot.kinship[items].T.astype(np.float64)).toarray()
            lost = losses(snapshot, seeds, self._contexts, edges, kind, items)
            parts += [
                Part(s.type, s, value, without)
                for s, value, without in zip(seeds, values + edges, lost, strict=True)
            ]
        cold = np.flatnonzero(self._cold).tolist()
        for n, alike in zip(cold, self._likeness([seeds[n] for n in cold], items), strict=True):
            parts.append(Part(seeds[n].type, seeds[n], self._cold[n] * alike))
        if kind.alike_gnn or kind.alike_text:
            anchors = self._signals.anchors
            for anchor, alike in zip(anchors, self._likeness(anchors, items), strict=True):
                gnn = target @ anchor.direction.astype(np.float64) * (kind.alike_gnn / snapshot.temperature)
                parts.append(Part(anchor.type, anchor, gnn / len(anchors) + self._alike_scale * alike))
        if self._signals.words is not None and kind.words:
            values = text @ self._meant.astype(np.float64) * self._words_scale
            values += kind.words * self._written[items].astype(np.float64)
            parts.append(Part("words", None, values))
        edges_found = self._signals.edges
        for edge, value in zip(edges_found, edge_values(edges_found, kind), strict=True):
            if (here := items == edge.number).any():
                parts.append(Part("edge", edge, here * value))
        parts += [
            Part(name, None, weight * snapshot.standing[name][items]) for name, weight in self._standing
        ]
        if kind.intents:
            parts += [_satisfied(need, kind, items, len(snapshot.ids)) for need in self._signals.needs]
        boosts = self._signals.boosts
        parts += [Part("rule", b, np.where(np.isin(items, b.numbers), b.value, 0.0)) for b in boosts]
        return parts

    @cached_property
    def _terms(self) -> list[Term]:
        """The products with items' vectors."""
        snapshot, kind, signals = self._snapshot, self._kind, self._signals
        terms = []
        goal = np.zeros(snapshot.target.shape[1])
        if kind.gnn and self._user.any():
            goal += (self._user @ self._contexts) * kind.gnn
        if kind.alike_gnn and signals.anchors:
            goal += np.mean([s.direction for s in signals.anchors], axis=0) * kind.alike_gnn
        if goal.any():
            terms.append(Term(snapshot.target_codes, (goal / snapshot.temperature).astype(np.float32)))
        text = self._text_direction()
        if text is not None:
            terms.append(Term(snapshot.text_codes, text))
        return terms

    @cached_property
    def _beside(self) -> Vectors:
        """All that is no such product, float32 [n]."""
        snapshot, kind, signals = self._snapshot, self._kind, self._signals
        scores = np.zeros(len(snapshot.ids), dtype=np.float32)
        rows, v = self._linear
        if v.any():
            scores += v.astype(np.float32) @ rows
        if self._shared:
            scores += snapshot.lexicon.common(self._shared)
        if kind.category and signals.seeds:
            own, amounts = self._own_categories
            scores += snapshot.kinship @ (own.T @ amounts).astype(np.float32)
        if signals.words is not None and kind.words:
            scores += np.float32(kind.words) * self._written
        for edge, value in zip(signals.edges, edge_values(signals.edges, kind), strict=True):
            scores[edge.number] += value
        for name, weight in self._standing:
            scores += (weight * snapshot.standing[name]).astype(np.float32)
        for need in signals.needs:
            scores[need.numbers] += (kind.intents * need.closeness * need.weights).astype(np.float32)
        for boost in signals.boosts:
            scores[boost.numbers] += np.float32(boost.value)
        return scores

    @property
    def _standing(self) -> Iterator[tuple[PartType, float]]:
        """What speaks for items whoever asks, and how much it counts."""
        return ((name, weight) for name in STANDING if (weight := getattr(self._kind, name)))

    @cached_property
    def _contexts(self) -> Floats:
        """Those of the seeds, float64 [len(seeds), dim]."""
        found = np.zeros((len(self._signals.seeds), self._snapshot.context.shape[1]))
        for row, seed in zip(found, self._signals.seeds, strict=True):
            row[:] = seed.context
        return found

    @cached_property
    def _user(self) -> Floats:
        return coefficients(self._signals.seeds, self._contexts, self._kind)

    @cached_property
    def _cold(self) -> Floats:
        """What the texts of the seeds without a vector are multiplied by, float64 [len(seeds)]."""
        if not self._kind.cold_text:
            return np.zeros(len(self._signals.seeds))
        scale = self._kind.cold_text / self._weights.alike_temperature
        return cold_coefficients(self._signals.seeds, self._contexts, self._kind) * scale

    @property
    def _alike_scale(self) -> float:
        """What the likeness of an item to one of those looked at is multiplied by."""
        return self._kind.alike_text / self._weights.alike_temperature / max(len(self._signals.anchors), 1)

    @cached_property
    def _shared(self) -> Mapping[int, float]:
        """By item number, what the words that others share with it are multiplied by."""
        anchors, share = self._signals.anchors, self._weights.alike_lexical
        cold = zip(self._signals.seeds, share * self._cold, strict=True)
        return shared(self._snapshot, (*cold, *((anchor, share * self._alike_scale) for anchor in anchors)))

    def _likeness(self, seeds: Sequence[Seed], items: Numbers) -> Floats:
        return likeness(self._snapshot, seeds, items, self._weights.alike_lexical)

    @cached_property
    def _known(self) -> tuple[list[int], Floats]:
        """The numbers of the seeds, and 1 for each; 0 and 0 for one that came after the snapshot."""
        number, seeds = self._snapshot.number, self._signals.seeds
        known = np.array([s.item_id in number for s in seeds], dtype=np.float64)
        return [number.get(s.item_id, 0) for s in seeds], known

    @cached_property
    def _linear(self) -> tuple[sp.csr_matrix, Floats]:
        """The LEADS_TO weights of the seeds, CSR [len(seeds), n], and what they are multiplied by."""
        numbers, known = self._known
        v = known * linear_coefficients(self._snapshot, self._signals.seeds, self._kind)
        return self._snapshot.linear[numbers], v

    @cached_property
    def _own_categories(self) -> tuple[sp.csr_matrix, Floats]:
        """The categories of the seeds, CSR [len(seeds), n_categories], and what they are multiplied by."""
        numbers, known = self._known
        amounts = self._kind.category * known * amounts_of(self._signals.seeds, self._kind)
        return self._snapshot.kinship[numbers], amounts

    @cached_property
    def _written(self) -> Vectors:
        assert self._signals.words is not None
        return self._signals.words.written(self._weights)

    @property
    def _words_scale(self) -> float:
        return self._kind.words / self._weights.words_temperature

    @cached_property
    def _meant(self) -> Vectors:
        """The words' vector, and beside it what the items that match them best have in common.

        Pseudo-relevance feedback (Rocchio 1971).
        """
        said, weights = self._signals.words, self._weights
        assert said is not None
        if not self._kind.feedback:
            return said.vector
        scores = said.near + np.float32(weights.words_temperature) * self._written
        best = np.argpartition(-scores, min(_FEEDBACK, len(scores)) - 1)[:_FEEDBACK]
        common = self._snapshot.text[best].mean(axis=0)
        common *= self._kind.feedback / max(float(np.linalg.norm(common)), 1e-9)
        return np.asarray(said.vector + common, dtype=np.float32)

    def _text_direction(self) -> Vectors | None:
        kind, signals = self._kind, self._signals
        parts = []
        if signals.words is not None and kind.words:
            parts.append(self._meant * self._words_scale)
        meant = 1 - self._weights.alike_lexical
        if signals.anchors and kind.alike_text:
            parts.append(np.sum([s.text for s in signals.anchors], axis=0) * self._alike_scale * meant)
        if self._cold.any():
            parts.append(self._cold @ np.stack([s.text for s in signals.seeds]) * meant)
        return np.sum(parts, axis=0).astype(np.float32) if parts else None


def _columns(rows: sp.csr_matrix, items: Numbers) -> Floats:
    """Some columns of a matrix with few numbers in each row: float64 [n_rows, len(items)]."""
    # SciPy does the same for any matrix, in many times as long.
    place = np.full(rows.shape[1], -1)
    place[items] = np.arange(len(items))
    at = place[rows.indices]
    there = at >= 0
    found = np.zeros((rows.shape[0], len(items)))
    found[np.repeat(np.arange(len(found)), np.diff(rows.indptr))[there], at[there]] = rows.data[there]
    return found


def _satisfied(need: Need, kind: KindWeights, items: Numbers, n: int) -> Part:
    values = np.zeros(n)
    values[need.numbers] = kind.intents * need.closeness * need.weights
    return Part("intent", need, values[items])
