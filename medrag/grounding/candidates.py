"""What may answer a question: the sentences, whole lists and table rows of a passage.

A sentence alone may say little. A list item needs its lead-in, "It is given daily" the sentence
before, "Children: 10 mg/kg" its heading. So each candidate has the text to understand it with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..generation.control import outside_control
from ..generation.prompts import without_markers
from ..text.words import terms, words
from ..types import Hit
from .question import GROUPS, is_question
from .roles import Role, role_of, role_of_label
from .spans import sentence_spans
from .table_rows import is_row

_MIN_TERMS = 3  # a span with fewer terms is a heading or a fragment
_SHORT_ITEM = 14  # words; items that are longer on average are sentences, and no list
_LEAD_IN = 300  # characters, at most
# Items of a list within a line: "any of these: - Fever. - Night sweats. - Pain."
_INLINE_ITEM = re.compile(r"\s-\s+(?=[A-Z(])")


_ABBREVIATION = re.compile(r"((?:[\w’'-]+ ){1,6})\(([A-Z][\w-]{1,9})\)")
_BETWEEN_ITEMS = re.compile(r"[,;/+]| and | or ")


# What stands in documents and never answers. Each pattern is tried on the whole candidate.
_NEVER = re.compile(
    r"\A\W*(?:copyright\b|©|all rights reserved|doi:|https?://\S+\W*\Z|www\.)"
    r"|\ball rights reserved\b|\bcopyright\s*(?:©|\(c\)|\d{4})"
    r"|\A\W*\(?see (?:also|the (?:following )?(?:pdq|section|table|figure|chapter|leaflet|page))\b"
    r"|\b(?:the following|as follows|listed below|shown below)\b[^:;]{0,250}[.:]\Z"
    r"|\A[^:\n]*\b(?:resources?|links|web ?sites?|further reading|references)\b[^:\n]*:"
    r"|\bfor more information\b|\bclick here\b|\A\W*(?:read|learn) more\b|\bsee the pdq\b"
    r"|\A\W*(?:last (?:updated|reviewed)|reviewed by|published (?:by|online)|funding|keywords?"
    r"|conflicts? of interest|competing interests?|acknowledge?ments?|trial registration"
    r"|author contributions?|ethics approval|key points\W*\Z|contents\W*\Z)\b"
    r"|\bthe authors? (?:declare|have no|report no)\b|\bclinicaltrials\.gov\b.{0,40}\Z",
    re.I | re.S,
)
# Authors with initials, then a year or a title; or year, volume and pages.
_AUTHOR = r"[A-Z][\w'’-]+,? (?:[A-Z]\.? ?){1,3}"
_REFERENCE = re.compile(
    rf"\A\W*(?:\d{{1,3}}[\].)]?\s+)?{_AUTHOR}(?:(?:[,;]| and| &) {_AUTHOR})+"
    r"(?:\. ?[A-Z]|.*\b(?:19|20)\d\d\b)"
    rf"|\A\W*(?:\d{{1,3}}[\].)]?\s+)?{_AUTHOR},? et al\b.*\b(?:19|20)\d\d\b"
    r"|\b(?:19|20)\d\d\s?;\s?\d+\s?(?:\(\w+\))?\s?:\s?[a-z]?\d+",
    re.S,
)
_LEGEND = re.compile(
    r"\A\W*(?:supplementary |extended data )?(?:fig(?:ure)?|table|box|scheme|panel)s?\.?\s*"
    r"[\dIVX]+",
    re.I,
)
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|shows?|increas\w+|decreas\w+|reduc\w+|causes?|can|should"
    r"|must|may|will|predicts?|leads?|improves?|affects?|inhibits?|prevents?|regulates?)\b",
    re.I,
)
_DEPENDENT = re.compile(
    r"\A\W*(?:it|they|he|she|its|their|his|her|this|these|those|such|both|the former|the latter"
    r"|in (?:these|this|such|those|both)"
    r"|(?:also|however|moreover|furthermore|additionally|in addition|therefore|thus|hence),? "
    r"(?:it|they|this|these))\b",
    re.I,
)
_GROUP_LABEL = re.compile(
    "|".join(pattern.pattern for names in GROUPS.values() for pattern in names.values()), re.I
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of a hit that may answer.

    Attributes:
        number: position of the hit, from 1.
        start, end: offsets in the hit's text.
        text: the span on one line.
        previous: the sentence before it in its paragraph, or "".
        dependent: it begins with a pronoun, so it cannot be understood without `previous`.
        role: what it does in its article.
        whom: the heading or label that says for whom it is ("Children"), or "".
        under: the question that it stands under, as in a list of questions and answers, or "".
    """

    number: int
    hit: Hit
    start: int
    end: int
    text: str
    previous: str
    dependent: bool
    role: Role
    whom: str
    under: str = ""
    is_list: bool = False

    @property
    def is_row(self) -> bool:
        """Whether it is a row of a table."""
        return is_row(self.text)

    @property
    def items(self) -> int:
        """How many things it lists, roughly: what separates them is counted."""
        if self.is_list:
            return self.hit.text.count("\n", self.start, self.end) + self.text.count(" - ")
        return len(_BETWEEN_ITEMS.findall(self.text))

    @property
    def heading(self) -> str:
        """Title, section and caption above it."""
        return ". ".join(p for p in (self.hit.title, self.hit.section, self.hit.header) if p)

    @property
    def context(self) -> str:
        """The text with all that it is understood with."""
        parts = (self.heading, self.under, self.lead, self.text)
        return ". ".join(part for part in parts if part)

    @property
    def spelled_out(self) -> str:
        """What its abbreviations stand for, as its passage defines them: "… sclerosis (ALS)"."""
        return " ".join(
            long
            for long, short in _ABBREVIATION.findall(self.hit.text)
            if re.search(rf"\b{re.escape(short)}\b", self.text)
        )

    @property
    def lead(self) -> str:
        """The sentence that it needs to be understood, or ""."""
        whole = self.previous.endswith((".", "!"))  # no heading
        return self.previous if self.dependent and whole else ""


