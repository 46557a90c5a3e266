"""Split generated text into statements and the passages that each one cites."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..generation.control import with_control
from ..generation.markers import EXPLICIT, NAME, ROUND, cited_numbers, without_markers
from ..generation.prompts import QUOTE, REFUSAL, Reply
from ..text.words import words
from ..types import AnswerSentence, Statement
from .spans import sentence_spans

# Sentences, each with whether it is certainly complete, and the numbers of all markers.
_Sentences = tuple[list[tuple[Statement, bool]], list[int]]

CUT = "the reply was cut off here; generator.max_new_tokens limits its length"
_REFUSED = words(REFUSAL)

_RUN = re.compile(
    rf"(?:{EXPLICIT.pattern})(?:[ \t]*(?:[,;&–—-]|and)?[ \t]*(?:{EXPLICIT.pattern}))*",
    re.IGNORECASE,
)
# Every marker is brought into the form "[1, 2]" first, also from "(see [1])".
_WRAPPED = re.compile(
    rf"[(（]\s*(?:see\s+|cf\.?\s+|from\s+)?(?:{NAME})?(\[\d[\d, ]*\])\s*[)）]", re.IGNORECASE
)
_MARKER = re.compile(r"\s*\[(\d{1,6}(?:, \d{1,6})*)\]")
_LEADING = re.compile(r"^[ \t]*(\[\d[\d, ]*\])[ \t]+([^\n\[]*[^\s\[])[ \t]*$", re.MULTILINE)
# On a line of its own a marker belongs to the sentence before; before a sentence, to that one.
_AFTER_STOP = re.compile(
    r"([.!?][\"'”’]*)((?:\s*\[\d[\d, ]*\])+(?=[ \t]*(?:\n|$))|(?:[ \t]*\[\d[\d, ]*\])+)"
)
_COMPLETE = re.compile(r"\][.!?][\"'”’]*\s*$")  # after `_AFTER_STOP` was moved
_QUOTE = re.compile(rf"^((?:\[\d+\][ \t]*)?){re.escape(QUOTE.strip())}[ \t]?", re.MULTILINE)
_AT_THE_END = re.compile(r"(?: ?\[\d{1,6}\])+$")

_CLAUSE_ENDS = re.compile(r"(?:\s*[(（][\d,; ]+[)）]){0,9}\s*(?:[.!?,;:]|$|\n)")
_LIST_ITEM = re.compile(r"^\s*[(（]\d{1,2}[)）]", re.MULTILINE)
_ENDS_AFTER_STOP = re.compile(r"[.!?]\s*(?:[(（][\d,; ]+[)）]\s*)+$")
_SENTENCE_BEFORE = re.compile(r"[.!?][\"'”’]*(?:\s*[(（][\d,; ]+[)）])*$")
# Before "(2)" these make it a part of what is said: "vitamin B (12)", "two (2)", "days (3)" …
_COUNTS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|once|twice|thrice"
_UNITS = (
    "points?|times?|tablets?|capsules?|pills?|drops?|puffs?|doses?|units?|vials?|ampoules?|sachets?"
    "|hours?|days?|weeks?|months?|years?|mc?g|µg|kg|g|ml|l|patients?|participants?"
)
_NEEDS_A_NUMBER = re.compile(
    r"(?:^|[^\w.,])(?:[BDKT]|(?i:types?|grades?|stages?|class|phase|groups?|factor|level|steps?"
    rf"|tables?|fig|figures?|no|number|score|of|to|than|n|{_COUNTS}|{_UNITS})|\d+(?:[.,]\d+)?)\.?$"
)
# … but not if the number stands before them: "for 3 days (1)".
_HAS_A_NUMBER = re.compile(rf"(?:\d|\b(?:{_COUNTS}))[\s-]*(?:{_UNITS})\.?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply says.

    Attributes:
        statements: with markers of given passages only; none for a refusal.
        removed: what is no statement to check: a refusal in other words, and the last one if the
            reply was cut off.
        stray_markers: how many markers cited a passage that was not given.
    """

    statements: tuple[Statement, ...]
    removed: tuple[AnswerSentence, ...] = ()
    stray_markers: int = 0


def parse_reply(reply: Reply, passages: int, verbatim: Collection[str] = ()) -> Parsed:
    """Split the reply of a generator into statements.

    Args:
        passages: how many were given; markers of others are removed and counted. A statement that
            is left without a marker counts as one that cites nothing.
        verbatim: see `parse_statements`.
    """
    lines = _verbatim_lines(reply.text, verbatim)
    sentences, numbers = lines or _sentences(reply.text, passages)
    removed: list[AnswerSentence] = []
    if reply.cut:
        lost = "" if not sentences or sentences[-1][1] else sentences.pop()[0].text
        removed.append(_removed(lost if re.search(r"[^\W\d_]", lost) else "…", CUT))
    statements = [
        Statement(one.text, tuple(n for n in one.cited if 1 <= n <= passages))
        for one, _ in sentences
        if words(one.text) and (lines or words(one.text) != _REFUSED)
    ]
    if not lines and statements and words(statements[0].text)[: len(_REFUSED)] == _REFUSED:
        removed.insert(0, _removed(statements.pop(0).text, "it is a refusal"))
    stray = sum(not 1 <= number <= passages for number in numbers)
    return Parsed(tuple(statements), tuple(removed), stray)


