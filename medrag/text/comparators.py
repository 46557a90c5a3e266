"""Read the comparator of a quantity: "at least", "< ", "or more"."""

from __future__ import annotations

import re

_NOT = r"(?:not?|never|nobody|n.t)\s+(?:\w+\s+){0,3}?"
_BEFORE = {
    ">=": (
        r"≥|>=|⩾|at least|(?:a )?minimum(?: of)?"
        rf"|{_NOT}(?:less|fewer|lower|earlier|sooner) than"
        r"|from (?:the )?age(?: of)?|from age|(?:not?|never) (?:be )?(?:below|under)"
        r"|starting from|min\.?|greater than or equal to|more than or equal to"
    ),
    "<=": (
        r"≤|<=|⩽|at most"
        r"|(?:a |the )?maximum(?: (?:daily |single |total )?(?:dose|dosage))?(?: of| is)?"
        rf"|{_NOT}(?:more|greater|higher|longer|later|larger|older) than"
        r"|(?:not?|never)(?: be| is| go)? (?:above|over|beyond)"
        r"|(?:not?|never)(?: to)? exceed(?:ing|s)?"
        r"|up to|as (?:long|much|many|late|high) as|max\.?|less than or equal to|within"
        r"|(?:limit|restrict)(?:s|ed|ing)? (?:\w+[’\'s]* ){0,3}?to"
        r"|limit of|limit is|capped at|cap of|ceiling of"
    ),
    ">": (
        r">|above|over|more than|greater than|higher than|longer than|older than|larger than"
        r"|beyond|exceed(?:s|ed|ing)?|in excess of|heavier than|upwards? of"
    ),
    "<": (
        r"<|below|under|less than|fewer than|lower than|shorter than|younger than|smaller than"
        r"|lighter than|short of"
    ),
}
_SIGNS = tuple(_BEFORE)
_COMPARATOR = re.compile(
    rf"(?:{'|'.join(f'(?P<c{i}>(?:{words}))' for i, words in enumerate(_BEFORE.values()))})"
    r"(?:\s+(?:an?|the|about|of|age|aged|total of))*\s*$",
    re.I,
)
_AFTER = re.compile(
    r"(?:\s+(?:(?:an?|per|each|every)\s+(?:day|week|month)|daily)|/d(?:ay)?\b)?\s*(?:(?P<more>"
    r"(?:or|and)\s+(?:more|above|over|older|greater|higher|longer|upwards?|up|heavier|later)\b"
    r"|\+(?![\d/-])|or more\b|minimum\b|at least\b)"
    r"|(?P<less>(?:or|and)\s+(?:less|below|under|younger|fewer|lower|shorter|earlier|lighter)\b"
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
        if not (found[0][0].isalpha() and edge[-1:].isalpha()):
            sign = next(sign for i, sign in enumerate(_SIGNS) if found[f"c{i}"])
            return sign, offset + found.start()
    return "", start
