"""The rows of the dataset: make them from questions, count them, and save them with a card."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..generation.prompts import REFUSAL, Message, Prompt, completion
from ..grounding import check_support, parse_statements
from ..manifest import Parent
from ..metrics import token_recall
from ..pipeline import RAGPipeline
from ..types import Example, Hit, Rejected
from . import SPLITS, leaks
from .questions import DocumentNames

_CITED = re.compile(r"\[\d+\]")
_KEPT = ("document", "title", "section", "text", "start", "end")  # of a hit


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the dataset.

    Attributes:
        documents: ids of the gold documents that are in the index.
        contexts: the passages of the prompt, in order; passage `n` is cited as `[n]`.
        gold_rank: 1-based position of the passage that holds most of the answer; 0 if no passage
            comes from a gold document, or there is no answer.
        inserted: True when that passage was not retrieved and replaced the last one.
        left_out: how many passages did not fit the prompt budget.

    The other fields are as in `Example`, under the names that `read_questions` knows.
    """

    id: str
    question: str
    answer: str
    answers: list[str]
    kind: str
    exact: list[list[str]]
    nuggets: list[str]
    answerable: bool
    documents: list[str]
    contexts: list[dict[str, Any]]
    gold_rank: int
    inserted: bool
    left_out: int
    prompt: list[Message]
    completion: list[Message]


Rows = dict[str, list[Row]]  # by split


def make_rows(
    splits: Mapping[str, Sequence[Example]],
    names: DocumentNames,
    rag: RAGPipeline,
    advance: Callable[[float], None],
) -> tuple[Rows, Counter[str]]:
    """Make the rows of every split.

    Train and validation leave out answers that no passage supports: they would teach the model to
    answer from nothing. The test split keeps every question as answering would see it.

    Args:
        splits: questions of which it is known whether they are answerable.
        advance: called with 1 after each question.

    Returns:
        The rows, and how many were left out, both by split.
    """
    rows: Rows = {name: [] for name in SPLITS}
    dropped = Counter[str]()
    for split, members in splits.items():
        for example in members:
            documents = names.resolve(example.documents)
            row = _make_row(example, documents, rag, insert_gold=split != "test")
            refused_or_cited = not row.answerable or _CITED.search(row.completion[0]["content"])
            if split == "test" or refused_or_cited:
                rows[split].append(row)
            else:
                dropped[split] += 1
            advance(1)
    return rows, dropped


def _make_row(
    example: Example, documents: Sequence[str], rag: RAGPipeline, *, insert_gold: bool
) -> Row:
    """Retrieve the context of a question and build its prompt and completion.

    Args:
        documents: ids of the gold documents.
        insert_gold: put the best gold passage into the prompt when retrieval missed it, or found
            one that holds less of the answer. Otherwise the model would learn answers that are
            not in its passages.
    """
    answer = example.answer
    hits = rag.retrieve(example.question)
    prompt = rag.prompt(example.question, hits)
    gold = _best_gold(answer, prompt.contexts, documents) if example.answerable else 0
    inserted = False
    if insert_gold and example.answerable and documents:
        passage = _gold_passage(answer, documents, rag)
        if not gold or _held(answer, passage) > _held(answer, prompt.contexts[gold - 1]):
            prompt = _with_last(passage, prompt, hits, example.question, rag)
            gold = _best_gold(answer, prompt.contexts, documents)
            inserted = any(_holds(hit, passage) for hit in prompt.contexts)
    contexts = prompt.contexts
    reply = _cite(answer, contexts, gold) if example.answerable else REFUSAL
    return Row(
        id=example.id,
        question=example.question,
        answer=answer,
        answers=list(example.alternatives),
        kind=example.kind.value,
        exact=[list(names) for names in example.exact],
        nuggets=list(example.nuggets),
        answerable=bool(example.answerable),
        documents=list(documents),
        contexts=[
            {**{name: getattr(hit, name) for name in _KEPT}, "gold": hit.document in documents}
            for hit in contexts
        ],
        gold_rank=gold,
        inserted=inserted,
        left_out=prompt.left_out,
        prompt=prompt.messages,
        completion=completion(reply),
    )


def _cite(answer: str, contexts: Sequence[Hit], gold: int) -> str:
    """The reference answer with `[n]` after each sentence: the passage that supports it best.

    A sentence that no passage supports better cites the gold passage, or nothing without one.
    """
    parts = []
    for statement in parse_statements(answer, passages=0):
        supports = [
            check_support(statement.text, hit.text, title=hit.title, section=hit.section).score
            for hit in contexts
        ]
        best = gold
        for number, support in enumerate(supports, 1):
            if support > (supports[best - 1] if best else 0.5):
                best = number
        parts.append(f"{statement.text} [{best}]" if best else statement.text)
    return " ".join(parts) or answer


def _with_last(
    passage: Hit, prompt: Prompt, hits: Sequence[Hit], question: str, rag: RAGPipeline
) -> Prompt:
    """The prompt with a passage in place of its last hit, or of as many as it takes to fit."""
    kept = max(0, len(hits) - prompt.left_out - 1)
    fitted = rag.prompt(question, [passage, *hits[:kept]])
    if not fitted.contexts:  # it does not fit even alone
        return prompt
    full = rag.prompt(question, [*hits[: kept - fitted.left_out], passage])
    return replace(full, left_out=prompt.left_out + fitted.left_out + full.left_out)


