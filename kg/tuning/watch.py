"""Ends a training once the validation loss rises or time is up, and keeps the best weights in memory."""

import math
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from kg.console import Advance
from kg.tuning.config import TuneConfig
from kg.tuning.pairs import Pair

SCALE = 20.0  # by which cosines are multiplied in the loss
_LOOKS = 10  # in a whole training
_MOST_LOOKED_AT = 200  # pairs of each kind


class Watch(TrainerCallback):
    """Looks at the validation loss now and then.

    Args:
        stop: by kind, the pairs whose loss counts; none: the last weights are kept.
        advance: told of each step.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        stop: Mapping[str, Sequence[Pair]],
        config: TuneConfig,
        advance: Advance,
    ) -> None:
        chance = random.Random(config.seed)
        self._pairs = [chance.sample(p, min(len(p), _MOST_LOOKED_AT)) for p in map(list, stop.values()) if p]
        self._model, self._config, self._advance = model, config, advance
        self._best: dict[str, Tensor] = {}
        self._started = time.monotonic()
        self.steps = 0
        self.kept = 0  # the step whose weights are kept
        self.curve: list[tuple[int, float]] = []  # step, validation loss
        self._look()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - as transformers calls it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        self.steps = state.global_step
        self._advance()
        if self.steps % math.ceil(state.max_steps / _LOOKS) == 0 or self.steps == state.max_steps:
            self._look()
        looks_since = sum(step > self.kept for step, _ in self.curve)
        if looks_since >= self._config.patience or self.seconds > 60 * self._config.max_minutes:
            control.should_training_stop = True
        return control

    def restore(self) -> None:
        """Put the best weights back; the last ones are looked at before."""
        if not self._pairs:
            self.kept = self.steps
            return
        if self.curve[-1][0] < self.steps:
            self._look()
        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                if name in self._best:
                    weight.copy_(self._best[name])

    def _look(self) -> None:
        if not self._pairs:
            return
        training = self._model.training
        self._model.eval()
        loss = float(np.mean([self._loss(pairs) for pairs in self._pairs]))
        self._model.train(training)
        if not self.curve or loss < min(before for _, before in self.curve):
            self.kept = self.steps
            self._best = {
                name: weight.detach().clone()
                for name, weight in self._model.named_parameters()
                if weight.requires_grad
            }
        self.curve.append((self.steps, round(loss, 5)))

    def _loss(self, pairs: Sequence[Pair]) -> float:
        """The training's loss with the pairs as one batch; a text that is right twice is wrong nowhere."""
        anchors, positives = (
            self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
            for texts in zip(*((pair.anchor, pair.positive) for pair in pairs), strict=True)
        )
        logits = SCALE * (anchors @ positives.T).astype(np.float64)
        texts = np.array([pair.positive for pair in pairs])
        logits[(texts[:, None] == texts[None, :]) & ~np.eye(len(pairs), dtype=bool)] = -np.inf
        return float((np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)).mean())
