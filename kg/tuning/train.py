"""Contrastive training: each anchor is to tell its text from the others of its batch."""

import random
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import torch
from peft import LoraConfig, TaskType, get_peft_model
from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as LORA_TARGETS
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import BatchSamplers, MultiDatasetBatchSamplers
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from transformers import PrinterCallback, ProgressCallback
from transformers.utils import logging

from kg.console import progress, say
from kg.precision import fast_bfloat16
from kg.tuning.config import TuneConfig
from kg.tuning.pairs import Pair, drawn_for
from kg.tuning.watch import SCALE, Watch

_IN_MEMORY = 64  # pairs whose activations are kept at once
Pairs = Mapping[str, Sequence[Pair]]  # by kind


class Trained(NamedTuple):
    """How a training went."""

    device: str
    weights: int  # numbers that were trained
    steps: int
    kept: int  # the step whose weights were kept, that of the least validation loss; 0: those of the start
    epochs: float  # how often each pair was seen until then
    pairs: int  # seen, over all epochs
    seconds: float  # looking at the validation loss included
    curve: list[tuple[int, float]]  # step, validation loss


def train(
    model: SentenceTransformer,
    pairs: Pairs,
    stop: Pairs,
    config: TuneConfig,
    scratch: Path,
    epochs: float | None = None,
) -> Trained:
    """Train `model` in place; LoRA's additions are merged into its weights at the end.

    Args:
        pairs: each kind takes part in proportion to its number.
        stop: those whose loss says when to stop; none: it ends after all epochs.
        scratch: a folder for what the trainer writes.
        epochs: how often each pair is seen; None: as the configuration says.
    """
    logging.set_verbosity_error()
    datasets.disable_progress_bars()
    torch.manual_seed(config.seed)
    model.float()
    length = model.max_seq_length
    model.max_seq_length = min(config.tokens, length or config.tokens)
    model.model_card_data.widget = [{}]  # no card is written, so no examples for it are looked for
    transformer: Any = model[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told to the authors of libraries, not to ours
        if not config.full:
            transformer.model = _with_lora(transformer.model, config)
        trained = _run(model, pairs, stop, config, scratch, epochs or config.epochs)
        if not config.full:
            transformer.model = transformer.model.merge_and_unload()
    model.max_seq_length = length
    model.eval()
    return trained


def _run(
    model: SentenceTransformer, pairs: Pairs, stop: Pairs, config: TuneConfig, scratch: Path, epochs: float
) -> Trained:
    chance = random.Random(config.seed)
    drawn = {name: drawn_for(some, epochs, config.most_pairs, chance) for name, some in pairs.items()}
    n_pairs = sum(len(some) for some in drawn.values())
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    say(f"training {weights:,} numbers on up to {n_pairs:,} pairs, on {model.device.type}")
    with progress("fine-tune, steps", None) as advance:
        watch = Watch(model, stop, config, advance)
        optimizer = torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad], config.learning_rate, weight_decay=0.0
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(model.device.type, config, scratch),
            train_dataset=datasets.DatasetDict({name: _table(some) for name, some in drawn.items()}),
            loss={name: _loss(model, some, config) for name, some in drawn.items()},
            callbacks=[watch],
            optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, watch.rate)),
        )
        for printing in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(printing)
        trainer.train()
        watch.restore()
    planned = max(trainer.state.max_steps, 1)
    seen = round(n_pairs * watch.steps / planned)
    epochs *= watch.kept / planned
    seconds = round(watch.seconds, 1)
    return Trained(model.device.type, weights, watch.steps, watch.kept, epochs, seen, seconds, watch.curve)


def _with_lora(plain: Any, config: TuneConfig) -> Any:
    lora = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=config.rank,
        lora_alpha=2 * config.rank,
        lora_dropout=0.05,
        # Queries and values, as they are called in this architecture: a step takes two thirds of the time.
        target_modules=list(LORA_TARGETS.get(plain.config.model_type, ())) or "all-linear",
    )
    return get_peft_model(plain, lora)


def _table(pairs: Sequence[Pair]) -> datasets.Dataset:
    """Columns for each anchor, and one for the text that is to be found."""
    columns = zip(*((*pair.anchors, pair.positive) for pair in pairs), strict=True)
    return datasets.Dataset.from_dict({f"text {n}": list(column) for n, column in enumerate(columns)})


def _loss(model: SentenceTransformer, pairs: Sequence[Pair], config: TuneConfig) -> torch.nn.Module:
    if pairs[0].beside:
        return NeedLoss(model)
    if config.batch <= _IN_MEMORY:
        return MultipleNegativesRankingLoss(model, scale=SCALE)
    return CachedMultipleNegativesRankingLoss(model, scale=SCALE, mini_batch_size=_IN_MEMORY)


class NeedLoss(torch.nn.Module):
    """Words, an item looked at, and the sum of both: each is to tell the text from the others of the batch.

    Three times the loss of sentence-transformers' MultipleNegativesRankingLoss (Henderson et al. 2017), each
    text encoded once. The last of the three is how the API ranks where words and an item are given.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, texts: Sequence[dict[str, Tensor]], labels: Tensor) -> Tensor:  # noqa: ARG002 - none
        words, item, right = (
            normalize(self.model(some)["sentence_embedding"].float(), dim=1) for some in texts
        )
        numbers = torch.arange(len(right), device=right.device)
        anchors = (words, item, normalize(words + item, dim=1))
        return torch.stack([cross_entropy(SCALE * anchor @ right.T, numbers) for anchor in anchors]).sum()


def _arguments(device: str, config: TuneConfig, scratch: Path) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        output_dir=str(scratch),
        num_train_epochs=1,  # the epochs' pairs follow each other
        per_device_train_batch_size=config.batch,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        multi_dataset_batch_sampler=MultiDatasetBatchSamplers.PROPORTIONAL,
        bf16=fast_bfloat16(device),
        use_cpu=device == "cpu",
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=device != "cpu",
        seed=config.seed,
        data_seed=config.seed,
    )
