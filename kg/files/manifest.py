"""shop.toml: how a shop's own files and columns map to ours.

The classes below are the reference of the format: each field's docstring or comment says what it does.
Examples for real data sets are in examples/.
"""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kg.errors import ManifestError

Kind = Literal["BOUGHT_WITH", "VIEWED_WITH", "COMPLEMENTS", "SUBSTITUTES", "SIMILAR_TO"]
Format = Literal["csv", "tsv", "parquet", "jsonl", "json", "adjacency"]


def suggest(wrong: str, known: list[str]) -> str:
    """' (did you mean ...?)' or nothing.

    >>> suggest("titel", ["title", "brand"])
    " (did you mean 'title'?)"
    """
    close = get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


class Strict(BaseModel):
    """A table of the manifest; a key that it does not know is an error with a suggestion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = list(cls.model_fields)
        for key in value:
            if key not in known:
                raise ValueError(f"unknown key {key!r}{suggest(key, known)}; known keys: {', '.join(known)}")
        return value


class Column(Strict):
    """Where a value comes from. A plain string in the manifest is short for {column = "..."}.

    `$key` is the key of an entry in a JSON file that is one object.
    """

    column: str | None = None  # the shop's column
    columns: list[str] = []  # several columns: texts are joined by a space; for categories, levels of a path
    value: str | float | bool | None = None  # the same value for every row
    map: dict[str, str] = {}  # the shop's words to ours; a word that is not in it makes the row bad
    parse: Literal["json", "python"] | None = None  # the cell is a list printed as text
    explode: bool = False  # the cell is a list and each element becomes a row of its own
    remove: str = ""  # characters taken out of the text first, for example "$,"
    decimal: Literal[".", ","] = "."  # numbers: with ",", "1.299,50" is 1299.5
    html: bool = False  # drop tags and resolve entities such as &amp;
    separator: str | None = None  # categories: splits a cell into several categories
    path: str | None = None  # categories: splits a category into levels, root first
    path_pattern: str | None = None  # like path, a regular expression
    levels: bool = False  # categories: the list in the cell is the levels of one path
    scale: float = 1.0  # numbers: multiplied by this, for example 0.01 where prices are in cents
    unit: Literal["s", "ms", "us"] = "s"  # times: of a number since 1970
    format: str | None = None  # times: strptime format of a text that is not ISO 8601
    on_bad: Literal["reject", "empty"] = "reject"  # what to do with a value that cannot be read

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum((self.column is not None, bool(self.columns), self.value is not None)) != 1:
            raise ValueError("give exactly one of 'column', 'columns' and 'value'")
        return self

    @property
    def names(self) -> list[str]:
        """The shop's columns that it reads."""
        return [self.column] if self.column is not None else self.columns


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Mapped = Annotated[Column, BeforeValidator(_as_column)]
Paths = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


class Join(Strict):
    """A small file whose columns are added to each row (left join; the first row of a key counts)."""

    files: Paths
    on: str | None = None  # the key's name in both
    left: str | None = None  # its name in the rows, where the names differ
    right: str | None = None  # its name in the joined file
    format: Format | None = None

    @model_validator(mode="after")
    def _keys(self) -> Self:
        if (self.on is None) == (self.left is None or self.right is None):
            raise ValueError("give either 'on' or both 'left' and 'right'")
        return self

    @property
    def keys(self) -> tuple[str, str]:
        """The key's name in the rows and in the joined file."""
        if self.on is not None:
            return self.on, self.on
        assert self.left is not None
        assert self.right is not None
        return self.left, self.right