def parse_statements(
    text: str, verbatim: Collection[str] = (), passages: int | None = None
) -> list[Statement]:
    """Split generated text into statements and the passages that each cites; none for a refusal.

    Markers are `[1]`, `[1, 2]`, `[1-2]`, `[passage 1]`, `(passage 1)`, `【1】`, and `(1)` where it
    can be one: at the end of a clause, in a text without other markers, and not in a list or as a
    quantity.

    Args:
        verbatim: sentences of the passages. If every line of the text is one of these, each line is
            a statement: some sentences would be split further when taken out of their passage.
        passages: how many there are; `(n)` with a greater n is no marker. 0: there are no markers
            of that form. None: not known.
    """
    if lines := _verbatim_lines(text, verbatim):
        return [one for one, _ in lines[0]]
    statements = [one for one, _ in _sentences(text, passages)[0] if words(one.text)]
    return [one for one in statements if words(one.text) != _REFUSED]


def _verbatim_lines(text: str, verbatim: Collection[str]) -> _Sentences | None:
    """As `_sentences`, if the text is sentences of passages with their markers; else None."""
    found: list[tuple[Statement, bool]] = []
    pending: list[str] = []  # a list has several lines
    for line in text.splitlines():
        markers = _AT_THE_END.search(line)
        pending.append(line[: markers.start()] if markers else line)
        quote = "\n".join(pending) if markers else ""
        if markers and quote in verbatim:
            found.append((Statement(quote, tuple(dict.fromkeys(cited_numbers(markers[0])))), True))
            pending = []
        elif markers:
            pending[-1] = line
    return None if pending or not found else (found, [n for one, _ in found for n in one.cited])


def _sentences(text: str, passages: int | None) -> _Sentences:
    """Each sentence, with whether it is certainly complete; and the numbers of all markers."""
    text = re.sub(r"(?: ?\n){3,}", "\n\n", re.sub(r"[^\S\n]+", " ", text))
    text = _QUOTE.sub(r"\1", text)
    if EXPLICIT.search(text):
        text = _RUN.sub(lambda run: _canonical(cited_numbers(run[0])), text)
        text = _WRAPPED.sub(r"\1", text)
    elif passages != 0:
        text = _round_markers(text, passages)
    numbers = [int(n) for group in _MARKER.findall(text) for n in group.split(", ")]
    text = _LEADING.sub(r"\2 \1", text)  # "[1] It is so." is the same as "It is so. [1]"
    # "It is so. [1]" becomes "It is so [1].", which keeps the marker with its sentence.
    text = _AFTER_STOP.sub(lambda found: f" {' '.join(found[2].split())}{found[1]}", text)
    # In braces, which are as long: the splitter takes "(3) … (2)" for the items of a list.
    spans = sentence_spans(ROUND.sub(r"\1{\2}", text))
    sentences = [text[start:end] for start, end in spans]
    return [(_statement(one), _COMPLETE.search(one) is not None) for one in sentences], numbers


def _canonical(numbers: list[int]) -> str:
    return f"[{', '.join(map(str, numbers))}]"


def _round_markers(text: str, passages: int | None) -> str:
    """Bring each `(1)` that can be a marker into the form "[1]"."""
    # "It is so. (1) It helps. (2)" has markers; "Do this. (1) Rest. (2) Drink." is a list.
    after_stops = not _LIST_ITEM.search(text) and _ENDS_AFTER_STOP.search(text) is not None

    def bring(found: re.Match[str]) -> str:
        before = text[max(0, found.start() - 40) : found.start()]
        numbers = cited_numbers(found[2])
        if passages is not None and not all(1 <= n <= passages for n in numbers):
            return found[0]
        if _SENTENCE_BEFORE.search(before):
            can_be = after_stops
        else:
            quantity = _NEEDS_A_NUMBER.search(before) and not _HAS_A_NUMBER.search(before)
            can_be = bool(_CLAUSE_ENDS.match(text, found.end())) and not quantity
        return f"{found[1]}{_canonical(numbers)}" if can_be else found[0]

    return ROUND.sub(bring, text)


def _statement(sentence: str) -> Statement:
    cited = [int(n) for group in _MARKER.findall(sentence) for n in group.split(", ")]
    text = with_control(without_markers(_MARKER.sub("", sentence))).strip()
    return Statement(text, tuple(dict.fromkeys(cited)))


def _removed(text: str, reason: str) -> AnswerSentence:
    return AnswerSentence(text, (), 0.0, False, reason)
