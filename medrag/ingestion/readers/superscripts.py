"""How a superscript is written in plain text, so that it neither changes a number nor a word."""

from __future__ import annotations

import re

LOOKBACK = 16  # characters before a superscript that decide how it is written

_SIGN = r"[-+\u2212\u2013]?"
_NUMBERS = re.compile(rf"{_SIGN}\d+(?:\.\d+)?(?:[-\u2013]\d+)?{_SIGN}")  # 9, -3, 4.5, 2+, 3-5
_REFERENCES = re.compile(r"\d+(?:[-\u2013]\d+)?")  # 3, 3-5; a sign in front makes it an exponent
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d\Z")
_WORD_END = re.compile(r"(?:[^\W\d_]{4}|[.,;:?!\u201d])\Z")  # no unit is as long ("cm", "min")


def superscript(before: str, inside: str, citation: bool = False) -> str:
    """Return what to append to `before` for the superscript `inside`.

    - A citation is set off by a space ("in 2015 3", "a trial 3-5", "warfarin [7]"). It is one
      where the caller knows so, or where it has a comma, a semicolon or brackets, or is a number
      behind a year, behind a word of at least four letters or behind a sentence's end.
    - Any other number behind a digit or a closing bracket is a power or a charge and gets "^":
      "10^9/L", "SO4^2-", "(height in m)^2".
    - The rest stays as it is: "m2", "Na+", "1st", "131I".

    Args:
        before: the text in front, at least its last `LOOKBACK` characters.
        inside: the text of the superscript.
        citation: whether the markup says that it refers to something, e.g. by a link.
    """
    mark = inside.strip()
    if not mark or not before or before[-1].isspace():
        return inside
    behind_text = _YEAR.search(before) or _WORD_END.search(before)
    cited = citation or re.search(r"[,;()\[\]]", mark)
    if cited or (behind_text and _REFERENCES.fullmatch(mark)):
        return " " + inside.lstrip()
    if (before[-1].isdigit() or before[-1] in ")]") and _NUMBERS.fullmatch(mark):
        return "^" + inside.lstrip()
    return inside
