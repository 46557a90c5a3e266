"""Find passages that contradict an answer: about the same thing they say the opposite, or a figure.

A contradiction is shown only if someone who knows the field would say that the two disagree. Both
have to be about the same subject and outcome, in the same people and under the same conditions, and
to state it as a fact. `stances.py` compares yes, no and directions, `figures.py` says which figures
are compared and how, `subjects.py` and `circumstances.py` what counts as the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import PurePosixPath
from typing import NamedTuple

from ...types import AnswerSentence, Citation, Contradiction, Flag, Hit
from ..support import check_support
from ..support.abbreviations import Abbreviations, abbreviations
from ..support.alignment import Comparison
from ..support.sentences import Sentence, parse
from .claims import Claim, Part, read_sentence, refers
from .figures import other_figure
from .headings import is_heading, sentence_places
from .hints import Wanted, hints
from .rows import Reading, readings
from .stances import opposite_stance
from .subjects import shared
from .told import is_told

__all__ = ["find_contradictions"]

_LONGEST = 600  # characters of a sentence that is compared
_MOST_BEFORE = 2  # sentences that one refers to
_SUPPORTED = 0.8  # score from which on a document also says what the statement says
_OUTDATED = frozenset({Flag.superseded, Flag.retracted, Flag.corrected})


def find_contradictions(
    sentences: Sequence[AnswerSentence], hits: Sequence[Hit], sources: Sequence[Citation]
) -> tuple[Contradiction, ...]:
    """Find hits that say otherwise than the supported sentences of an answer.

    Documents that a sentence cites, and those that also say what it says, do not contradict it, and
    what is superseded, retracted or corrected does not contradict what is not. Of a hit, one
    sentence is shown for each sentence of the answer; the same text is shown once, and so are two
    sentences of the answer that contradict each other.

    Args:
        hits: of the question, and found with the sentences themselves as queries.
        sources: of the answer; the markers of the contradictions go on after theirs.
    """
    used = {marker for one in sentences if one.supported for marker in one.citations}
    quoted = [one for one in sources if one.marker in used]
    passages = [_Passage(hit, quoted) for hit in hits]
    known: list[tuple[_Place, list[Citation]]] = []
    markers: dict[_Place, int] = {}
    first = max((source.marker for source in sources), default=0) + 1
    found: list[Contradiction] = []
    for sentence in sentences:
        if not sentence.supported:
            continue
        cited = [one for one in sources if one.marker in sentence.citations]
        for passage, clash in _clashes(sentence.text, cited, passages):
            place = passage.place(clash)
            if any(_is_in(place, theirs) and _is_in(other, cited) for other, theirs in known):
                continue
            known.append((place, cited))
            marker = markers.setdefault(place, first + len(markers))
            source = passage.cite(clash, marker)
            found.append(Contradiction(sentence.text, clash.reason, source))
    return tuple(found)


_Place = tuple[str, int, int]  # document, and offsets in it


class _Clash(NamedTuple):
    """A sentence of a passage that contradicts a statement; offsets in the text of the hit."""

    reason: str
    start: int
    end: int
    score: float


class _Said:
    """What one sentence of a statement says, or one figure of a row."""

    def __init__(self, reading: Reading, claim: Claim) -> None:
        self.reading = reading
        self.hints = hints(reading.text)
        self.wanted = Wanted(claim)
        self._claim = claim

    def claim(self, other: str) -> Claim:
        """The claim that is compared with a sentence."""
        text = self.reading.beside(other)
        is_same = text == self.reading.text
        return self._claim if is_same else replace(self._claim, sentence=read_sentence(text, {}))


class _Statement:
    """A statement of an answer, read with the headings of the source that it cites."""

    def __init__(self, text: str, source: Citation | None) -> None:
        self.text = text
        title, section = (_title(source), source.section) if source else ("", "")
        heading = _read(title), _read(section)
        spans = sentence_places(text)
        told = [text[slice(*span)] for span in spans]
        self.said = [
            _Said(one, Claim(read_sentence(one.text, {}), *heading, _before(told, at, {})))
            for at, sentence in enumerate(told)
            if _may_be_compared(sentence, "")
            for one in readings(sentence)
        ]


class _Passage:
    """A hit, of which only those sentences are taken apart that may be about a statement."""

    def __init__(self, hit: Hit, quoted: Sequence[Citation]) -> None:
        self.hit = hit
        self._quoted = [one for one in quoted if one.document == hit.document]
        self.section = " > ".join(part for part in (hit.section, hit.header) if part)
        self.spans = sentence_places(hit.text)
        self._texts = [hit.text[slice(*span)] for span in self.spans]
        self._topic = hints(_title(hit)).roots
        self._heading = hints(f"{hit.title} {self.section}").roots
        self._hints = [hints(text) for text in self._texts]
        # The roots of each sentence and of those before it.
        self._near = [
            frozenset[str]().union(
                *(one.roots for one in self._hints[max(0, n - _MOST_BEFORE) : n + 1])
            )
            for n in range(len(self.spans))
        ]

    def clash(self, statement: _Statement) -> _Clash | None:
        """The first sentence that contradicts a statement."""
        for at, (start, end) in enumerate(self.spans):
            said = [one for one in statement.said if self._may_contradict(at, one)]
            if not said or not self._may_be_compared(at):
                continue
            place = self.hit.document, self.hit.start + start, self.hit.start + end
            both_quoted = _is_in(place, self._quoted)
            for reading, one in product(readings(self._texts[at]), said):
                ours = one.claim(reading.text)
                theirs = self._claim(at, reading.beside(one.reading.text))
                if found := _disagreement(ours, theirs, both_quoted):
                    return _Clash(found[0], start, end, found[1])
        return None

    def supports(self, statement: _Statement) -> bool:
        """Tell whether it says what a statement says."""
        return (
            check_support(
                statement.text, self.hit.text, title=self.hit.title, section=self.section
            ).score
            >= _SUPPORTED
        )

    def place(self, clash: _Clash) -> _Place:
        """Where a clash is."""
        return self.hit.document, self.hit.start + clash.start, self.hit.start + clash.end

    def cite(self, clash: _Clash, marker: int) -> Citation:
        """The sentence as a source."""
        return Citation.of(self.hit, clash.start, clash.end, marker, round(clash.score, 3))

    def _may_contradict(self, at: int, said: _Said) -> bool:
        """Whether a sentence is worth taking apart, by its words alone."""
        here = self._near[at]
        return said.hints.may_contradict(self._hints[at]) and said.wanted.may_be_in(
            here | self._topic, here | self._heading
        )

    def _may_be_compared(self, at: int) -> bool:
        return _may_be_compared(self._texts[at], self.section) and not self._is_heading(at)

    def _is_heading(self, at: int) -> bool:
        headings = {one.casefold() for one in (self.hit.title, self.hit.section, self.hit.header)}
        text = self._texts[at].casefold()
        return text in headings or is_heading(self.hit.text, *self.spans[at])

    def _claim(self, at: int, text: str) -> Claim:
        """A sentence with the headings and the sentences that it is understood with.

        Args:
            text: how the sentence is read.
        """
        short = abbreviations(f"{self.hit.title}. {self.section}. {self.hit.text}")
        return Claim(
            read_sentence(text, short),
            _read(_title(self.hit)),
            _read(self.section),
            _before(self._texts, at, short),
        )


def _clashes(
    text: str, cited: Sequence[Citation], passages: Sequence[_Passage]
) -> Iterator[tuple[_Passage, _Clash]]:
    """The passages that contradict a statement; those with one text only once."""
    statement = _Statement(text, cited[0] if cited else None)
    documents = {one.document for one in cited}
    is_current = any(_OUTDATED.isdisjoint(one.flags) for one in cited)
    shown: set[str] = set()
    for passage in passages:
        document = passage.hit.document
        if document in documents or (is_current and not _OUTDATED.isdisjoint(passage.hit.flags)):
            continue
        clash = passage.clash(statement)
        if clash is None or passage.hit.text[clash.start : clash.end] in shown:
            continue
        others = [one for one in passages if one.hit.document == document]
        if any(one.supports(statement) for one in others):
            documents.add(document)
            continue
        shown.add(passage.hit.text[clash.start : clash.end])
        yield passage, clash


def _disagreement(ours: Claim, theirs: Claim, both_quoted: bool) -> tuple[str, float] | None:
    """What two claims disagree in, and how much of the subject they share."""
    comparison = Comparison(ours.sentence, [theirs.sentence], [])
    for clause, counterpart, _ in comparison.aligned:
        if comparison.counterpart(counterpart) is not clause:
            continue  # another clause says more of the same
        one, other = Part(ours, clause), Part(theirs, counterpart)
        difference = opposite_stance(one, other, both_quoted) or other_figure(one, other)
        if difference and (score := shared(one, other, difference)):
            return difference.reason, score
    return None


def _before(texts: Sequence[str], at: int, short: Abbreviations) -> tuple[Sentence, ...]:
    """The sentences that one of some texts refers to, the nearest first."""
    found: list[Sentence] = []
    while at and len(found) < _MOST_BEFORE and refers(texts[at]):
        at -= 1
        found.append(read_sentence(texts[at], short))
    return tuple(found)


def _is_in(place: _Place, sources: Sequence[Citation]) -> bool:
    """Whether a source has a part of what is at a place."""
    document, start, end = place
    return any(one.document == document and one.start < end and start < one.end for one in sources)


def _may_be_compared(text: str, section: str) -> bool:
    return len(text) <= _LONGEST and is_told(text, section)


def _title(source: Hit | Citation) -> str:
    """The title of a document; "" if it is a file name with a number, which names no topic."""
    name = PurePosixPath(source.document).stem.casefold()
    is_number = any(map(str.isdigit, name)) and source.title.casefold() == name
    return "" if is_number else source.title


def _read(heading: str) -> tuple[Sentence, ...]:
    return (parse(heading),) if heading else ()
