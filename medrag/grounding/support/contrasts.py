"""Sentences that say one thing of two: "A but not B", "A, not B, does", "A does, B does not"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .sentences import Sentence, parse

_MOST = 0.5  # share of the words of what is denied
_LONGEST = 1_000  # characters of a sentence that is read for a contrast
_STOPS = r"(?=\s*(?:[;.]|, (?:and|but|which|so)\b|$))"
# "reduced admissions but not mortality", "stay active rather than rest in bed"
_AT_END = re.compile(
    r"(?:,? (?:but|and) not|, not|,? rather than|,? instead of) "
    r"(?!only\b|be\b|to\b|been\b|have\b|always\b|necessarily\b|all\b(?!-)|everyone\b|if\b|when\b|before\b"
    r"|after\b|more\b|less\b|until\b|unless\b)"
    rf"(?P<other>[^,;.()]{{3,120}}?){_STOPS}",
    re.I,
)
# "Protamine, not vitamin K, reverses heparin."
_APPOSED = re.compile(r"^(?P<one>[^,;.]{2,80}), (?:but |and )?not (?P<other>[^,;.]{2,80}), ", re.I)
# "Warfarin crosses the placenta, whereas heparin does not."
_WHEREAS = re.compile(
    r"^(?P<one>\S+(?: \S+){0,4}?) (?P<does>[a-z]+(?:s|ed)|can|may|is|are|was|were|should|must) "
    r"(?P<what>[^,;]{3,150}?)(?:[,;] (?:whereas|while|but|and)|,? (?:but|whereas|while)) "
    r"(?P<other>[^,;.]{2,60}?) (?:do|does|did|is|are|was|were|has|have|can|may|should|must)"
    r"(?: not|n['’]t)\W*$",
    re.I,
)
_NEGATION = re.compile(
    r"\b(?P<verb>do|does|did|is|are|was|were|should|must|can|may|has|have|could|would)"
    r"(?: not\b|n['’]t\b)"
    r"|\bcannot\b",
    re.I,
)


class Contrast(NamedTuple):
    """What a sentence affirms and what it denies.

    Attributes:
        affirmed: the sentence without what it denies.
        denied: a sentence without "not" that says what it denies.
        one, other: the words that only the affirmed, only the denied one has.
    """

    affirmed: str
    denied: str
    one: Sentence
    other: Sentence

    def is_of_other(self, text: Sentence) -> bool:
        """Tell whether a text names most of what is denied, and less of what is affirmed."""
        if "without" in self.other.words and "without" not in self.one.words:
            return "without" in text.words
        other = _share(self.other, self.one, text)
        return other >= _MOST and other > _share(self.one, self.other, text)


@lru_cache(maxsize=1024)
def contrast(sentence: str) -> Contrast | None:
    """The contrast that a sentence draws, or None."""
    if len(sentence) > _LONGEST:
        return None
    if found := _APPOSED.match(sentence):
        rest = sentence[found.end() :]
        return _contrast(
            f"{found['one']} {rest}", f"{found['other']} {rest}", found["one"], found["other"]
        )
    if found := _WHEREAS.match(sentence):
        one, other = f"{found['one']} ", f"{found['other']} "
        rest = f"{found['does']} {found['what']}."
        return _contrast(one + rest, other[0].upper() + other[1:] + rest, one, other)
    found = _AT_END.search(sentence)
    if not found or not (before := sentence[: found.start()]).strip():
        return None
    kept = _counterpart(before, found["other"])
    other = re.sub(r"\bthose\b", "patients", found["other"])
    if other.endswith("without"):  # "in patients on oxygen but not in those without"
        other = f"{other} {kept.split()[-1]}" if kept else other
    after = sentence[found.end() :]
    return _contrast(
        before + after, f"{before[: len(before) - len(kept)]}{other}{after}", kept, other
    )


def affirmed(statement: str) -> str:
    """A statement that denies something, without its first "not"; "" if it denies nothing."""
    found = _NEGATION.search(statement)
    if not found:
        return ""
    return f"{statement[: found.start()]}{found['verb'] or 'can'}{statement[found.end() :]}"


def _contrast(affirmed: str, denied: str, one: str, other: str) -> Contrast:
    return Contrast(affirmed, denied, parse(one), parse(other))


def _counterpart(before: str, other: str) -> str:
    """The end of a clause that stands against what is denied: from the same preposition on.

    Without one it begins after the first verb, or three words before the end.
    """
    first = other.split()[0].lower()
    if first in ("in", "for", "with", "on", "by", "at", "from", "during", "after", "before", "to"):
        at = before.lower().rfind(f" {first} ")
        return before[at + 1 :] if at >= 0 else ""
    clause = parse(before)
    verbs = [
        term for term in clause.terms[1:] if term.roots[0] in clause.clauses[term.clause].directing
    ]
    if verbs and before[verbs[-1].end :].strip():
        return before[verbs[-1].end + 1 :]
    return before[len(before) - len(" ".join(before.split(" ")[-2:])) :]


def _share(part: Sentence, than: Sentence, text: Sentence) -> float:
    """Share of the words that only one part of a contrast has in a text."""
    own = [term for term in part.terms if not set(term.roots) <= than.roots]
    held = sum(text.roots.issuperset(term.roots) for term in own)
    return held / len(own) if own else 0.0
