"""Make one training row: the question in the answering prompt, and the reply to learn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..generation.prompts import REFUSAL, Message, Prompt, completion
from ..grounding.support import best_span, parse_statements
from ..manifest import Parent
from ..metrics import token_recall
from ..pipeline import RAGPipeline
from ..types import Example, Hit
from .splits import SPLITS

_CITED = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the dataset.

    Attributes:
        documents: ids of the gold documents that the index holds.
        contexts: the passages of the prompt, in order; passage `n` is cited as `[n]`.
        gold_rank: 1-based place of the passage that holds the answer best, 0 if none is there or
            there is no answer.
        inserted: True when that passage was not retrieved and took the last one's place.
        left_out: passages that did not fit the prompt budget.
    """

    id: str
    question: str
    answer: str
    answerable: bool
    documents: list[str]
    contexts: list[dict[str, Any]]
    gold_rank: int
    inserted: bool
    left_out: int
    prompt: list[Message]
    completion: list[Message]


def make_row(
    example: Example, documents: Sequence[str], rag: RAGPipeline, *, insert_gold: bool
) -> Row:
    """Retrieve the context of a question and build its prompt and completion.

    Args:
        documents: ids of the gold documents.
        insert_gold: put the best gold passage into the prompt when retrieval missed it, or found
            one that holds less of the answer, so that the model is not taught an answer its
            passages do not hold. Not for test rows: they keep what answering would see.
    """
    answer = example.answer
    prompt = rag.prompt(example.question, rag.retrieve(example.question))
    gold = _best_gold(answer, prompt.contexts, documents) if example.answerable else 0
    inserted = False
    if insert_gold and example.answerable and documents:
        passage = _gold_passage(answer, documents, rag)
        if not gold or _held(answer, passage) > _held(answer, prompt.contexts[gold - 1]):
            prompt = _with_last(passage, prompt, example.question, rag)
            gold = _best_gold(answer, prompt.contexts, documents)
            inserted = passage in prompt.contexts
    contexts = prompt.contexts
    reply = cite(answer, contexts, gold) if example.answerable else REFUSAL
    return Row(
        id=example.id,
        question=example.question,
        answer=answer,
        answerable=example.answerable,
        documents=list(documents),
        contexts=[_context(hit, documents) for hit in contexts],
        gold_rank=gold,
        inserted=inserted,
        left_out=prompt.left_out,
        prompt=prompt.messages,
        completion=completion(reply),
    )


def is_grounded(row: Row) -> bool:
    """True for a row that can be learned from: a refusal, or an answer that cites a passage.

    An answer that no passage supports would teach the model to answer from nothing.
    """
    return not row.answerable or _CITED.search(row.completion[0]["content"]) is not None


def cite(answer: str, contexts: Sequence[Hit], gold: int) -> str:
    """The reference answer with `[n]` after each sentence: the passage that supports it best.

    A sentence that no passage supports better cites the gold passage; without one, none.
    """
    parts = []
    for statement in parse_statements(answer):
        supports = [best_span(statement.text, hit)[0] for hit in contexts]
        best = gold
        for number, support in enumerate(supports, 1):
            if support > (supports[best - 1] if best else 0.5):
                best = number
        parts.append(f"{statement.text} [{best}]" if best else statement.text)
    return " ".join(parts) or answer


def _with_last(passage: Hit, prompt: Prompt, question: str, rag: RAGPipeline) -> Prompt:
    """The prompt with a passage in the last one's place; others make room until it fits too."""
    fitted = rag.prompt(question, [passage, *prompt.contexts[:-1]])
    if not fitted.contexts:  # it does not fit even alone
        return prompt
    full = rag.prompt(question, [*fitted.contexts[1:], passage])
    return replace(full, left_out=prompt.left_out + fitted.left_out + full.left_out)


def _held(answer: str, passage: Hit) -> float:
    return token_recall(passage.text, answer)


def _best_gold(answer: str, contexts: Sequence[Hit], documents: Sequence[str]) -> int:
    places = [
        (_held(answer, hit), -number)
        for number, hit in enumerate(contexts, 1)
        if hit.document in documents
    ]
    return -max(places)[1] if places else 0


def _gold_passage(answer: str, documents: Sequence[str], rag: RAGPipeline) -> Hit:
    snapshot = rag.index.snapshot
    chunks = [chunk for document in documents for chunk in snapshot.document_chunk_ids(document)]
    passages = snapshot.hits(chunks).values()
    return max(passages, key=lambda hit: (_held(answer, hit), -hit.chunk_id))


def _context(hit: Hit, documents: Sequence[str]) -> dict[str, Any]:
    return {
        "document": hit.document,
        "title": hit.title,
        "section": hit.section,
        "text": hit.text,
        "start": hit.start,
        "end": hit.end,
        "gold": hit.document in documents,
    }


_MEANING = {
    "rows": "questions",
    "answerable": "with a reference answer in the corpus",
    "unanswerable": "the reply to learn is the refusal",
    "gold_retrieved": "the answer's document was among the retrieved passages",
    "gold_inserted": "the passage that answers best was not, and took the last one's place",
    "gold_missing": "no passage of it was, and the row was left as answering would see it",
    "gold_unknown": "answerable, but the question names no document of the index",
    "dropped_unsupported": "left out: no passage supports the answer, or there is none to learn",
    "contexts_left_out": "passages that did not fit the prompt budget",
    "questions_shared_with_train": "questions worded as one in train; 0 proves no leak",
    "documents_shared_with_train": "gold documents that train has too; 0 proves no leak",
}


def write_card(directory: Path, counts: Mapping[str, Any], questions: str, index: Parent) -> None:
    """Write `README.md` into the dataset directory."""
    lines = [
        "# QA dataset made by medrag",
        "",
        f"Questions from `{questions}`, contexts from the index `{index.path}` "
        f"(fingerprint `{index.fingerprint}`).",
        "",
        "Each row holds the answering prompt (`prompt`), the reply to learn (`completion`), and",
        "the passages with their exact place in the documents (`contexts`). Splits are grouped by",
        "document and by wording of the question. Load it with",
        "`datasets.load_from_disk`, or read the JSONL files. Research use; not medical advice.",
        "",
        "| | " + " | ".join(SPLITS) + " | meaning |",
        "|---|" + "---:|" * len(SPLITS) + "---|",
    ]
    for name, meaning in _MEANING.items():
        values = " | ".join(str(counts[split].get(name, "")) for split in SPLITS)
        lines.append(f"| {name} | {values} | {meaning} |")
    lines += [
        "",
        "Passages of a document that test questions ask about may stand among the distractors of",
        "training rows: splits separate what is asked and answered, not what is read.",
        "",
        f"Lines of the question file that could not be used: {counts['rejected_questions']}",
    ]
    (directory / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
