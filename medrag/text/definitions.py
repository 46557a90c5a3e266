"""Find what a text says that a name stands for: abbreviations, and other names in brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .words import words

_BRACKET = re.compile(r"\(([^()\n]{2,80})\)")
_BEFORE = 160  # characters before a bracket that may spell an abbreviation out
_SHORT = re.compile(r"[^\W_][\w/.&-]{1,9}(?: [\w/.&-]{1,5})?")
_LAST_WORD = re.compile(r"([^\W_][\w/&-]*)[®™]?\s*$")
_NAME = re.compile(r"[A-Z][a-z]{3,}[®™]?")
_PLAIN = re.compile(r"[a-z]{5,}")
_SOLD = re.compile(
    r"\b([A-Za-z]{5,})\s*[,(]?\s*(?:(?:is|are|was)\s+)?(?:also\s+)?(?:(?:sold|marketed|available|known)\s+)?"
    r"(?:under|by|as)?\s*(?:the\s+)?(?:brand|trade)\s+names?:?\s+(?:of\s+)?"
    r"((?:[A-Z][a-z]{2,}[®™]?(?:,\s*(?:and|or)?\s*|\s+(?:and|or)\s+)?){1,6})"
)
_SOLD_NAME = re.compile(r"[A-Z][a-z]{2,}")
_PART = re.compile(r"[^\W_]+")
_BEGINS = re.compile(r"(?:\A|[.!?:\n])\s*\Z")  # what stands before the first word of a sentence
_SMALL = frozenset({"of", "the", "and", "in", "for", "to", "with", "on", "by", "a"})
_MOST_EXTRA = 5  # words of a long form beyond one for each letter


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """(name, meaning) for each definition in a text, both as `words` gives them, space-joined.

    - abbreviations, in both orders: "atrial fibrillation (AF)", "AF (atrial fibrillation)". Letters
      are matched from right to left: Schwartz and Hearst 2003, "A simple algorithm for identifying
      abbreviation definitions in biomedical text".
    - other names: "Brufen (ibuprofen)", "ibuprofen (Brufen)", "ibuprofen, sold under the brand name
      Brufen". Any capitalised word beside a plain one passes; who asks has to know the drug.
    """
    for bracket in _BRACKET.finditer(text):
        before = text[max(0, bracket.start() - _BEFORE) : bracket.start()].rstrip()
        inside = re.split(r"[;,]", bracket[1], maxsplit=1)[0].strip()
        last = _LAST_WORD.search(before)
        if last is None:
            continue
        found = (
            _abbreviated(inside, before)
            or _abbreviated(last[1], inside, whole=True)
            or _other_name(last[0].strip(), inside)
            or (_BEGINS.search(before[: last.start()]) and _other_name(last[1].lower(), inside))
        )
        if found:
            yield found
    if "brand name" in text or "trade name" in text:
        for sold in _SOLD.finditer(text):
            for name in _SOLD_NAME.findall(sold[2]):
                yield name.lower(), sold[1].lower()


def _abbreviated(short: str, text: str, *, whole: bool = False) -> tuple[str, str] | None:
    """An abbreviation and the words that spell it out: the end of a text, or all of it."""
    short = _singular(short)
    letters = [char.lower() for char in short if char.isalnum()]
    is_one = sum(char.isupper() for char in short) + sum(char.isdigit() for char in short) >= 2
    if not is_one or not _SHORT.fullmatch(short) or not letters[0].isalpha():
        return None
    start = _initials_from(letters, text)
    if start is None:
        start = _spelled_from(letters, text)
    if start is None or (whole and start):
        return None
    meaning = words(text[start:])
    if len(meaning) > len(letters) + _MOST_EXTRA or len(meaning) > 2 * len(letters):
        return None
    name = words(short)
    if not meaning or set(name) & set(meaning) or len(text) - start <= len(short):
        return None
    return " ".join(name), " ".join(meaning)


def _singular(short: str) -> str:
    is_plural = short.endswith("s") and short[:-1].isupper() and len(short) > 2
    return short[:-1] if is_plural else short


def _initials_from(letters: list[str], text: str) -> int | None:
    """Where the words begin that have the letters as initials, small words apart."""
    left = list(letters)
    for word in reversed(list(_PART.finditer(text))):
        if word[0][0].lower() == left[-1]:
            left.pop()
            if not left:
                return word.start()
        elif word[0].lower() not in _SMALL:
            return None
    return None


def _spelled_from(letters: list[str], text: str) -> int | None:
    """Where the words begin that have all letters in order, the first one at a word's start."""
    lower = text.lower()
    if len(lower) != len(text):  # letters that change their length: offsets would be wrong
        return None
    at = len(lower)
    for number, letter in reversed(list(enumerate(letters))):
        at = lower.rfind(letter, 0, at)
        while number == 0 and at > 0 and lower[at - 1].isalnum():
            at = lower.rfind(letter, 0, at)
        if at < 0:
            return None
    return at


def _other_name(one: str, other: str) -> tuple[str, str] | None:
    """A name and what it is another name of, when one is capitalised and the other is plain."""
    for name, plain in ((one, other), (other, one)):
        if _NAME.fullmatch(name) and _PLAIN.fullmatch(plain):
            return name.rstrip("®™").lower(), plain
    return None
