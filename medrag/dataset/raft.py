"""RAFT rows: the passage that has the answer among hard distractors, or the distractors alone.

Zhang et al. 2024, "RAFT: Adapting Language Model to Domain Specific RAG", arXiv:2403.10131. Other
than in its reference code, the label of a row without the oracle is the refusal, no distractor
repeats the oracle or bears out the answer, and the oracle's place says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from ..config import DatasetConfig
from ..generation.prompts import REFUSAL, Prompt, completion
from ..pipeline import RAGPipeline
from ..retrieval.neighbours import join_neighbours
from ..text.near_duplicates import Gist
from ..types import Example, Hit
from . import drawn
from .labels import Label, label_of
from .near_miss import alter, names
from .preferences import pairs_of
from .questions import DocumentNames
from .rows import NO_PASSAGE, LeftOut, Made, Reason, Row, Variant, asked, context
from .shared_prompts import SharedPrompts
from .similar import EvaluationSets

_ALIKE = 0.85  # share of words from which on two passages are copies, as in `retrieval.distinct`
_MORE = 4  # hits that are asked for, for each distractor
_DEEPEST = 400  # hits that are looked at for distractors, at most
_REMEMBERED = 500  # training questions whose hits and labels are kept for the rows of others


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of a question before it gets rows.

    Attributes:
        gold: ids of its documents.
        label: None if no passage bears out its answer.
        against: what speaks against it, if anything.
    """

    gold: list[str]
    hits: list[Hit]
    label: Label | None
    against: LeftOut | None


