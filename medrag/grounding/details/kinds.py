"""Which kinds of details a question asks for in single words and an answer does not give."""

from __future__ import annotations

from .doses import CHOICES, DOSES, LIMITS
from .figures import NUMBERS, OTHERS, TIMES
from .neighbours import NEIGHBOURS

Span = tuple[int, int]  # offsets in a question

_KINDS = (*LIMITS, *DOSES, *CHOICES, *TIMES, *NUMBERS, *OTHERS, *NEIGHBOURS)


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
        if asked is not None and not one.is_given(said):
            found.append(asked.span(asked.lastindex or 0))
    return found
