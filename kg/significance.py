"""Which of several findings are more than chance."""

from collections.abc import Mapping


def holm(p_values: Mapping[str, float], alpha: float) -> list[str]:
    """Names of the findings that stand when all of them were looked at (Holm 1979), the surest first.

    >>> holm({"a": 0.03, "b": 0.001, "c": 0.02}, 0.05)
    ['b', 'c', 'a']
    >>> holm({"a": 0.03, "b": 0.001, "c": 0.04}, 0.05)
    ['b']
    """
    found: list[str] = []
    for name in sorted(p_values, key=lambda name: (p_values[name], name)):
        if p_values[name] > alpha / (len(p_values) - len(found)):
            break
        found.append(name)
    return found
