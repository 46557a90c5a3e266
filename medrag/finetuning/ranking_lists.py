"""What a retriever learns from: questions, the passage that answers each, and others near it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from ..retrieval import Retriever
from ..text.near_duplicates import Gist
from ..types import Hit

# A passage whose cosine is not at least this share below that of the answer may answer, too
# (Moreira et al. 2024, "NV-Retriever", arXiv:2407.15831).
RELATIVE_MARGIN = 0.05
_DRAWN = 50  # passages of other questions that are tried, to find negatives among them
_LOOKED_AT = 30  # hits of a question among which negatives are looked for


@dataclass(frozen=True, slots=True)
class RankingList:
    """A question with passages as the index embeds them.

    Attributes:
        passages: the first one answers, the others do not.
        answers: what no other list of a batch may have as a passage: the documents that answer, and
            the text that does.
        shown: documents and texts of all passages.
        scores: of a teacher, one for each passage; none without a teacher.
    """

    question: str
    passages: tuple[str, ...]
    answers: frozenset[str]
    shown: frozenset[str]
    scores: tuple[float, ...] = ()


class ListMaker:
    """Makes the lists of one index.

    Args:
        embedded_text: the text that the index embeds for a chunk.
        teacher: scores for passages of a question, higher is better; None for no scores.
        negatives: how many there are in each list.
        is_held_out: whether training must not see a passage.
        spare: passages of other questions, from which negatives are drawn where the index has too
            few that are clearly below the answer.

    Attributes:
        topped_up: lists that have such negatives.
    """

    def __init__(
        self,
        retriever: Retriever,
        embedded_text: Callable[[Hit], str],
        teacher: Callable[[str, Sequence[Hit]], Sequence[float]] | None,
        negatives: int,
        is_held_out: Callable[[Hit], bool],
        spare: Sequence[Hit],
    ) -> None:
        self.topped_up = 0
        self._retriever = retriever
        self._text = embedded_text
        self._teacher = teacher
        self._negatives = negatives
        self._is_held_out = is_held_out
        self._spare = spare

    def make(self, question: str, passage: Hit, documents: Iterable[str]) -> RankingList | None:
        """The list of a question; None if there are too few passages that do not answer it.

        Args:
            passage: answers it.
            documents: ids of all documents that do.
        """
        gold = {passage.document, *documents}
        negatives = self._below(question, passage, gold)
        if len(negatives) < self._negatives:
            self.topped_up += 1
            negatives += self._drawn(question, passage, gold, negatives)
        if len(negatives) < self._negatives:
            return None
        hits = [passage, *negatives]
        texts = [self._text(hit) for hit in hits]
        return RankingList(
            question=question,
            passages=tuple(texts),
            answers=frozenset({*gold, texts[0]}),
            shown=frozenset({*texts, *(hit.document for hit in hits)}),
            scores=tuple(self._teacher(question, hits)) if self._teacher else (),
        )

    def _below(self, question: str, passage: Hit, gold: set[str]) -> list[Hit]:
        """The nearest passages that are clearly below the answer, and no copies of it."""
        if not self._negatives:
            return []
        query = self._retriever.query_vector(self._retriever.wording_of(question).embedded)
        vector = self._retriever.vectors([passage.chunk_id])[passage.chunk_id]
        most = (1 - RELATIVE_MARGIN) * float(vector @ query)
        gist = Gist(passage.text)
        found: list[Hit] = []
        for hit in self._retriever.retrieve(question, _LOOKED_AT):
            names = (hit.document, *hit.duplicates)
            if not gold.isdisjoint(names) or self._is_held_out(hit):
                continue
            if (hit.similarity or 0.0) <= most and not gist.is_same(Gist(hit.text)):
                found.append(hit)
                if len(found) == self._negatives:
                    break
        return found

    def _drawn(
        self, question: str, passage: Hit, gold: set[str], found: Sequence[Hit]
    ) -> list[Hit]:
        """As many passages of other questions as are lacking, drawn by the question."""
        used = {passage.text, *(hit.text for hit in found)}
        drawn: list[Hit] = []
        draw = random.Random(question)
        for hit in draw.sample(self._spare, min(_DRAWN, len(self._spare))):
            if len(drawn) == self._negatives - len(found):
                break
            if gold.isdisjoint((hit.document, *hit.duplicates)) and hit.text not in used:
                drawn.append(hit)
                used.add(hit.text)
        return drawn


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of a training, as numbers of lists; a passage of one never answers another.

    Attributes:
        unused: lists that are in no batch.
    """

    batches: Sequence[Sequence[int]]
    unused: int

    @property
    def mean_size(self) -> float:
        """Lists of a batch."""
        return sum(map(len, self.batches)) / max(1, len(self.batches))


def plan_batches(
    lists: Sequence[RankingList], size: int, epochs: float, seed: int, steps: int = -1
) -> Batches:
    """Put lists into batches of at most `size`, in an order drawn by the seed.

    Lists that answer one question of another's passages wait for a later batch. A batch of one
    list, which has no negatives of others, is left out.

    Args:
        steps: how many batches, instead of `epochs`; -1: as many as those have.
    """
    planned: list[Sequence[int]] = []
    for epoch in count():
        batches = list(_of_epoch(lists, size, random.Random(f"{seed}\0{epoch}")))
        if steps > 0:
            planned += batches[: steps - len(planned)]
        else:
            planned += batches[: math.ceil((epochs - epoch) * len(batches))]
        is_last = len(planned) >= steps if steps > 0 else epoch + 1 >= epochs
        if is_last or not batches:
            break
    used = {number for batch in planned for number in batch}
    return Batches(planned, len(lists) - len(used))


def _of_epoch(lists: Sequence[RankingList], size: int, draw: random.Random) -> Iterator[list[int]]:
    waiting = list(range(len(lists)))
    draw.shuffle(waiting)
    while waiting:
        batch: list[int] = []
        later: list[int] = []
        answers: set[str] = set()
        shown: set[str] = set()
        for place, number in enumerate(waiting):
            one = lists[number]
            if len(batch) == size:
                later += waiting[place:]
                break
            if answers.isdisjoint(one.shown) and shown.isdisjoint(one.answers):
                batch.append(number)
                answers |= one.answers
                shown |= one.shown
            else:
                later.append(number)
        if len(batch) > 1:
            yield batch
        waiting = later
