"""Find passages that contradict an answer: about the same thing they say the opposite, or a figure.

A contradiction is shown only if someone who knows the field would say that the two disagree. Both
have to be about the same subject and outcome, in the same people and under the same conditions, and
to state it as a fact. `stances.py` compares yes, no and directions, `figures.py` says which figures
are compared and how, `subjects.py` and `circumstances.py` what counts as the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from ...types import AnswerSentence, Citation, Contradiction, Hit
from ..spans import sentence_spans
from ..support import check_support
from ..support.abbreviations import abbreviations
from ..support.alignment import Comparison
from ..support.sentences import Sentence, parse
from .claims import Claim, Part, read_sentence, refers
from .figures import other_figure
from .headings import is_heading
from .hints import Wanted, hints
from .stances import opposite_stance
from .subjects import shared
from .told import is_told

__all__ = ["find_contradictions"]

_LONGEST = 600  # characters of a sentence that is compared
_MOST_BEFORE = 2  # sentences that one refers to
_SUPPORTED = 0.8  # score from which on a document also says what the statement says


def find_contradictions(
    sentences: Sequence[AnswerSentence], hits: Sequence[Hit], sources: Sequence[Citation]
) -> tuple[Contradiction, ...]:
    """Find hits that say otherwise than the supported sentences of an answer.

    Documents that a sentence cites, and those that also say what it says, do not contradict it. Of
    a hit, one sentence is shown for each sentence of the answer; the same text is shown once.

    Args:
        hits: of the question, and found with the sentences themselves as queries.
        sources: of the answer; the markers of the contradictions go on after theirs.
    """
    passages = [_Passage(hit) for hit in hits]
    markers: dict[tuple[str, int, int], int] = {}
    first = max((source.marker for source in sources), default=0) + 1
    found: list[Contradiction] = []
    for sentence in sentences:
        if not sentence.supported or not _may_be_compared(sentence.text, ""):
            continue
        cited = [one for one in sources if one.marker in sentence.citations]
        for passage, clash in _clashes(sentence.text, cited, passages):
            marker = markers.setdefault(passage.place(clash), first + len(markers))
            source = passage.cite(clash, marker)
            found.append(Contradiction(sentence.text, clash.reason, source))
    return tuple(found)


class _Clash(NamedTuple):
    """A sentence of a passage that contradicts a statement; offsets in the text of the hit."""

    reason: str
    start: int
    end: int
    score: float


class _Statement:
    """A statement of an answer, read with the headings of the source that it cites."""

    def __init__(self, text: str, source: Citation | None) -> None:
        self.text = text
        title, section = (_title(source), source.section) if source else ("", "")
        self.claim = Claim(read_sentence(text, {}), _read(title), _read(section))
        self.hints = hints(text)
        self.wanted = Wanted(self.claim.sentence.clauses)


class _Passage:
    """A hit, of which only those sentences are taken apart that may be about a statement."""

    def __init__(self, hit: Hit) -> None:
        self.hit = hit
        self.section = " > ".join(part for part in (hit.section, hit.header) if part)
        self.spans = sentence_spans(hit.text)
        self._heading = hints(f"{hit.title} {self.section}").roots
        self._hints = [hints(hit.text[slice(*span)]) for span in self.spans]
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
            if not self._may_contradict(at, statement):
                continue
            if found := _disagreement(statement.claim, self._claim(at)):
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

    def place(self, clash: _Clash) -> tuple[str, int, int]:
        """Document, and offsets in it."""
        return self.hit.document, self.hit.start + clash.start, self.hit.start + clash.end

    def cite(self, clash: _Clash, marker: int) -> Citation:
        """The sentence as a source."""
        document, start, end = self.place(clash)
        return Citation(
            marker=marker,
            document=document,
            title=self.hit.title,
            text=self.hit.text[clash.start : clash.end],
            start=start,
            end=end,
            page=self.hit.page,
            section=self.hit.section,
            url=self.hit.url,
            score=round(clash.score, 3),
            flags=self.hit.flags,
        )

    def _may_contradict(self, at: int, statement: _Statement) -> bool:
        """Whether a sentence is worth taking apart, by its words alone."""
        here = self._near[at]
        return (
            statement.hints.may_contradict(self._hints[at])
            and statement.wanted.may_be_in(here, here | self._heading)
            and _may_be_compared(self._text(at), self.section)
            and not self._is_heading(at)
        )

    def _is_heading(self, at: int) -> bool:
        headings = {one.casefold() for one in (self.hit.title, self.hit.section, self.hit.header)}
        text = self._text(at).casefold()
        return text in headings or is_heading(self.hit.text, *self.spans[at])

    def _claim(self, at: int) -> Claim:
        """A sentence with the headings and the sentences that it is understood with."""
        short = abbreviations(f"{self.hit.title}. {self.section}. {self.hit.text}")
        sentences = [read_sentence(self._text(at), short)]
        while at and len(sentences) <= _MOST_BEFORE and refers(self._text(at)):
            at -= 1
            sentences.append(read_sentence(self._text(at), short))
        return Claim(
            sentences[0], _read(_title(self.hit)), _read(self.section), tuple(sentences[1:])
        )

    def _text(self, at: int) -> str:
        return self.hit.text[slice(*self.spans[at])]


def _clashes(
    text: str, cited: Sequence[Citation], passages: Sequence[_Passage]
) -> Iterator[tuple[_Passage, _Clash]]:
    """The passages that contradict a statement; those with one text only once."""
    statement = _Statement(text, cited[0] if cited else None)
    documents = {one.document for one in cited}
    shown: set[str] = set()
    for passage in passages:
        document = passage.hit.document
        clash = None if document in documents else passage.clash(statement)
        if clash is None or passage.hit.text[clash.start : clash.end] in shown:
            continue
        others = [one for one in passages if one.hit.document == document]
        if any(one.supports(statement) for one in others):
            documents.add(document)
            continue
        shown.add(passage.hit.text[clash.start : clash.end])
        yield passage, clash


def _disagreement(ours: Claim, theirs: Claim) -> tuple[str, float] | None:
    """What two claims disagree in, and how much of the subject they share."""
    comparison = Comparison(ours.sentence, [theirs.sentence], [])
    for clause, counterpart, _ in comparison.aligned:
        if comparison.counterpart(counterpart) is not clause:
            continue  # another clause says more of the same
        one, other = Part(ours, clause), Part(theirs, counterpart)
        difference = opposite_stance(one, other) or other_figure(one, other)
        if difference and (score := shared(one, other, difference)):
            return difference.reason, score
    return None


def _may_be_compared(text: str, section: str) -> bool:
    return len(text) <= _LONGEST and is_told(text, section)


def _title(source: Hit | Citation) -> str:
    """The title of a document; "" if it is a file name with a number, which names no topic."""
    name = PurePosixPath(source.document).stem.casefold()
    is_number = any(map(str.isdigit, name)) and source.title.casefold() == name
    return "" if is_number else source.title


def _read(heading: str) -> tuple[Sentence, ...]:
    return (parse(heading),) if heading else ()
