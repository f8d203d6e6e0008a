"""Prices that stand in a shopper's words: bounds, and the currency they are in."""

import re
from collections.abc import Collection
from typing import NamedTuple

_DOLLARS = ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD")
_CROWNS = ("SEK", "NOK", "DKK", "CZK", "ISK")
_CODES = (  # without those that are English words, such as TRY and ALL
    *_DOLLARS, *_CROWNS, "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "PLN", "HUF", "RON", "BGN", "BRL", "ARS",
    "CLP", "KRW", "THB", "IDR", "MYR", "VND", "ILS", "AED", "SAR", "ZAR", "EGP", "NGN", "KES", "PKR", "RUB",
    "UAH",
)  # fmt: skip
_SIGNS = {
    "us$": ("USD",), "a$": ("AUD",), "au$": ("AUD",), "c$": ("CAD",), "ca$": ("CAD",), "nz$": ("NZD",),
    "hk$": ("HKD",), "$": _DOLLARS, "€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), "₹": ("INR",),
    "₩": ("KRW",), "₺": ("TRY",), "₽": ("RUB",), "₴": ("UAH",), "₪": ("ILS",),
}  # fmt: skip
_WORDS: dict[str, tuple[str, ...]] = {  # a plural "s" may follow
    **dict.fromkeys(("dollar", "buck"), _DOLLARS),
    **dict.fromkeys(("kr", "kronor", "kroner"), _CROWNS),
    **dict.fromkeys(("pound", "quid"), ("GBP",)),
    **dict.fromkeys(("franc", "franken"), ("CHF",)),
    **dict.fromkeys(("zł", "zloty"), ("PLN",)),
    **{
        "euro": ("EUR",),
        "yen": ("JPY",),
        "yuan": ("CNY",),
        "rupee": ("INR",),
        "lira": ("TRY",),
        "real": ("BRL",),
    },
}
_HUNDREDTHS = {"cent": (*_DOLLARS, "EUR"), "pence": ("GBP",)}
_MONIES = {**{code.casefold(): (code,) for code in _CODES}, **_WORDS, **_HUNDREDTHS, **_SIGNS}
_NAMES = (
    rf"(?:(?<![^\W\d_])(?:{'|'.join(map(re.escape, _SIGNS))})"
    rf"|(?:{'|'.join(code.casefold() for code in _CODES)})\b|(?:{'|'.join([*_WORDS, *_HUNDREDTHS])})s?\b)"
)
_UNITS = (  # "under 5 kg" is no price
    r"\s?-?(?:[kmc]?m|[km]?g|lbs?|oz|inch(?:es)?|in|ft|feet|[kmgt]b|[kmgt]bps|mah|"
    r"[kmw]?w|v|ml|l|[kmg]?hz|mp|x|years?|months?|packs?|pieces?|pcs)\b"
)
_NO_UNIT = rf"(?!{_UNITS}|[\da-z]|[.,]\d|\s?[%\"'])"
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,'’\s])\d{3}(?:\1\d{3})*(?!\d)")
_NARROW = "'’\u00a0\u2009\u202f"
_GROUPS = "|".join(rf"(?:[{mark}]\d{{3}})+" for mark in (",", ".", _NARROW))
_BEFORE_MONEY = rf"(?=[.,\d]*\s?(?:{_NAMES}|(?:-|–|to\b|and\b)\s?[^\w\s]?\d))"
# "1 500" alone is left unread: it may be 1,500, or 1 and 500 of something. Of "20 128 gb" the 20 can be read.
_UNCLEAR = rf"[{_NARROW}]\d|\s0\d\d\b|\s\d{{3}}\b(?!{_UNITS})"
_NUMBER = (
    rf"(?:[1-9]\d{{0,2}}(?:{_GROUPS}|(?: \d{{3}})+(?!\d){_BEFORE_MONEY})(?!\d)(?:[.,]\d+)?"
    rf"|\d+(?:[.,]\d+)?(?!{_UNCLEAR}))"
)
_LOW, _HIGH = (
    rf"(?:(?P<{bound}b>{_NAMES})\s?)?(?P<{bound}>{_NUMBER})(?:\s?(?P<{bound}a>{_NAMES}))?"
    for bound in ("low", "high")
)
_SAID = 0.9
_NEVER = r"(?:no|not|nothing|never)\s+"
_SMALLER = r"under|below|less than|cheaper than"
_LARGER = r"over|above|more than|exceeding"
_PLAIN = r"(?<!no )(?<!not )(?<!nothing )(?<!never )"
_BELOW = rf"\b(?:{_NEVER}(?:{_LARGER})|{_PLAIN}(?:{_SMALLER})|up to|at most|max(?:imum)?\.?)\s+"
_SINCE = r"at least|min(?:imum)?\.?|from|starting (?:at|from)"
_ABOVE = rf"\b(?:{_NEVER}(?:{_SMALLER})|{_PLAIN}(?:{_LARGER})|{_SINCE})\s+"
_BETWEEN = rf"\b(?:between|from)\s+{_LOW}\s+(?:and|to|&)\s+{_HIGH}{_NO_UNIT}"
_RANGES = (
    (re.compile(_BETWEEN), _SAID),
    (re.compile(rf"(?<![\w-]){_LOW}\s?(?:-|–|to)\s?{_HIGH}{_NO_UNIT}"), 0.6),
)
_UPPER = (
    re.compile(rf"(?:{_BELOW}|(?<!\w)<=?\s*){_HIGH}{_NO_UNIT}"),
    re.compile(rf"(?<![\w-]){_HIGH}\s+(?:or (?:less|under|below|cheaper)|max(?:imum)?\b|at most|tops\b)"),
)
_LOWER = (
    re.compile(rf"(?:{_ABOVE}|(?<!\w)>=?\s*){_LOW}{_NO_UNIT}"),
    re.compile(rf"(?<![\w-]){_LOW}(?:\+(?!\w)|\s+(?:(?:or|and) (?:more|above|over|up)\b|min(?:imum)?\b))"),
)
# Of what has no currency, a word after the number says that it counts something else: "over 2 liters".
_GOES_ON = r"\s*(?:$|[^\w\s]|(?:for|with|and|or|but|in|by|that|which|without|not|no|please|each)\b|[<>])"
_FOLLOWED = re.compile(rf"(?!{_GOES_ON})")
_AGED = re.compile(r"\b(?:women|men|kids|children|girls|boys|babies|adults|people|skin|age[ds]?)\s*$")
_VAGUE = re.compile(r"^(?:from|starting|max|min)|\+$|[a-z]$")  # "from 1990", "iphone 11 max"
_UNSURE = 0.3
_KEPT = 0.5  # what is less sure stays in the words


