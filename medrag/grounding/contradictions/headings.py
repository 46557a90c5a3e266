"""Where the sentences of a passage are, and whether one is a heading and no statement."""

from __future__ import annotations

import re
from itertools import pairwise

from ...text.quantities import quantities
from ...text.words import STOPWORDS
from ..spans import sentence_spans
from ..support.clauses import AUXILIARIES
from ..support.forms import root
from ..support.sentences import VERBAL
from ..support.vocabulary import listed_roots, opposites
from ..table_rows import is_row

_LABEL = re.compile(r"(?<=[.)\]] )(?=[A-Z]{5,}(?:[ /&]+[A-Z]+)*: )")  # "… falls. CONCLUSIONS: …"
_ENDED = re.compile(r"[.!?;…][\"”’')\]]*(?:\s?\[[\d, –-]+\])?\Z")
_BULLET = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)]|\(\w\))\s+\Z")
_WORD = re.compile(r"[^\W\d_]+(?:['’]\w+)?")
_WORD_BEFORE = re.compile(r"([^\W\d_]+)\s+\Z")
_NOUN_OF = re.compile(r"\s+(?:of|in|on|for|with|to|from|and)\b|[\s:,]*\Z")
_ASKS = re.compile(
    r"(?:does|do|did|is|are|was|were|can|should|will|what|how|why|when|which|who|where)\b"
    r"(?!\s+not\b)",
    re.I,
)
_VERB_BEFORE = re.compile(r"\s+(?:no|not|the|an?|that|its|their|significant\w*)\b")
_NOUNS = ("s", "ed", "ing", "ion", "ment")
_LONG = 4  # letters of a word that has a capital in a title
_LEAST_LONG = 3  # such words in a title


def sentence_places(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences of a text; a label of a structured abstract begins one."""
    found = []
    for start, end in sentence_spans(text):
        cuts = [start, *(one.start() for one in _LABEL.finditer(text, start, end)), end]
        found += [(a, a + len(text[a:b].rstrip())) for a, b in pairwise(cuts)]
    return found


def is_heading(text: str, start: int, end: int) -> bool:
    """Tell whether what is at start..end of a passage is no sentence, table row or list item.

    A heading has no full stop. It has no verb and no figure either, or it asks, has capitals, or
    more text on the next lines.
    """
    said = text[start:end]
    if is_row(said) or _ENDED.search(said):
        return False
    if said.endswith(":") or _ASKS.match(said) or not _states(said):
        return True
    line = text[text.rfind("\n", 0, start) + 1 : start]
    if _BULLET.match(line):
        return False
    return _has_capitals(said) or (text[end : end + 1] == "\n" and bool(text[end:].strip()))


def _states(text: str) -> bool:
    """Whether a text has a finite verb, begins with an order, or gives a figure."""
    for n, one in enumerate(_WORD.finditer(text)):
        word = one[0].lower()
        if word in AUXILIARIES or word.endswith(("n't", "n’t")):
            return True
        if n and word.endswith("ed") and _VERB_BEFORE.match(text, one.end()):
            return True
        name = root(word)
        axes = {axis for axis, _ in opposites().get(name, ())}
        if axes.isdisjoint(VERBAL) and name not in listed_roots("verbs"):
            continue
        if n == 0:  # an order: "Avoid alcohol"
            is_noun = word.endswith(_NOUNS) or _NOUN_OF.match(text, one.end())
            found = not is_noun and bool(axes & {"do", "change"} or name in listed_roots("verbs"))
        else:
            ends = word.endswith("s") and not _NOUN_OF.match(text, one.end())
            found = ends or (word.endswith("ed") and _is_after_noun(text, one.start()))
        if found:
            return True
    return any(one.dimension for one in quantities(text))


def _is_after_noun(text: str, start: int) -> bool:
    """Whether a word that is no function word stands right before a participle: its subject."""
    before = _WORD_BEFORE.search(text[:start].lower())
    return before is not None and before[1] not in STOPWORDS


def _has_capitals(text: str) -> bool:
    """Whether most words have a capital, as in a title."""
    long = [word for word in _WORD.findall(text) if len(word) >= _LONG]
    return len(long) >= _LEAST_LONG and 2 * sum(word[0].isupper() for word in long) > len(long)