class RowMaker:
    """Makes the rows of one question at a time.

    Its own rows do not depend on other questions. Those that share its passages do.

    Args:
        held_out: question sets that no row of train and validation may share words with.
        training: the questions of the train split, for `dataset.shared_questions`.
        written: whether the questions were written from the index, so that each has to find its
            passage in every split.
    """

    def __init__(
        self,
        rag: RAGPipeline,
        names: DocumentNames,
        config: DatasetConfig,
        held_out: EvaluationSets | None = None,
        *,
        training: Sequence[Example] = (),
        written: bool = False,
    ) -> None:
        self._rag = rag
        self._names = names
        self._config = config
        self._held_out = held_out
        self._written = written
        self._in_training = lru_cache(_REMEMBERED)(lambda one: self._look(one, "train"))
        self._shared = None
        if config.shared_questions:
            self._shared = SharedPrompts(training, names, self._training_label, config.seed)

    def make(self, example: Example, split: str) -> Made:
        """The rows of a question and those that share its passages; or why there are none."""
        found = self._in_training(example) if split == "train" else self._look(example, split)
        if found.against and not found.against.kept:
            return Made(split, left_out=found.against)
        if found.label:
            made = self._answered(example, found, found.label, split)
        else:
            variant = Variant.unsupported if example.answerable else Variant.unanswerable
            made = Made(split, [self._refused(example, found.gold, found.hits, variant)])
        return replace(made, left_out=made.left_out or found.against)

    def _look(self, example: Example, split: str) -> _Found:
        """Search for a question, and find its label."""
        gold = self._names.resolve(example.documents)
        hits = self._rag.retrieve(example.question, self._depth)
        label = None
        if example.answerable:
            passages = self._passages(gold) if gold else hits[: self._config.num_distractors + 1]
            label = label_of(example, passages, self._config.max_answer_words)
            if label:
                own = {*gold, label.passage.document}
                label = label.in_particular(hit for hit in hits if hit.document not in own)
        return _Found(gold, hits, label, self._against(example, split, label, hits))

    def _training_label(self, example: Example) -> Label | None:
        """The label of a training question, if nothing speaks against it."""
        found = self._in_training(example)
        return None if found.against else found.label

    def _against(
        self, example: Example, split: str, label: Label | None, hits: Sequence[Hit]
    ) -> LeftOut | None:
        """What speaks against a question; the test split keeps it in most cases."""
        is_test = split == "test"
        texts = [example.question, *(one.text for one in (label.statements if label else ()))]
        shared = (
            next(filter(None, map(self._held_out.contaminated, texts)), "")
            if (self._held_out)
            else ""
        )
        if shared:
            return _left_out(example, split, Reason.contaminated, shared, kept=is_test)
        if example.answerable and label is None and not is_test:
            why = "no passage bears out the answer" if example.answer else "it has no answer"
            return _left_out(example, split, Reason.unsupported, why)
        checks = self._config.round_trip and (self._written or not is_test)
        if label and checks and not self._finds(label.passage, hits):
            best = f"its {self._config.round_trip} best hits"
            why = f"{label.passage.document} is not among {best}"
            return _left_out(example, split, Reason.not_found, why)
        return None

    def _answered(self, example: Example, found: _Found, label: Label, split: str) -> Made:
        """The rows of a question whose answer a passage bears out."""
        gold, own = found.gold, {*found.gold, label.passage.document}
        distractors, also = self._distractors(example.question, found.hits, own, label)
        beside = distractors[: self._config.num_distractors]
        prompt = self._with_oracle(example, label.passage, beside)
        if not prompt:
            limit = self._rag.config.generator.context_tokens
            why = f"the prompt exceeds {limit} tokens with a single passage"
            left_out = _left_out(example, split, Reason.too_long, why)
            return Made(split, left_out=left_out, also_answers=also)
        near_miss = None
        if distractors and self._draw("oracle", example) >= self._config.oracle_probability:
            prompt = self._best(example, distractors)
            row = self._row(example, gold, prompt, Variant.withheld, REFUSAL, label.passage)
            row = replace(row, left_out=prompt.left_out)
        else:
            reply = label.reply(prompt.contexts.index(label.passage) + 1)
            row = self._row(example, gold, prompt, Variant.oracle, reply, label.passage)
            row = replace(row, left_out=len(beside) + 1 - len(prompt.contexts))
            if split != "test":
                near_miss = self._near_miss(example, row, prompt, label)
        rows = [row] if near_miss is None else [row, near_miss]
        pairs = pairs_of(rows, label, self._config.seed) if split == "train" else []
        if split == "train":
            rows[1:1] = self._sharing(example, prompt.contexts, found.hits)
        return Made(split, rows, pairs, None, label.left_out, also)

    def _sharing(
        self, example: Example, contexts: Sequence[Hit], hits: Sequence[Hit]
    ) -> Iterator[Row]:
        """Rows with the same passages and other questions."""
        if self._shared is None:
            return
        most, share = self._config.shared_questions, self._config.oracle_probability
        for shared in self._shared.of(example, contexts, hits, most, share):
            other, label, place = shared.example, shared.label, shared.place
            prompt = self._rag.prompt(other.question, contexts)
            if prompt.left_out:
                continue  # a longer question
            variant = Variant.oracle if place else Variant.withheld
            reply = label.reply(place) if place else REFUSAL
            oracle = contexts[place - 1] if place else label.passage
            gold = self._names.resolve(other.documents)
            row = self._row(other, gold, prompt, variant, reply, oracle)
            yield replace(row, id=f"{other.id}@{example.id}", shares=example.id)

    def _with_oracle(
        self, example: Example, oracle: Hit, distractors: Sequence[Hit]
    ) -> Prompt | None:
        """The oracle among as many distractors as fit; None if it does not fit alone.

        Its place is drawn by the question's id. The distractors keep the order of retrieval, which
        is that of answering.
        """
        for fitting in range(len(distractors), -1, -1):
            place = int(self._draw("place", example) * (fitting + 1))
            contexts = [*distractors[:place], oracle, *distractors[place:fitting]]
            prompt = self._rag.prompt(example.question, contexts)
            if not prompt.left_out:
                return prompt
        return None

    def _refused(
        self, example: Example, gold: list[str], hits: Sequence[Hit], variant: Variant
    ) -> Row:
        """A row over the best hits, of which none is known to answer."""
        prompt = self._best(example, hits)
        reply = "" if variant is Variant.unsupported else REFUSAL
        row = self._row(example, gold, prompt, variant, reply, None)
        return replace(row, left_out=prompt.left_out)

    def _best(self, example: Example, hits: Sequence[Hit]) -> Prompt:
        """The prompt of a row without the oracle."""
        best = join_neighbours(hits[: self._config.num_distractors + 1])
        return self._rag.prompt(example.question, best)

    def _near_miss(self, example: Example, row: Row, prompt: Prompt, label: Label) -> Row | None:
        """The same row with something swapped in the oracle; for a share of the questions.

        The label says what the altered passage says. It is the refusal if the question itself names
        what was swapped: then the passage is about others.
        """
        if self._draw("near miss", example) >= self._config.near_miss_share:
            return None
        random = Random(f"{self._config.seed}\0{example.id}")
        found = alter(example.question, label, random)
        if found is None:
            return None
        altered, swap = found
        hit, place = altered.passage, row.oracle
        contexts = [*prompt.contexts[: place - 1], hit, *prompt.contexts[place:]]
        changed = self._rag.prompt(example.question, contexts)
        if changed.left_out:
            return None
        reply = REFUSAL if names(example.question, swap) else altered.reply(place)
        new = self._row(example, row.documents, changed, Variant.near_miss, reply, hit)
        new.contexts[place - 1]["altered"] = new.passage["altered"] = True
        return replace(new, id=f"{row.id}#near-miss", altered=str(swap), left_out=row.left_out)

    def _row(
        self,
        example: Example,
        gold: list[str],
        prompt: Prompt,
        variant: Variant,
        reply: str,
        oracle: Hit | None,
    ) -> Row:
        """A row over the passages of a prompt."""
        own = {*gold, oracle.document} if oracle else {*gold}
        return Row(
            id=example.id,
            **asked(example),
            documents=gold,
            contexts=[context(hit, own) for hit in prompt.contexts],
            oracle=prompt.contexts.index(oracle) + 1 if oracle in prompt.contexts else 0,
            passage=context(oracle, own) if oracle else dict(NO_PASSAGE),
            variant=variant,
            altered="",
            shares="",
            left_out=0,
            prompt=prompt.messages,
            completion=completion(reply) if reply else [],
        )

    def _passages(self, gold: Sequence[str]) -> list[Hit]:
        """All chunks of some documents, in order."""
        index = self._rag.index
        chunks = [chunk for document in gold for chunk in index.document_chunk_ids(document)]
        found = index.hits(chunks)
        return [found[chunk] for chunk in chunks]

    def _finds(self, oracle: Hit, hits: Sequence[Hit]) -> bool:
        """Whether the question finds the document of the oracle, or a copy of it."""
        best = hits[: self._config.round_trip]
        return any(oracle.document in (hit.document, *hit.duplicates) for hit in best)

    def _distractors(
        self, question: str, hits: Sequence[Hit], own: Set[str], label: Label
    ) -> tuple[list[Hit], int]:
        """The hardest passages that neither are nor say the answer, best first.

        Returns:
            One more than `num_distractors`, or fewer if the index has no more. And how many hits
            were passed over because they bear out the label.
        """
        wanted, also = self._config.num_distractors + 1, 0
        gist = Gist(label.passage.text)
        found: list[Hit] = []
        for hit in self._deeper(question, hits):
            if not own.isdisjoint((hit.document, *hit.duplicates)):
                continue
            other = Gist(hit.text)
            if gist.is_same(other) or gist.wording.shared(other.wording) >= _ALIKE:
                continue
            if label.is_said_by(hit):
                also += 1
                continue
            if len(join_neighbours([*found, hit])) == len(found):
                continue  # the two would be one passage
            found.append(hit)
            if len(found) == wanted:
                break
        return found, also

    def _deeper(self, question: str, hits: Sequence[Hit]) -> Iterator[Hit]:
        """The hits, and more of them when they do not suffice."""
        yield from hits
        while len(hits) >= self._depth and len(hits) < _DEEPEST:
            before = len(hits)
            hits = self._rag.retrieve(question, min(4 * before, _DEEPEST))
            yield from hits[before:]
            if len(hits) < min(4 * before, _DEEPEST):
                return

    @property
    def _depth(self) -> int:
        """How many hits a question is asked for at first."""
        return max(self._config.round_trip, _MORE * (self._config.num_distractors + 1))

    def _draw(self, what: str, example: Example) -> float:
        return drawn(self._config.seed, what, example.id)


def _left_out(
    example: Example, split: str, reason: Reason, detail: str, *, kept: bool = False
) -> LeftOut:
    return LeftOut(example.id, split, example.question, reason, detail, kept)
