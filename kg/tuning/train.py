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
from transformers import PrinterCallback, ProgressCallback
from transformers.utils import logging

from kg.console import progress, say
from kg.precision import fast_bfloat16
from kg.tuning.config import TuneConfig
from kg.tuning.pairs import Pair
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
    pairs: int  # seen, with repeats
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
    drawn = {name: chance.sample(list(p), min(len(p), config.most_pairs)) for name, p in pairs.items()}
    n_pairs = round(epochs * sum(len(some) for some in drawn.values()))
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    say(f"training {weights:,} numbers on up to {n_pairs:,} pairs, on {model.device.type}")
    with progress("fine-tune, steps", None) as advance:
        watch = Watch(model, stop, config, advance)
        optimizer = torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad], config.learning_rate, weight_decay=0.0
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(model.device.type, config, scratch, epochs),
            train_dataset=_tables(drawn, chance),
            loss=_loss(model, config),
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


def _tables(pairs: Pairs, chance: random.Random) -> datasets.DatasetDict:
    """A data set a kind. Two items that go together stand in any order, so either may be the anchor."""
    tables = {}
    for name, some in pairs.items():
        ends = [(pair.anchor, pair.positive) for pair in some]
        if name == "together":
            ends = [(b, a) if chance.random() < 0.5 else (a, b) for a, b in ends]
        anchors, positives = map(list, zip(*ends, strict=True))
        tables[name] = datasets.Dataset.from_dict({"anchor": anchors, "positive": positives})
    return datasets.DatasetDict(tables)


def _loss(model: SentenceTransformer, config: TuneConfig) -> torch.nn.Module:
    if config.batch <= _IN_MEMORY:
        return MultipleNegativesRankingLoss(model, scale=SCALE)
    return CachedMultipleNegativesRankingLoss(model, scale=SCALE, mini_batch_size=_IN_MEMORY)


def _arguments(
    device: str, config: TuneConfig, scratch: Path, epochs: float
) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        output_dir=str(scratch),
        num_train_epochs=epochs,
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
