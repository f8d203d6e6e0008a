"""What training reads: one shop as arrays, from the graph or straight from a folder."""

from typing import NamedTuple

import numpy as np
import pandas as pd


class ShopData(NamedTuple):
    """One shop. Users and items are numbered from 0 in the order of `users` and `items`."""

    items: pd.DataFrame  # item_id, text (composed, str), brand (str or None), categories (list of str), price
    users: np.ndarray  # user ids, str [n_users]
    interactions: pd.DataFrame  # user int32, item int32, type str, order int64 (seconds or position),
    # basket str or None, weight float32, and split_<name> (train, valid, test) for each split column
    has_time: bool  # whether `order` is seconds since 1970 rather than a position within the user
    relations: pd.DataFrame  # relation str (the shop's word), source int32, target int32
    text: np.ndarray | None  # unit-length float32 [n_items, d]
