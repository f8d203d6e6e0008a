"""The encoder as ONNX int8, for processes that must not load torch."""

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from kg.encoder import Encoder

_PROBES = 256  # texts on which int8 is compared with the original


class Exported(NamedTuple):
    """Where the ONNX encoder lies and how close it is to the original."""

    folder: Path
    cosine_mean: float
    cosine_least: float


def encoder_folder(home: Path, name: str) -> Path:
    """Where the encoder `name` (as stored in Item.textModel) is exported to."""
    return home / "encoder" / name


def export(encoder: Encoder, home: Path, texts: list[str]) -> Exported:
    """Write model.onnx (int8), tokenizer.json and encoder.json; nothing is done where they are there already.

    Args:
        encoder: the original.
        home: SHOPGRAPH_HOME.
        texts: texts of the shop; some of them are encoded both ways and the cosines reported.
    """
    folder = encoder_folder(home, encoder.name)
    about = folder / "encoder.json"
    if not about.is_file():
        with TemporaryDirectory(dir=_made(folder.parent)) as draft:
            _write(encoder, Path(draft))
            (Path(draft) / "encoder.json").write_text(
                json.dumps(_compare(encoder, Path(draft), texts), indent=2)
            )
            _made(folder)
            for file in sorted(Path(draft).iterdir(), key=lambda f: f.name == "encoder.json"):
                file.replace(folder / file.name)
    facts = json.loads(about.read_text())
    return Exported(folder, facts["int8_cosine"], facts["int8_cosine_least"])


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(encoder: Encoder, folder: Path) -> None:
    import logging
    import warnings

    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    first: Any = encoder.model[0]
    # A copy, since the encoder goes on working where and as precisely as it did.
    transformer = copy.deepcopy(first.model).to("cpu", torch.float32).eval()
    tokenizer = encoder.model.tokenizer
    names = [n for n in tokenizer.model_input_names if n in ("input_ids", "attention_mask", "token_type_ids")]
    sample = tokenizer(["an item", "a longer text of an item"], padding=True, return_tensors="pt")

    full = folder / "full.onnx"
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=encoder.max_tokens)}
    logging.disable(logging.WARNING)  # hints to the exporter's authors, not to ours
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            transformer,
            (),
            str(full),
            kwargs={name: sample[name] for name in names},
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_shapes=dict.fromkeys(names, shape),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    quantize_dynamic(str(full), str(folder / "model.onnx"), weight_type=QuantType.QInt8, per_channel=True)
    logging.disable(logging.NOTSET)
    full.unlink()
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))


def _compare(encoder: Encoder, folder: Path, texts: list[str]) -> dict[str, object]:
    import onnxruntime as ort
    from tokenizers import Tokenizer

    probes = list(dict.fromkeys(t for t in texts if t))[:_PROBES] or ["an item"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(encoder.max_tokens)
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    original = encoder.encode(probes)
    pooling = _pooling(encoder)
    cosines = []
    for text, vector in zip(probes, original, strict=True):
        tokens = tokenizer.encode(text)
        feed = {
            "input_ids": [tokens.ids],
            "attention_mask": [tokens.attention_mask],
            "token_type_ids": [tokens.type_ids],
        }
        hidden = session.run(None, {k: np.asarray(v, np.int64) for k, v in feed.items() if k in wanted})[0][0]
        pooled = hidden[0] if pooling == "cls" else hidden.mean(axis=0)
        cosines.append(float(pooled @ vector / np.linalg.norm(pooled)))
    return {
        "name": encoder.name,
        "dim": encoder.dim,
        "max_tokens": encoder.max_tokens,
        "pooling": pooling,
        "int8_cosine": round(float(np.mean(cosines)), 4),
        "int8_cosine_least": round(float(np.min(cosines)), 4),
    }


def _pooling(encoder: Encoder) -> str:
    for module in encoder.model:
        if type(module).__name__ == "Pooling":
            return "cls" if "cls" in str(module.pooling_mode) else "mean"
    return "mean"
