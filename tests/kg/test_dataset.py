"""A shop from its files, without a database."""

from pathlib import Path

import numpy as np
import pytest

from kg.dataset import from_folder
from kg.errors import IngestError
from kg.settings import DEFAULT_ENCODER, Settings
from tests.kg.made_up import write_shop


@pytest.mark.parametrize("told", [None, "another"])
def test_figures_on_files_are_of_an_encoder_that_learned_nothing_there(
    told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "encoders" / "tuned-1").mkdir(parents=True)
    (home / "encoders" / "adopted").write_text("tuned-1\n")
    if told:
        monkeypatch.setenv("SHOPGRAPH_ENCODER", told)
    settings, used = Settings(home=home), list[str]()
    assert told or settings.encoder.endswith("tuned-1")

    def encoded(encoder: str, texts: list[str], _kept: Path) -> np.ndarray:
        used.append(encoder)
        return np.ones((len(texts), 3), np.float32)

    monkeypatch.setattr("kg.dataset.cached_vectors", encoded)
    data = from_folder(write_shop(tmp_path / "shop"), None, settings)
    assert data.text is not None
    assert used == [told or DEFAULT_ENCODER]


def test_a_folder_without_interactions_is_refused_before_its_texts_are_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "shop.toml").write_text('name = "s"\n[items]\nfiles = "items.csv"\nid = "id"\ntitle = "title"\n')
    (shop / "items.csv").write_text("id,title\n1,Green tea\n")
    monkeypatch.delattr("kg.dataset.cached_vectors")

    with pytest.raises(IngestError, match=r"shop has no interactions: .*\[\[interactions\]\]"):
        from_folder(shop, None, Settings(home=tmp_path / "home"))
