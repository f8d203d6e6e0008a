"""Paces a training: learning rate, looks at the validation loss, when it ends; keeps the best weights."""

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
from kg.tuning.pairs import Pair, drawn_for

SCALE = 20.0  # by which cosines are multiplied in the loss
_LOOKS = 10  # in a whole training
_WARM_UP = 0.1  # part of the training in which the learning rate rises
_MOST_LOOKED_AT = 200  # pairs of each kind


class Watch(TrainerCallback):
    """Looks at the validation loss ten times, and ends the training where it has risen or time is up.

    How far a training is goes by its steps or by its minutes, whichever is further: one that time will cut
    off has its small steps at the end all the same.

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
        self._pairs = [drawn_for(some, 1, _MOST_LOOKED_AT, chance) for some in stop.values() if some]
        self._model, self._config, self._advance = model, config, advance
        self._best: dict[str, Tensor] = {}
        self._started = time.monotonic()
        self._most_steps = math.inf
        self._looks = 0
        self.steps = 0
        self.kept = 0  # the step whose weights are kept
        self.curve: list[tuple[int, float]] = []  # step, validation loss
        self._look()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def done(self) -> float:
        """How far the training is, from 0 to 1."""
        return min(max(self.steps / self._most_steps, self.seconds / (60 * self._config.max_minutes)), 1.0)

    def rate(self, _: int) -> float:
        """Part of the learning rate that the next step takes: up to 1, then down to 0."""
        done = max(self.done, 0.01)
        return min(done / _WARM_UP, (1 - done) / (1 - _WARM_UP))

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002 - as transformers calls it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        self._most_steps = state.max_steps
        return control

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - as transformers calls it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        self.steps = state.global_step
        self._advance()
        if int(_LOOKS * self.done) > self._looks:
            self._looks = int(_LOOKS * self.done)
            self._look()
        looks_since = sum(step > self.kept for step, _ in self.curve)
        if looks_since >= self._config.patience or self.done == 1:
            control.should_training_stop = True
        return control

    def restore(self) -> None:
        """Put the best weights back."""
        if not self._pairs:
            self.kept = self.steps
            return
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
        ways = [[pair.anchor for pair in pairs], [pair.positive for pair in pairs]]
        if pairs[0].beside:
            ways.append([pair.beside for pair in pairs])
        anchors, positives, *beside = (
            self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False) for texts in ways
        )
        for others in beside:
            anchors = anchors + others
            anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
        logits = SCALE * (anchors @ positives.T).astype(np.float64)
        texts = np.array([pair.positive for pair in pairs])
        logits[(texts[:, None] == texts[None, :]) & ~np.eye(len(pairs), dtype=bool)] = -np.inf
        return float((np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)).mean())
