"""The windows of a source: one to three sentences that go together, and what leads up to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ...text.units import UNIT_NAME
from ..candidates import list_spans
from ..spans import sentence_spans
from ..table_rows import is_row
from .abbreviations import Abbreviations, abbreviations, with_both_forms
from .alignment import is_name, matches
from .clauses import AUXILIARIES
from .forms import root
from .sentences import Sentence, parse
from .tables import listed
from .vocabulary import listed_roots, opposites

_FORBIDS = re.compile(
    r"contra-?indicat|when not|who (?:should|must) not|(?:do|must|should) not", re.I
)
_HEADING = 8  # words in a heading, at most
_PARAGRAPH = re.compile(r"[ \t]*\n[ \t]*\n")
_BEFORE = 20  # sentences before a window that are its context, at most
_SIZE = 3  # sentences in a window, at most
REFERS = re.compile(
    r"\s*(?:it|its|they|them|their|theirs|this|these|that(?! of)"
    r"|those(?! (?:with|who|on|in|without|taking))|he|she|his|her|both|such|doing so"
    r"|the (?:latter|former|same|drug|medicine|dose|course|treatment|tablets?|vaccine|infusion"
    r"|evidence|data|swelling|volume|levels?|score|benefit|protection|operation|catheter|tube|needle"
    r"|sample|specimen|injection|patients?|child|children|procedure|test|result|effect|risk|condition|disease|rash"
    r"|pain|wound|device|group|trial|study|women|men|infection|solution|cream|duration|interval"
    r"|figure|rate|proportion|corresponding)"
    r"|then|you|we|whereas|while|in contrast|by contrast|conversely|but|and|so|thus|hence"
    r"|as a result|eventually|later|finally|afterwards|thereafter|otherwise|also|in addition"
    r"|however|if so|when this"
    r"|(?:if|when|once|where|until) (?:the|it|this|they|these))\b",
    re.I,
)
_REFERS_WITHIN = re.compile(
    r"\b(?:this|these|those(?! (?:with|who|on|in|without|taking))|its|their|it|them|they|then"
    r"|the same day|that day|the (?:last|first|next)(?=[.,;])|former|latter|afterwards"
    r"|subsequently|next|otherwise|also"
    r"|therefore|beforehand|you)\b",
    re.I,
)
_NARROWS = listed("narrows")
_UNIT_OF_COLUMN = re.compile(r"\(([^()]*)\)\s*$|,\s*([^,\s]+)\s*$")
_UNIT_CELL = re.compile(r"Units?: (.+)", re.I)
_UNIT_NAME = re.compile(rf"(?:{UNIT_NAME}|per\s?cent|×)(?![\w])", re.I)
_BARE_CELL = re.compile(r"\s*[<>≤≥]?\s*[\d.,·]+(?:\s?(?:[-–—±]|to)\s?[\d.,·]+)?\s*")
_NO_MEASURE = re.compile(r"\s*(?:p\b|n\b|no\.?\b|number|age\b|ratio|hr\b|or\b|rr\b)", re.I)
_LABEL = re.compile(r"[A-Z][\w ,()/-]{1,40}:\s")
_NONE = re.compile(r"(?:none|nil|no)\b[\s.]*(?P<more>[a-z]*)[\s.]*\Z", re.I)
_PERIOD = re.compile(r"(?:weeks?|days?|months?|years?|hours?|minutes?)", re.I)


@dataclass(frozen=True, eq=False)
class Window:
    """Sentences of a source that go together.

    Attributes:
        heading: title and section.
        context: these, and the sentences before that it refers to.
        spans: (start, end) of its sentences in the source.
    """

    sentences: Sequence[Sentence]
    heading: Sequence[Sentence]
    context: Sequence[Sentence]
    spans: tuple[tuple[int, int], ...]

    @cached_property
    def roots(self) -> frozenset[str]:
        """The roots of its words."""
        return frozenset[str]().union(*(one.roots for one in self.sentences))

    @cached_property
    def concepts(self) -> frozenset[int]:
        """The groups of synonyms of its words."""
        return frozenset[int]().union(*(one.concepts for one in self.sentences))

    @cached_property
    def heading_roots(self) -> frozenset[str]:
        """The roots of the words of its title and section."""
        return frozenset[str]().union(*(one.roots for one in self.heading))

    @cached_property
    def heading_concepts(self) -> frozenset[int]:
        """The groups of synonyms of the words of its title and section."""
        return frozenset[int]().union(*(one.concepts for one in self.heading))

    @cached_property
    def context_roots(self) -> frozenset[str]:
        """The roots of the words of its context."""
        return frozenset[str]().union(*(one.roots for one in self.context))

    @cached_property
    def all_roots(self) -> frozenset[str]:
        """The roots of its words and those of its context."""
        return self.roots | self.context_roots

    @cached_property
    def all_concepts(self) -> frozenset[int]:
        """The groups of synonyms of its words and those of its context."""
        return self.concepts.union(*(one.concepts for one in self.context))

    @cached_property
    def directions(self) -> dict[str, set[int]]:
        """By axis, the directions that its clauses name."""
        found: dict[str, set[int]] = {}
        for sentence in self.sentences:
            for clause in sentence.clauses:
                for axis, signs in clause.directions.items():
                    found.setdefault(axis, set()).update(sign for _, sign in signs)
        return found


@dataclass(frozen=True, eq=False)
class Passage:
    """A source, read.

    Attributes:
        spans: (start, end) of its sentences.
        heading: title and section.
        told: the starts of those that may be quoted: no questions, headings, or items without the
            line that leads in.
        short: the abbreviations that it defines.
    """

    spans: tuple[tuple[int, int], ...]
    heading: tuple[Sentence, ...]
    sentences: tuple[Sentence, ...]
    told: frozenset[int]
    windows: tuple[Window, ...]
    short: Abbreviations


@lru_cache(maxsize=64)
def read(source: str, title: str, section: str) -> Passage:
    """Read a source; statements come one after the other, so the last ones are kept."""
    spans = sentence_spans(source)
    short = abbreviations(f"{title}. {section}. {source}")
    lists = list_spans(source, spans)
    forbids = _FORBIDS.search(section.rsplit(" > ", 1)[-1]) is not None
    sentences = [
        with_both_forms(parse(_spelled_out(_with_lead(source, spans, lists, at, forbids))), short)
        for at in range(len(spans))
    ]
    heading = [parse(text) for text in (title, section) if text]
    # Whether each sentence goes on about the subject of the one before.
    linked = [at > 0 and _is_linked(sentences[at - 1], sentences[at]) for at in range(len(spans))]
    tells = [_tells(source, start, end) for start, end in spans]
    windows = []
    for first in range(len(spans)):
        back = first
        while linked[back]:
            back -= 1
        context = [*heading, *reversed(sentences[max(back, first - _BEFORE) : first])]
        last = first + 1
        if not tells[first]:
            continue
        while last <= len(spans) and last - first <= _SIZE:
            windows.append(
                Window(sentences[first:last], heading, context, tuple(spans[first:last]))
            )
            if last == len(spans) or not linked[last] or not tells[last]:
                break
            last += 1
    alone = {
        start
        for at, (start, end) in enumerate(spans)
        if tells[at] and _with_lead(source, spans, lists, at, False) == source[start:end]
    }
    return Passage(
        tuple(spans), tuple(heading), tuple(sentences), frozenset(alone), tuple(windows), short
    )


def _spelled_out(line: str) -> str:
    """A row of a table with the unit of a column in its cells: "Dose: 5 mg" for "Dose (mg): 5"."""
    if not is_row(line) and is_row(line.replace(" | ", "; ")):
        line = line.replace(" | ", "; ")
    if not is_row(line):
        return line
    cells = line.split("; ")
    # "Outcome: stay (days)" or "Unit: days" is of all the cells that have no unit of their own.
    unit = next((one[1] for cell in cells if (one := _UNIT_CELL.fullmatch(cell))), "")
    if not unit and (one := _UNIT_OF_COLUMN.search(cells[0].partition(": ")[2])):
        unit = one[1] or one[2]
    return "; ".join(_cell(cell, unit if _UNIT_NAME.match(unit) else "") for cell in cells)


def _cell(cell: str, unit_of_row: str) -> str:
    """A cell with the unit that its column or its row names."""
    name, colon, value = cell.rpartition(": ")
    if colon and (none := _NONE.match(value)):
        return f"no {none['more']} {name}"
    if not colon or not re.search(r"\d\s*$", value):
        return cell
    if name.strip() == "%":
        return f"{value.rstrip()}%"
    if unit := _UNIT_OF_COLUMN.search(name):
        return f"{name[: unit.start()].strip()}: {value} {unit[1] or unit[2]}"
    if _PERIOD.fullmatch(name.strip()):
        return f"{name}: {value} {name.strip().lower()}"
    if unit_of_row and _BARE_CELL.fullmatch(value) and not _NO_MEASURE.match(name):
        return f"{cell.rstrip()} {unit_of_row}"
    return cell


def _tells(source: str, start: int, end: int) -> bool:
    """Whether a span says something: it is no question, and no heading above a paragraph."""
    text = source[start:end]
    if text.endswith("?"):
        return False
    short = len(text.split()) <= _HEADING and ":" not in text and not re.search(r"\d", text)
    return not (short and text[-1:] not in ".!;" and _PARAGRAPH.match(source, end))


def _with_lead(
    source: str,
    spans: Sequence[tuple[int, int]],
    lists: Sequence[tuple[int, int]],
    at: int,
    forbids: bool,
) -> str:
    """A sentence; an item of a list with the line that leads in, which may be "Do not:".

    Args:
        forbids: whether the section is headed "Contraindications" or the like, so that what has no
            predicate of its own is forbidden.
    """
    start, end = spans[at]
    item = source[start:end]
    for first, last in lists:
        lead = next((span for span in spans if span[0] == first), None)
        if lead and first < start < last and source[slice(*lead)].endswith(":"):
            return f"{source[slice(*lead)].rstrip(':')} {item}"
    if forbids and not any(map(_may_be_verb, re.findall(r"[a-z]+", item.lower()))):
        return f"Do not use it in {item}"
    return item


def _may_be_verb(word: str) -> bool:
    """Whether a word may be the predicate of a sentence."""
    return word in AUXILIARIES or root(word) in opposites() or root(word) in listed_roots("verbs")


def _is_linked(before: Sentence, after: Sentence) -> bool:
    """Whether a sentence goes on about the subject of the one before it."""
    if is_row(before.text) or is_row(after.text):
        return False
    if not after.terms or REFERS.match(after.text) or _REFERS_WITHIN.search(after.text[:80]):
        return True
    labels = [_LABEL.match(sentence.text) for sentence in (before, after)]
    if all(labels):  # "Indication: …" and "Adult: …", but not "Adults: …" and "Children: …"
        heads = [parse(label[0]) for label in labels if label]
        return not all(one.slots or any(map(is_name, one.terms)) for one in heads)
    # "Treatment lasts", but not "People with asthma"; an instruction has no subject of its own.
    if any(map(_has_plain_subject, (before, after))) or _is_instruction(after):
        return True
    if len(before.plain) <= 2:  # a name as a heading: "Amoxicillin."
        return True
    definite = after.words[0] in ("the", "these")
    return definite and matches(after.terms[0], before.roots, before.concepts)


@lru_cache(maxsize=2048)
def _has_plain_subject(sentence: Sentence) -> bool:
    """Whether a sentence begins with a subject that names nothing: "Treatment", "the trial"."""
    first = next((t for t in sentence.terms if t.roots[0] not in opposites()), None)
    if first is None or not first.light or first.start > 25:
        return False
    rest = sentence.text[first.end :].split(maxsplit=1)
    return not rest or rest[0].lower() not in _NARROWS


@lru_cache(maxsize=2048)
def _is_instruction(sentence: Sentence) -> bool:
    """Whether a sentence begins with what to do: "Give", "Avoid"."""
    first = sentence.words[0] if sentence.words else ""
    if first in AUXILIARIES or first.endswith(("s", "ed", "ing", "ion")):
        return False
    return root(first) in listed_roots("verbs") or any(
        axis == "do" for axis, _ in opposites().get(root(first), ())
    )