def on_one_line(text: str) -> str:
    """A span as it is quoted: lines joined, nothing else changed."""
    return re.sub(r"\s*\n\s*", " ", text)


def quoted(statement: str, source: str) -> tuple[int, int] | None:
    """Where a source says a statement word for word, from and to the end of a sentence or list."""
    said = without_markers(source)
    parts = without_markers(statement).split()
    if " ".join(parts) not in " ".join(said.split()):
        return None
    wanted = r"\s+".join(map(re.escape, parts))
    spans = sentence_spans(source)
    spans += list_spans(source, spans)
    starts = {_after_question(source, start, end) for start, end in spans} | {a for a, _ in spans}
    ends = {end for _, end in spans}
    if not wanted or len(said) != len(source):
        return None
    return next(
        (
            one.span()
            for one in re.finditer(wanted, said)
            if one.start() in starts and one.end() in ends
        ),
        None,
    )


def candidates(number: int, hit: Hit) -> list[Candidate]:
    """All candidates of a hit, in reading order.

    Left out: questions, headings, fragments, references, legends and boilerplate. They resemble a
    question but do not answer it.
    """
    text = hit.text
    spans = sentence_spans(text)
    lists = list_spans(text, spans)
    headings = {tuple(words(part)) for part in (hit.title, *hit.section.split(" > "))}
    found: list[Candidate] = []
    label = role_of_label(f"{hit.section}: ")
    whom, previous, previous_end, asked = "", "", 0, ""

    for start, end in spans:
        if any(a < end and start < b for a, b in lists):
            continue  # it is said with its list
        if is_question(asks := text[start:end]) and asks.endswith("?"):
            asked = on_one_line(asks)
        elif (said := _after_question(text, start, end)) > start:
            asked, start = on_one_line(text[start:said].strip()), said
        line = text[start:end]
        in_table = is_row(line)
        if not in_table:  # the name of a column, such as "Method", is no label of a section
            label = role_of_label(line) or label
        if "\n\n" in text[previous_end:start]:
            previous = ""
        whom = _whom(line, whom if previous else "")
        line = on_one_line(line)
        # "Figure 2." may have been split from its legend.
        under = previous if _LEGEND.fullmatch(previous.rstrip(" .:")) else ""
        if _says_something(line, headings) and not _is_legend(f"{under} {line}"):
            role = label if in_table else role_of(line, label)
            dependent = _DEPENDENT.match(line) is not None
            found.append(
                Candidate(number, hit, start, end, line, previous, dependent, role, whom, asked)
            )
        previous, previous_end = line, end
    for start, end in lists:
        line = on_one_line(text[start:end])
        if "?" not in line and not _NEVER.search(line):
            found.append(
                Candidate(
                    number, hit, start, end, line, "", False, Role.other, "", _under(text, start),
                    is_list=True,
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: one.start)


def _under(text: str, start: int) -> str:
    """The last question before a character."""
    lines = [line.strip() for line in text[:start].splitlines()]
    return next((line for line in reversed(lines) if line.endswith("?")), "")


def _whom(line: str, current: str) -> str:
    """The label that says for whom a line is: its own, or the current one of its paragraph."""
    label, colon, _ = line.partition(":")
    if colon and len(label) < 60 and _GROUP_LABEL.search(label):
        return label
    return "" if _GROUP_LABEL.search(line) else current


def _after_question(text: str, start: int, end: int) -> int:
    """Where the answer begins in a span that begins with its question."""
    asked = text.rfind("? ", start, end)
    if asked < 0 or not is_question(text[start : asked + 1]):
        return start
    return end - len(text[asked + 1 : end].lstrip())


def _says_something(text: str, headings: set[tuple[str, ...]]) -> bool:
    """Whether a text is more than a heading, a question, a fragment or control strings."""
    text = outside_control(text)
    said = words(text)
    # "Do not give it with X." has few terms, because it has many stop words, but says a lot; so
    # does "Children: 10 mg/kg.".
    is_whole = len(said) > _MIN_TERMS and text.endswith((".", "!"))
    gives = ":" in text and re.search(r"\d", text) is not None and len(said) >= _MIN_TERMS
    return (
        (is_whole or gives or len(terms(text)) >= _MIN_TERMS)
        and not is_question(text)
        and tuple(said) not in headings
        and not text.endswith(":")
        and not _NEVER.search(text)
        and not _REFERENCE.search(text)
    )


def _is_legend(text: str) -> bool:
    return _LEGEND.match(text) is not None and not has_verb(text)


def has_verb(text: str) -> bool:
    """Whether a text has one of the verbs that sentences have, and headings lack."""
    return _FINITE.search(text) is not None


def list_spans(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of whole lists of short items, each with the line or sentence that leads in."""
    found: list[tuple[int, int]] = []
    n = 0
    while n < len(spans):
        items = [n]
        while items[-1] + 1 < len(spans) and _is_item(text, spans, items[-1] + 1):
            items.append(items[-1] + 1)
        bulleted = items[1:]
        if _is_item(text, spans, n):
            bulleted = items  # it begins with an item: the lead-in is in another chunk
        lead, end = spans[n][0], spans[items[-1]][1]
        # A lead-in says that a list follows, or is a heading.
        leads = text[slice(*spans[n])].endswith((":", ";")) or not text[slice(*spans[n])].endswith(
            (".", "?", "!")
        )
        # Lines for several groups are not one answer: each is for its own.
        labelled = sum(bool(_whom(text[slice(*spans[item])], "")) for item in bulleted)
        if len(bulleted) >= 2 and labelled < 2 and (leads or bulleted is items):
            lengths = [len(words(text[slice(*spans[item])])) for item in bulleted]
            if sum(lengths) <= _SHORT_ITEM * len(lengths) and spans[n][1] - lead <= _LEAD_IN:
                found.append((lead, end))
        n = items[-1] + 1
    return [
        *found,
        *(one for one in _inlinelist_spans(text) if not any(a <= one[0] < b for a, b in found)),
    ]


def _is_item(text: str, spans: list[tuple[int, int]], n: int) -> bool:
    start = text.rfind("\n", 0, spans[n][0]) + 1
    return re.fullmatch(r"\s*(?:[-*•–]|\d{1,3}[.)])\s+", text[start : spans[n][0]]) is not None


def _inlinelist_spans(text: str) -> list[tuple[int, int]]:
    """Lists within a paragraph: the sentence that ends with a colon, and its items."""
    found: list[tuple[int, int]] = []
    offset = 0
    for line in text.splitlines(keepends=True):
        for colon in re.finditer(r":\s+-\s+(?=\S)", line):
            if found and offset + colon.start() < found[-1][1]:
                continue
            lead = max(line.rfind(mark, 0, colon.start()) for mark in (". ", "? ", "! ")) + 1
            lead += len(line[lead : colon.start()]) - len(line[lead : colon.start()].lstrip())
            items = _INLINE_ITEM.split(line[colon.end() :])
            if len(items) < 2:
                continue
            last = items[-1]
            closed = re.search(r"[.!](?=\s|\Z)", last)
            end = len(line.rstrip()) - (len(last.rstrip()) - closed.end() if closed else 0)
            found.append((offset + lead, offset + end))
        offset += len(line)
    return found
