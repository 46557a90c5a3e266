"""Read the comparator of a quantity: "at least", "< ", "or more"."""

from __future__ import annotations

import re

_LARGER = (
    r"greater|higher|longer|older|larger|heavier|wider|taller|later|faster|deeper|thicker|bigger"
    r"|hotter|warmer|further|farther|broader"
)
_SMALLER = (
    r"fewer|lower|shorter|younger|smaller|lighter|narrower|earlier|slower|shallower|thinner|cooler"
    r"|colder|sooner|nearer|closer"
)
_NOT = (
    r"(?:not?|never|nobody|n.t)\s+(?:(?!(?:and|but|or|who|that|in|with|for|if|when|where|patients?|people|those|children"
    r"|adults|women|men|babies|infants)\b)\w+\s+){0,6}?"
)
_BEFORE = {
    ">=": (
        r"≥|>=|=>|>\s?(?:/|or)\s?=|⩾|at least|(?:a )?minimum(?: of)?|at or (?:above|over)"
        rf"|{_NOT}(?:less|{_SMALLER}) than"
        r"|from (?:the )?age(?: of)?|from age|(?:not?|never) (?:be )?(?:below|under)"
        r"|starting from|no (?:less|fewer)|min\.?|greater than or equal to|more than or equal to"
    ),
    "<=": (
        r"≤|<=|=<|<\s?(?:/|or)\s?=|⩽|at (?:the )?most|at or (?:below|under)"
        r"|(?:a |the )?maximum(?: (?:daily |single |total )?(?:dose|dosage))?(?: of| is)?"
        rf"|{_NOT}(?:(?:more|{_LARGER}) than|beyond)"
        r"|(?:not?|never|n.t|without)(?: be| is| go| going)? (?:above|over|beyond|past)"
        r"|without exceeding"
        r"|(?:not?|never)(?: to)? exceed(?:ing|s)?"
        r"|up to(?: and including)?|as (?:long|much|many|late|high|large) as|max\.?"
        r"|(?:less|lower) than or equal to|within|inside"
        r"|(?:limit|restrict)(?:s|ed|ing)? (?:\w+[’\'s]* ){0,3}?to"
        r"|(?<!lower )(?<!reference )(?<!detection )limit (?:of|is)|capped at"
        r"|(?:cap|ceiling) (?:of|is)"
    ),
    ">": (
        rf">|above|over|more than|(?:{_LARGER}) than|more \w+ than"
        r"|beyond|(?<!the )(?<!in )(?<!over )past|exceed(?:s|ed|ing)?|in excess of|upwards? of"
    ),
    "<": (rf"<|below|under|less than|(?:{_SMALLER}) than|less \w+ than|short of"),
}
_SIGNS = tuple(_BEFORE)
_COMPARATOR = re.compile(
    rf"(?:{'|'.join(f'(?P<c{i}>(?:{words}))' for i, words in enumerate(_BEFORE.values()))})"
    r"(?:\s+(?:an?|the)\s(?!limit|cut|thresh|max|min)[a-z-]+(?:\s[a-z-]+)? of(?=\s*$))?"
    r"(?:\s+(?:an?|the|about|of|age|aged|total of)|-(?=\s*$))*\s*$",
    re.I,
)
_AFTER = re.compile(
    r"(?:(?:\s+of\s+\w+)?\s+(?:(?:an?|per|each|every)\s+(?:day|week|month)|daily)|/d(?:ay)?\b)?\s*(?:(?P<more>"
    r"(?:or|and)\s+(?:more|above|over|older|greater|higher|longer|upwards?|up|onwards?|heavier|later|larger|hotter|wider|taller)\b"
    r"|\+(?![\d/-])|upwards?\b|onwards?\b|minimum\b|at (?:the )?least\b)"
    r"|(?P<less>(?:or|and)\s+(?:less|below|under|younger|fewer|lower|shorter|earlier|lighter|smaller|cooler|colder)\b"
    r"|maximum\b|at (?:the )?most\b))",
    re.I,
)
_APPROXIMATE = re.compile(
    r"(?:about|around|approximately|roughly|some|nearly|almost|~|circa)\s*$", re.I
)
_WINDOW = 60  # characters; more than any comparator


def comparator(text: str, start: int, end: int) -> tuple[str, int]:
    """The comparator ("", "<", "<=", ">", ">=") of what is at start..end, and where it begins."""
    if after := _AFTER.match(text, end):
        return (">=" if after["more"] else "<="), start
    offset = max(0, start - _WINDOW)
    before = _APPROXIMATE.sub("", text[offset:start])
    if found := _COMPARATOR.search(before):
        edge = before[: found.start()]
        if not (found[0][0].isalpha() and edge[-1:].isalpha()) or found[0][1] in "'’":
            sign = next(sign for i, sign in enumerate(_SIGNS) if found[f"c{i}"])
            return sign, offset + found.start()
    return "", start
