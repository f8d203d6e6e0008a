"""An exported encoder that cannot be read."""

import json
from pathlib import Path

import pytest

from api.encoder import QueryEncoder
from kg.errors import EncoderError

ABOUT = json.dumps({"name": "made-up", "dim": 6, "max_tokens": 8})


@pytest.mark.parametrize("about", ["{", "{}", ABOUT])
def test_whatever_is_broken_names_the_folder_and_what_to_do(tmp_path: Path, about: str) -> None:
    (tmp_path / "encoder.json").write_text(about)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.onnx").write_bytes(b"cut off")
    with pytest.raises(EncoderError, match=rf"{tmp_path} cannot be read.*shopgraph graph encode"):
        QueryEncoder(tmp_path)
