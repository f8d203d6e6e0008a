from pathlib import Path

import pytest

from kg.errors import ManifestError
from kg.files.manifest import Column, read_manifest
from kg.files.sources import find_manifest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("shop.toml"))

ITEMS = 'name = "s"\n[items]\nfiles = "i"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_string_is_short_for_a_column_and_one_table_for_a_list(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "s"\n[items]\nfiles = "i.csv"\nid = "sku"\n')
    (items,) = read_manifest(path).items
    assert (items.files, items.id) == (["i.csv"], Column(column="sku"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ITEMS + 'id = "a"\ntitel = "b"', "items[0]: unknown key 'titel' (did you mean 'title'?)"),
        (ITEMS, "items[0].id: Field required"),
        (ITEMS + "id = {}", "items[0].id: give exactly one of 'column', 'columns' and 'value'"),
        ('name = "s"\nlanguag = "en"', "top level: unknown key 'languag' (did you mean 'language'?)"),
        (
            'name = "s"\n[[relations]]\nfiles = "r"\nrelation = "r"\nsource = "a"\ntarget = "b"\n'
            'kinds = {x = "LIKES"}',
            "relations[0].kinds.x: Input should be 'BOUGHT_WITH'",
        ),
        (
            'name = "s"\n[[interactions]]\nfiles = "r"\nitem = "i"\ntype = {value = "view"}',
            "interactions[0]: give 'user', or 'basket' for anonymous sessions",
        ),
        ('name = "s"\nname = "t"', "is not TOML"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ManifestError) as error:
        read_manifest(write(tmp_path, text))
    assert message in str(error.value)


def test_the_folders_own_manifest_comes_before_an_example_whose_files_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "clothing"
    folder.mkdir()
    for name in ("items.csv", "interactions.csv.gz", "item_item_edges.csv.gz"):
        with pytest.raises(ManifestError, match=r"has no shop\.toml, and its files are those of no example"):
            find_manifest(folder)
        (folder / name).touch()
    assert find_manifest(folder).parts[-3:] == ("examples", "beauty", "shop.toml")
    own = write(folder, 'name = "mine"')
    assert find_manifest(folder) == own
    assert find_manifest(folder, tmp_path / "other.toml") == tmp_path / "other.toml"
    with pytest.raises(ManifestError, match="is not a folder"):
        find_manifest(tmp_path / "gone")


@pytest.mark.parametrize(("folder", "name"), [("my shop!", "myshop"), ("_2026.orders", "2026.orders")])
def test_a_manifest_without_a_name_is_called_after_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    path = write(tmp_path, ITEMS.removeprefix('name = "s"\n') + 'id = "sku"')
    assert read_manifest(path, tmp_path / folder).name == name
    with pytest.raises(ManifestError, match="name"):
        read_manifest(path, tmp_path / "…")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_is_a_manifest(path: Path) -> None:
    assert read_manifest(path, path.parent).name == path.parent.name
