"""Query words to a vector, with ONNX Runtime: this process never loads torch."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from api.state.snapshot import Vectors
from kg.errors import EncoderError

_CACHED = 4_096  # popular queries; a vector is 1.5 kB


class QueryEncoder:
    """The exported encoder in a folder: model.onnx, tokenizer.json, encoder.json.

    Raises:
        EncoderError: a file is missing or not what it should be.
    """

    def __init__(self, folder: Path) -> None:
        for name in ("encoder.json", "model.onnx", "tokenizer.json"):
            if not (folder / name).is_file():
                raise EncoderError(f"{folder / name} is missing. Run: shopgraph graph encode")
        try:
            self._read(folder)
        except Exception as error:  # each library has its own, the tokenizer a bare one
            raise EncoderError(
                f"The encoder in {folder} cannot be read ({type(error).__name__}: {error}). "
                "Delete that folder and run: shopgraph graph encode"
            ) from error
        self.encode = lru_cache(_CACHED)(self.embed)

    def _read(self, folder: Path) -> None:
        facts = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        self.name: str = facts["name"]
        self.dim: int = facts["dim"]
        self._pooling: str = facts.get("pooling", "mean")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(facts["max_tokens"])
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {i.name for i in self._session.get_inputs()}

    def embed(self, words: str) -> Vectors:
        """The unit-length vector of `words`, float32 [dim]; `encode` remembers."""
        tokens = self._tokenizer.encode(words)
        feed = {
            "input_ids": tokens.ids,
            "attention_mask": tokens.attention_mask,
            "token_type_ids": tokens.type_ids,
        }
        output = self._session.run(
            None, {k: np.array([v], dtype=np.int64) for k, v in feed.items() if k in self._inputs}
        )[0]
        vector = output[0] if output.ndim == 2 else self._pool(output[0])
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), dtype=np.float32)

    def is_word(self, word: str) -> bool:
        """Whether its vocabulary has the word whole: texts at large have it often, so that it is no error."""
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids) == 1

    def _pool(self, tokens: Vectors) -> Vectors:
        # one text at a time, so there is no padding to mask out
        return np.asarray(tokens[0] if self._pooling == "cls" else tokens.mean(axis=0))