def _holds(hit: Hit, passage: Hit) -> bool:
    return (
        hit.document == passage.document and hit.start <= passage.start and passage.end <= hit.end
    )


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
    chunks = [chunk for document in documents for chunk in rag.index.document_chunk_ids(document)]
    passages = rag.index.hits(chunks).values()
    return max(passages, key=lambda hit: (_held(answer, hit), -hit.chunk_id))


def count_rows(rows: Rows, dropped: Counter[str], rejected: int, unknown: int) -> dict[str, Any]:
    """Everything a reader of the dataset should know, counted from the rows themselves.

    Args:
        rejected: records of the question file that could not be used.
        unknown: questions that were left out because nothing tells whether they are answerable.
    """
    counts: dict[str, Any] = {"rejected_questions": rejected, "unknown_questions": unknown}
    for split, members in rows.items():
        tally = Counter[str]()
        for row in members:
            tally["answerable"] += row.answerable
            tally["unanswerable"] += not row.answerable
            tally["gold_retrieved"] += row.gold_rank > 0 and not row.inserted
            tally["gold_inserted"] += row.inserted
            tally["gold_missing"] += row.answerable and row.gold_rank == 0
            tally["gold_unknown"] += row.answerable and not row.documents
            tally["contexts_left_out"] += row.left_out
        tally["dropped_unsupported"] = dropped[split]
        counts[split] = {"rows": len(members), **dict(tally)}
    train = [(row.question, row.documents) for row in rows["train"]]
    for split in ("validation", "test"):
        other = [(row.question, row.documents) for row in rows[split]]
        questions, documents = leaks(train, other)
        counts[split] |= {
            "questions_shared_with_train": len(questions),
            "documents_shared_with_train": len(documents),
        }
    return counts


def save_rows(directory: Path, rows: Rows, rejected: Sequence[Rejected]) -> None:
    """Save as a `datasets.DatasetDict`, and as one JSONL file per split and for what was rejected.

    Args:
        rejected: records of the question file that are in no row.
    """
    from datasets import Dataset, DatasetDict, Features, List, Value, disable_progress_bars

    disable_progress_bars()
    text, number, flag = Value("string"), Value("int64"), Value("bool")
    context = dict.fromkeys(("document", "title", "section", "text"), text)
    message = {"role": text, "content": text}
    features = Features(
        {
            "id": text,
            "question": text,
            "answer": text,
            "answers": List(text),
            "kind": text,
            "exact": List(List(text)),
            "nuggets": List(text),
            "answerable": flag,
            "documents": List(text),
            "contexts": List({**context, "start": number, "end": number, "gold": flag}),
            "gold_rank": number,
            "inserted": flag,
            "left_out": number,
            "prompt": List(message),
            "completion": List(message),
        }
    )
    records = {split: [asdict(row) for row in members] for split, members in rows.items()}
    DatasetDict(
        {
            split: Dataset.from_list(members, features=features)
            for split, members in records.items()
            if members  # an empty split can be saved, but not loaded
        }
    ).save_to_disk(str(directory))
    for name, members in {**records, "rejected": [asdict(item) for item in rejected]}.items():
        with (directory / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in members)


_MEANING = {
    "rows": "questions",
    "answerable": "with a reference answer in the corpus",
    "unanswerable": "the reply to learn is the refusal",
    "gold_retrieved": "a passage of the answer's document was retrieved",
    "gold_inserted": "the passage that answers best was not, and replaced the last one",
    "gold_missing": "no such passage was retrieved, and none was inserted",
    "gold_unknown": "answerable, but the question names no document of the index",
    "dropped_unsupported": "left out: there is no answer to learn, or no passage supports it",
    "contexts_left_out": "passages that did not fit the prompt budget",
    "questions_shared_with_train": "questions with the words of one in train; 0 proves no leak",
    "documents_shared_with_train": "gold documents that train has too; 0 proves no leak",
}


def write_card(directory: Path, counts: Mapping[str, Any], questions: str, index: Parent) -> None:
    """Write `README.md` into the dataset directory."""
    rows = []
    for name, meaning in _MEANING.items():
        values = " | ".join(str(counts[split].get(name, "")) for split in SPLITS)
        rows.append(f"| {name} | {values} | {meaning} |\n")
    text = f"""\
# QA dataset made by medrag

Questions from `{questions}`, contexts from the index `{index.path}` (fingerprint
`{index.fingerprint}`).

Each row holds the answering prompt (`prompt`), the reply to learn (`completion`), and
the passages with their exact position in the documents (`contexts`). Splits are grouped
by document and by the words of the question. Load it with `datasets.load_from_disk`, or
read the JSONL files. For research; not medical advice.

| | {" | ".join(SPLITS)} | meaning |
|---|{"---:|" * len(SPLITS)}---|
{"".join(rows)}
Training rows may have passages of test documents as distractors: splits separate what is
asked and answered, not what is read.

Not in the dataset, and listed in `rejected.jsonl`:

- Records of the question file that could not be used: {counts["rejected_questions"]}
- Questions of which nothing tells whether they are answerable: {counts["unknown_questions"]}
"""
    (directory / "README.md").write_text(text, encoding="utf-8")
