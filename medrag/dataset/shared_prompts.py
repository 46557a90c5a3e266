"""More questions for the passages of a row: which others they answer, and which they do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..types import Example, Hit
from . import drawn
from .labels import Label
from .questions import DocumentNames

_TRIED = 3  # questions of one document that are looked at for one prompt, at most


@dataclass(frozen=True, slots=True)
class Shared:
    """A question that is asked of the passages of another one.

    Attributes:
        place: of the passage that answers, from 1; 0 if none does.
    """

    example: Example
    label: Label
    place: int


class SharedPrompts:
    """Finds training questions that other questions' passages answer, or nearly answer.

    The same passages with several questions teach what decides between them: the question. And a
    CPU reads the passages once for all of them (`medrag.finetuning.packing`).

    Args:
        questions: of the train split.
        label_of: the label of a question; None if it gets no row.
    """

    def __init__(
        self,
        questions: Iterable[Example],
        names: DocumentNames,
        label_of: Callable[[Example], Label | None],
        seed: int,
    ) -> None:
        self._label_of = label_of
        self._names = names
        self._seed = seed
        self._asked: defaultdict[str, list[Example]] = defaultdict(list)
        for example in questions:
            for document in names.resolve(example.documents):
                self._asked[document].append(example)

    def of(
        self,
        example: Example,
        contexts: Sequence[Hit],
        hits: Sequence[Hit],
        most: int,
        answered_share: float,
    ) -> Iterator[Shared]:
        """Up to `most` questions for the passages of one row.

        Args:
            example: whose row it is; it is not asked again.
            contexts: the passages of the row.
            hits: what that question found. The questions of documents that are not among the
                passages are those that nearly fit.
            answered_share: of the questions, that a passage answers; the others are refused. There
                may be fewer of those.
        """
        answered = self._answered(example, contexts)
        refused = self._refused(example, contexts, hits)
        for number in range(most):
            is_answered = drawn(self._seed, f"shared {number}", example.id) < answered_share
            found = None if is_answered else next(refused, None)
            found = found or next(answered, None)
            if found is None:
                return
            yield found

    def _answered(self, example: Example, contexts: Sequence[Hit]) -> Iterator[Shared]:
        first = int(drawn(self._seed, "shared place", example.id) * len(contexts))
        for turn in range(len(contexts)):
            place = (first + turn) % len(contexts)
            others = [*contexts[:place], *contexts[place + 1 :]]
            for other, label in self._asked_of(example, contexts[place].document):
                if _holds(contexts[place], label) and not _say(others, label):
                    yield Shared(other, label, place + 1)
                    break

    def _refused(
        self, example: Example, contexts: Sequence[Hit], hits: Sequence[Hit]
    ) -> Iterator[Shared]:
        there = {name for hit in contexts for name in (hit.document, *hit.duplicates)}
        for hit in hits:
            if not there.isdisjoint((hit.document, *hit.duplicates)):
                continue
            there.add(hit.document)
            for other, label in self._asked_of(example, hit.document):
                own = self._names.resolve(other.documents)
                if (
                    label.passage.document == hit.document
                    and there.isdisjoint({*own} - {hit.document})
                    and not _say(contexts, label)
                ):
                    yield Shared(other, label, 0)
                    break

    def _asked_of(self, example: Example, document: str) -> Iterator[tuple[Example, Label]]:
        """Other questions of a document that get rows, with their labels."""
        others = (one for one in self._asked.get(document, ()) if one.id != example.id)
        for other in islice(others, _TRIED):
            if label := self._label_of(other):
                yield other, label


def _holds(hit: Hit, label: Label) -> bool:
    """Whether a hit is the passage of a label, perhaps joined with its neighbours."""
    oracle = label.passage
    return hit.document == oracle.document and hit.start <= oracle.start and oracle.end <= hit.end


def _say(hits: Iterable[Hit], label: Label) -> bool:
    return any(_holds(hit, label) or label.is_said_by(hit) for hit in hits)