class Prices(NamedTuple):
    """Bounds that the words set, both inclusive; "over $5 under $2" sets such as nothing lies between."""

    gte: float | None
    lte: float | None
    currency: str | None  # ISO 4217, where the words name one
    confidence: float


def prices(words: str, currencies: Collection[str] = ()) -> tuple[Prices | None, str]:
    """The bounds that words set, and the words without them.

    Args:
        words: in lower case.
        currencies: those of the shop; one of them is meant by a sign that several share.

    >>> prices("shoes over $30 and not more than $50")
    (Prices(gte=30.0, lte=50.0, currency='USD', confidence=0.9), 'shoes   ')
    """
    words = re.sub(" +", " ", words)
    for pattern, sure in _RANGES:
        if found := pattern.search(words):
            return _read(words, [found], sure, currencies)
    bounds = [next((f for p in patterns if (f := p.search(words))), None) for patterns in (_LOWER, _UPPER)]
    found_bounds = sorted((f for f in bounds if f is not None), key=lambda f: f.start())
    return _read(words, found_bounds, _SAID, currencies) if found_bounds else (None, words)


def _read(
    words: str, found: list[re.Match[str]], sure: float, currencies: Collection[str]
) -> tuple[Prices | None, str]:
    of: dict[str, str] = {}
    for part in found:
        of |= {name: text for name, text in part.groupdict().items() if text}
    names = [of[name] for name in ("lowb", "lowa", "highb", "higha") if name in of]
    low, high = (
        _number(of.get(bound), [of.get(f"{bound}b"), of.get(f"{bound}a")]) for bound in ("low", "high")
    )
    first, last = found[0], found[-1]
    if first is last and low is not None and high is not None and low > high:
        low, high = high, low  # "between 5 and 2": no one means nothing by it
    said_between = sure == _SAID and first is last and "low" in of and "high" in of
    if not names and not said_between and (sure < _SAID or _counts(words, first, last)):
        sure = _UNSURE
    currency = _currency(names[0], currencies) if names else None
    if sure < _KEPT:
        return Prices(low, high, currency, sure), words
    between = words[first.end() : last.start()] if first is not last else ""
    kept = "" if re.fullmatch(r"[\s,]*(?:and|but)?\s*", between) else between
    return Prices(low, high, currency, sure), f"{words[: first.start()]} {kept} {words[last.end() :]}"


def _counts(words: str, first: re.Match[str], last: re.Match[str]) -> bool:
    """Whether the number seems to count something else than money."""
    vague = any(_VAGUE.search(part[0].strip()) for part in (first, last))
    return vague or bool(_FOLLOWED.match(words, last.end()) or _AGED.search(words[: first.start()]))


def _currency(name: str, currencies: Collection[str]) -> str:
    """What a sign or a word means: of several currencies the shop's own, else the first."""
    meant = _MONIES.get(name) or _MONIES[name.removesuffix("s")]
    return next((code for code in meant if code in currencies), meant[0])


def _number(text: str | None, names: Collection[str | None] = ()) -> float | None:
    """A comma or point before exactly three digits parts thousands unless a 0 or more than three digits stand
    before it, as an apostrophe and a narrow space do; any other one is the decimal point.

    >>> [_number(n) for n in ("1,000", "1.299,99", "1,000,000.50", "12,50", "0.500", "1234.567")]
    [1000.0, 1299.99, 1000000.5, 12.5, 0.5, 1234.567]
    >>> _number("50", ["cents"])
    0.5
    """
    if text is None:
        return None
    grouped = _THOUSANDS.match(text)
    whole = grouped.end() if grouped else 0
    value = float(re.sub(r"\D", "", text[:whole]) + text[whole:].replace(",", "."))
    return value / 100 if any(name and name.removesuffix("s") in _HUNDREDTHS for name in names) else value
