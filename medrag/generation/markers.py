"""Markers such as `[1]`: the forms that models write them in, and a source's own references."""

from __future__ import annotations

import re

_NUMBERS = r"\d{1,6}(?:\s*(?:[,;&–—-]|and)\s*\d{1,6})*"
NAME = r"(?:passages?|sources?|documents?|docs?|excerpts?|contexts?)\s*[#:]?\s*"
# `【1†source】` and `【4:0†source】` are what OpenAI's assistants write.
_INNER = rf"\s*(?:{NAME}|[#^])?{_NUMBERS}(?::\d+)?(?:†[^\]】］\n]{{0,80}})?\s*"
_OPEN, _CLOSE = "[［【", "]］】"

EXPLICIT = re.compile(
    rf"[{re.escape(_OPEN)}]{{1,2}}({_INNER})[{re.escape(_CLOSE)}]{{1,2}}|[(（](\s*{NAME}{_NUMBERS}\s*)[)）]",
    re.IGNORECASE,
)
# A number in round brackets is a marker only in certain places; see `grounding.statements`.
ROUND = re.compile(r"(?<=\S)([ \t]*)[(（](\s*\d{1,2}(?:\s*[,;]\s*\d{1,2})*\s*)[)）]")
_DISARMED = re.compile(rf"\{{{{1,2}}({_INNER})\}}{{1,2}}", re.IGNORECASE)
_BRACES = str.maketrans("[［【(（]］】)）", "{{{{{}}}}}")
_ROUND = str.maketrans("[［【{（]］】}）", "((((()))))")
_RANGE = re.compile(r"(\d+)(?:\s*[–—-]\s*(\d+))?")
_WIDEST = 50  # passages in a range; a wider one is two numbers


def disarmed(text: str) -> str:
    """`text` with references of its own in braces, "{12}", which is no form of a marker."""
    return _translated(text, _BRACES, EXPLICIT, ROUND)


def without_markers(text: str) -> str:
    """`text` with references of its own in round brackets, "(12)", as readers know them.

    It undoes `disarmed`: both `text` and `disarmed(text)` become the same. Both keep the length.
    """
    return _translated(text, _ROUND, EXPLICIT, ROUND, _DISARMED)


def _translated(text: str, brackets: dict[int, int], *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda found: found[0].translate(brackets), text)
    return text


def cited_numbers(marker: str) -> list[int]:
    """The passages in a marker or a run of markers, in order: 1, 2, 3 for `[1-2][3]`."""
    marker = re.sub(r":\d+|†[^\]】］]*", "", marker)
    marker = re.sub(r"[^\d–—-]", " ", marker)
    found: list[int] = []
    for first, last in _RANGE.findall(marker):
        start, end = int(first), int(last or first)
        found += range(start, end + 1) if 0 <= end - start < _WIDEST else (start, end)
    return found
