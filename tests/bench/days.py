"""A made-up shop that goes a day on, and refreshes of its graph, for the bars of the refresh."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.kg.made_up import PRODUCTS, SALES, read_csv, write_csv, write_shop

Bar = dict[str, Any]
HOME = Path("build/bench/refresh").resolve()
LEASE = 5
LEARNING = ("train", "evaluate", "publish", "learn")


class Shop:
    """Two states of one shop's files, of which the folder has one."""

    def __init__(self, folder: Path, users: int, items: int) -> None:
        self.folder, self.late = folder, False
        write_shop(folder, users, items, tastes=8)
        self.sales = read_csv(folder / "sales.csv")
        self.products = read_csv(folder / "products.csv")

    def turn(self) -> None:
        """A day later, or back again: 1 % of the sales, a price and a product come, as many go."""
        self.late = not self.late
        sales, products = self.sales, self.products
        if self.late:
            some = max(len(sales) // 100, 1)
            # Each item goes to the buyer of the row before, so that other things are bought together.
            new = [
                [row[0], other[1], row[2], str(int(row[3]) + 9_000_000), row[4], f"late-{row[5]}", row[6]]
                for row, other in pairwise(sales[: some + 1])
            ]
            sales = sales[some:] + new
            changed = [*products[0][:3], "77.5", *products[0][4:]]
            products = [changed, *products[1:], ["p-new", "A new thing", "Maker 1", "3.5", "All/Shelf 1"]]
        write_csv(self.folder / "sales.csv", SALES, sales)
        write_csv(self.folder / "products.csv", PRODUCTS, products)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kg.main", "refresh", "--lease-seconds", str(LEASE), *arguments]


def refresh(*arguments: str) -> dict[str, Any]:
    """A refresh that comes to its end."""
    done = subprocess.run([*command(*arguments), "--json"], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bar(name: str, value: int, limit: int, words: str, wrong: list[str] | None = None) -> Bar:
    row: Bar = {"bar": name, "value": value, "limit": limit, "ok": value <= limit, "command": words}
    return row | ({"wrong": wrong} if wrong else {})
