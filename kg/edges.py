"""One edge between a user and an item holds all its events; new events are united with those it has.

An event is a time and a basket; the same event said twice is one. Times that are not known are -1 and
baskets that are not known are "" as long as the edge has others that are.
"""

from typing import Any

from kg.columns import SPLITS

Event = tuple[int, str]


def properties_of(row: dict[str, Any], splits: list[str]) -> dict[str, Any]:
    """A row of the staged table `edges` as the relationship's properties; None where there is none."""
    return {
        "count": row["count"],
        "weight": row["weight"],
        "position": row["position"],
        "times": row["times"],
        "baskets": row["baskets"],
        **{split: row[split] for split in splits},
    }


def united(old: dict[str, Any], row: dict[str, Any], splits: list[str]) -> dict[str, Any] | None:
    """All properties of an edge that has `old`, after a row of the data; None when nothing changes.

    When the row holds all events that the edge has, the row is right in everything, so corrections of a
    weight or split arrive. Else only its new events are added.
    """
    new = properties_of(row, splits)
    before, said = events_of(old), events_of(new)
    added = [
        (event, weight) for event, weight in zip(said, row["weights"], strict=True) if event not in before
    ]
    if set(before) <= set(said):
        result = new
    elif not added:
        return None
    else:
        result = _with(old, new, before, added, splits)
    return result if any(old.get(name) != value for name, value in result.items()) else None


def without(old: dict[str, Any], lost: dict[Event, float]) -> dict[str, Any] | None:
    """All properties of an edge that has `old`, less the events in `lost`, which have these weights.

    None when no event is left. What else the edge has stays: splits and position are of all events.
    """
    before = events_of(old)
    kept = [event for event in before if event not in lost]
    if not kept:
        return None
    times, baskets = [time for time, _ in kept], [basket for _, basket in kept]
    gone = sum(lost[event] for event in before if event in lost)
    return old | {
        "count": len(kept),
        "weight": round(old["weight"] - gone, 6),
        "times": times if any(time != -1 for time in times) else None,
        "baskets": baskets if any(baskets) else None,
    }


def later(row: dict[str, Any], than: int) -> dict[str, Any] | None:
    """A row of the staged table `edges` with its events after a time alone; None where there are none.

    Args:
        than: seconds since 1970; an event without a time is none after it.
    """
    kept = [n for n, time in enumerate(row["times"] or ()) if time > than]
    if not kept:
        return None
    times, weights = ([row[name][n] for n in kept] for name in ("times", "weights"))
    baskets = row["baskets"] and [row["baskets"][n] for n in kept]
    return row | {
        "count": len(kept),
        "weight": round(sum(weights), 6),
        "weights": weights,
        "first": times[0],
        "last": times[-1],
        "times": times,
        "baskets": baskets if baskets and any(baskets) else None,
    }


def ends(times: list[int] | None) -> tuple[int | None, int | None]:
    """The first and the last known time of an edge."""
    known = [time for time in times or () if time != -1]
    return min(known, default=None), max(known, default=None)


def _with(
    old: dict[str, Any],
    new: dict[str, Any],
    before: list[Event],
    added: list[tuple[Event, float]],
    splits: list[str],
) -> dict[str, Any]:
    events = sorted(before + [event for event, _ in added])
    times, baskets = [time for time, _ in events], [basket for _, basket in events]
    return {
        "count": len(events),
        "weight": round(old["weight"] + sum(weight for _, weight in added), 6),
        "position": old.get("position") if new["position"] is None else new["position"],
        "times": times if any(time != -1 for time in times) else None,
        "baskets": baskets if any(baskets) else None,
        **{split: _later(old.get(split), new[split]) for split in splits},
    }


def events_of(properties: dict[str, Any]) -> list[Event]:
    """An edge's events, in order."""
    count = properties["count"]
    times = properties.get("times") or [-1] * count
    baskets = properties.get("baskets") or [""] * count
    return list(zip(times, baskets, strict=True))


def _later(one: str | None, other: str | None) -> str | None:
    known = [split for split in (one, other) if split is not None]
    return max(known, key=SPLITS.index, default=None)
