"""What a shopper's words refuse: "without sugar", "not black", "alcohol-free"."""

import re

SAID, LIKELY = 0.9, 0.7  # words that hardly mean anything else, that may
_KNOWN_FREE = (  # without a hyphen, "shoes with free laces" is more often meant
    "acetone|alcohol|alumini?um|bpa|caffeine|cruelty|dairy|eggs?|fat|fluoride|fragrance|gluten|grain|lactose|"
    "latex|meat|milk|nickel|nuts?|oil|parabens?|peanuts?|perfume|preservatives?|salt|silicones?|soya?|sugar|"
    "sul(?:f|ph)ates?|wheat"
)
_WITHOUT = (  # what follows is refused as a whole
    r"without|w/o|except(?: for)?|excluding|other than|(?:any|every)thing but|free (?:of|from)|"
    r"(?:don'?t|do not) (?:want|like)"
)
_NO = rf"(?<!forget me )(?<!\w)(?:{_WITHOUT}|not|no(?:-(?!\d))?)\s*(?<=[\s-])"
_PADDING = (
    r"(?:(?:any|added|extra|additional|artificial|too|much|very|so|an?|the|this|that|for|from|with|in|by|"
    r"made (?:of|from|in|with))\s+)*"
)
# "Not only", "not under", "not your mother's": no thing is named.
_NOTHING = r"(?!(?:only|just|sure|all|every|your|my|under|over|above|below|than|more|less|like|to|be|is)\b)"
_AND = r"(?:(?:or|and|nor)\b|&)"
_ENDS = (
    r"(?:or|and|nor|but|for|with|in|on|at|by|to|from|of|as|than|that|which|under|over|size|please|not|no)\b"
)
_GOODS = r"(?! (?:shipping|delivery|range)\b)"  # of "free": goods are, and not how they come
_WORD = r"[^\W\d_]{3,}\b(?:-[^\W\d_]+\b)?"
_THING = rf"{_PADDING}{_NOTHING}(?!{_AND})(?:(?:{_KNOWN_FREE}) free\b{_GOODS}|{_WORD})"
_WHOLE = rf"{_THING}(?:[ ](?!{_ENDS}){_WORD}){{0,3}}"
# "not black, size 42": what follows a comma is refused only where it is a part of the list, one word alone.
_MORE = rf"(?:\s*,)?\s+{_AND}\s*(?:{_NO})?{{thing}}|\s*,\s*(?:{_NO})?{{thing}}(?=\s*(?:,|$|{_AND}))"
_NOT = (
    re.compile(rf"(?<!\w)(?P<no>{_WITHOUT})\s+(?P<what>{_WHOLE}(?:{_MORE.replace('{thing}', _WHOLE)})*)"),
    re.compile(rf"(?P<no>{_NO})(?P<what>{_THING}(?:{_MORE.replace('{thing}', _THING)})*)"),
)
_BETWEEN = re.compile(rf"\s*,\s*(?:{_AND}\s*)?|\s+{_AND}\s*")
_BEFORE = re.compile(rf"^(?:{_NO})?{_PADDING}")
FREE = re.compile(rf"\b(?P<what>[^\W\d_]{{3,}}(?=-)|(?:{_KNOWN_FREE})(?= ))[- ]free\b{_GOODS}")


def negations(words: str) -> tuple[dict[str, float], str]:
    """The words that are refused, each with how sure that is, and what is left without them.

    After "without" the whole thing is refused, "palm oil", after "no" and "not" a word alone, since what
    follows may be what is looked for: "not black shoes". "Sugar-free" stays, since this is what is written on
    what is looked for.

    >>> negations("sugar-free tea without any milk or added honey")
    ({'milk': 0.9, 'honey': 0.9, 'sugar': 0.9}, 'sugar-free tea  ')
    >>> negations("cookies without palm oil")
    ({'palm oil': 0.9}, 'cookies  ')
    >>> negations("a bag not made of leather")
    ({'leather': 0.7}, 'a bag  ')
    """
    found: dict[str, float] = {}
    for pattern, sure in zip(_NOT, (SAID, LIKELY), strict=True):
        for said in pattern.finditer(words):
            things = (_BEFORE.sub("", part) for part in _BETWEEN.split(said["what"]))
            found |= {re.sub(r" free$", "-free", thing): sure for thing in things}
        words = pattern.sub(" ", words)
    return found | {said["what"]: SAID for said in FREE.finditer(words)}, words
