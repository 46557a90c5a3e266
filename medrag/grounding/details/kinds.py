"""Which kinds of details a question asks for in single words and an answer does not give."""

from __future__ import annotations

import re

from .doses import CHOICES, DOSES, LIMITS
from .figures import NUMBERS, OTHERS, TIMES
from .mentions import Mentions, without
from .neighbours import NEIGHBOURS

Span = tuple[int, int]  # offsets in a question

_KINDS = (*LIMITS, *DOSES, *CHOICES, *TIMES, *NUMBERS, *OTHERS, *NEIGHBOURS)
_USES = re.compile(
    r"\b(?:indications?|uses?|conditions?): [^;\n]*"
    r"|\b(?:for|in) (?:(?!and\b|but\b|or\b)[\w-]+ ){0,2}?(?:pain|headaches?|\w+itis|infections?)\b",
    re.I,
)
_IN_WHOM = re.compile(r"\b(?:in|with|during|ha(?:s|ve))\b(.*)", re.I | re.S)


def missing_kinds(question: str, text: str, context: str, bare: bool) -> list[Span]:
    """Where a question asks for a detail that neither a text nor its context gives.

    Args:
        bare: the text is a bare reply, which implies much.
    """
    said = f"{context}\n{text}"
    found: list[Span] = []
    for one in _KINDS:
        if bare and one.implied:
            continue
        asked = one.asked.search(question)
        if asked is None:
            continue
        span = asked.span(asked.lastindex or 0)
        detail = question[slice(*span)].lower()
        if detail == "who" and one.implied and _names_patients(without(text, question)):
            continue  # "contraindicated in asthma" tells who must not have it
        # What a drug is for is none of its effects.
        if not one.is_given(_USES.sub(" ", said) if detail.endswith("effects") else said):
            found.append(span)
    return found


def _names_patients(text: str) -> bool:
    """Whether a text says in which disease something is so."""
    one = _IN_WHOM.search(text)
    named = Mentions(one[1]) if one else None
    return named is not None and (named.is_medical or bool(named.organs))