class Table(Strict):
    """What every kind of table has: where its rows are and how they are written."""

    files: Paths  # globs, relative to the data folder; .gz .bz2 .xz and .zip are unpacked as they are read
    format: Format | None = None  # guessed from the name; .json is an array or an object, .jsonl one a line
    delimiter: str | None = None  # csv: ',' (tsv: tab)
    quoting: bool = True  # csv: false where a quote character is just a character
    header: list[str] = []  # csv: names of the columns where the file has no header line
    encoding: str = "utf-8"
    join: list[Join] = []

    @property
    def mapped(self) -> dict[str, Column]:
        """Our field -> where it comes from, for the fields that the manifest gives."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in given.items() if isinstance(value, Column)}


class Referring(Table):
    """A table whose rows name items."""

    unknown_items: Literal["reject", "drop", "create"] = "reject"  # drop: counted, not a bad row


class Items(Table):
    """What the shop sells."""

    id: Mapped
    title: Mapped | None = None
    description: Mapped | None = None
    brand: Mapped | None = None
    categories: Mapped | None = None
    price: Mapped | None = None
    list_price: Mapped | None = None  # on sale where the price is below it
    currency: Mapped | None = None
    in_stock: Mapped | None = None
    released_at: Mapped | None = None
    image: Mapped | None = None
    attributes: list[str] = []  # further columns; "attr_*" takes all that begin with attr_
    duplicates: Literal["reject", "first"] = "reject"  # of an id: bad rows, or counted and dropped


class Interactions(Referring):
    """What customers did. A row without a user is an anonymous session, named by its basket."""

    user: Mapped | None = None
    item: Mapped
    type: Mapped  # view, cart, purchase or rating
    time: Mapped | None = None
    position: Mapped | None = None  # order within the user, where the shop has no times
    weight: Mapped | None = None  # quantity or rating
    basket: Mapped | None = None  # basket or session id
    splits: dict[str, Mapped] = {}  # split name -> a column of train, valid and test

    @model_validator(mode="after")
    def _who(self) -> Self:
        if self.user is None and self.basket is None:
            raise ValueError("give 'user', or 'basket' for anonymous sessions")
        return self

    @property
    def mapped(self) -> dict[str, Column]:
        names = {name if name.startswith("split_") else f"split_{name}": c for name, c in self.splits.items()}
        return super().mapped | names


class Relations(Referring):
    """Which items go together, as the shop says."""

    relation: Mapped  # the shop's word
    kinds: dict[str, Kind]  # the shop's word -> our relationship
    source: Mapped
    target: Mapped


class Queries(Referring):
    """Searches whose results people judged."""

    query: Mapped
    item: Mapped
    rating: Mapped  # 0 is irrelevant; the larger the better


class Intents(Referring):
    """What shoppers were after, in words, and the items that satisfied them: a row an item, in order."""

    id: Mapped
    text: Mapped
    item: Mapped
    session: Mapped | None = None


class Manifest(Strict):
    """The whole of shop.toml."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # default: the data folder's
    language: str = "en"
    items: Annotated[list[Items], BeforeValidator(_as_list)] = []
    interactions: list[Interactions] = []
    relations: list[Relations] = []
    queries: list[Queries] = []
    intents: list[Intents] = []

    @property
    def globs(self) -> list[str]:
        """Those of all files that it names."""
        tables = [*self.items, *self.interactions, *self.relations, *self.queries, *self.intents]
        joined = [glob for table in tables for join in table.join for glob in join.files]
        return [*(glob for table in tables for glob in table.files), *joined]

    @property
    def split_names(self) -> list[str]:
        """All split columns, in order: split_<name>."""
        names = (n for t in self.interactions for n in t.mapped if n.startswith("split_"))
        return list(dict.fromkeys(names))


def read_manifest(path: Path, folder: Path | None = None) -> Manifest:
    """Read and check a shop.toml.

    Args:
        folder: the data's; a manifest without a name is called after it.

    Raises:
        ManifestError: naming the file, the key and what is wrong with it.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if folder is not None and "name" not in raw:
            raw["name"] = re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "", folder.resolve().name)
        return Manifest.model_validate(raw)
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not UTF-8: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{path} is not TOML: {error}.") from error
    except ValidationError as error:
        lines = [
            f"{path}: {_where(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
        ]
        raise ManifestError("\n".join(lines)) from None


def _where(loc: tuple[int | str, ...]) -> str:
    """("interactions", 0, "user") -> "interactions[0].user"."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".") or "top level"
