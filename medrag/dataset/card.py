"""What a reader of the dataset should know: its counts, and the card that explains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import DatasetConfig
from ..manifest import Parent
from ..text.words import words
from ..types import Example, Rejected
from . import SPLITS, leaks
from .licences import told
from .rows import Reason, Variant
from .selection import Selection


class Tally:
    """Counts the records of a journal while they pass."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
        self.documents: dict[str, None] = {}  # of all passages

    def watched(self, journal: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The same records, each of which is counted."""
        for made in journal:
            self._count(made, self._counts[made["split"]])
            yield made

    def _count(self, made: Mapping[str, Any], counts: Counter[str]) -> None:
        for row in made["rows"]:
            counts["rows"] += 1
            self.documents |= dict.fromkeys(passage["document"] for passage in row["contexts"])
            counts[f"rows_{row['variant'].replace('-', '_')}"] += 1
            counts["rows_shared"] += bool(row["shares"])
            counts["documents_unknown"] += row["answerable"] and not row["documents"]
            counts["contexts"] += len(row["contexts"])
            counts["contexts_left_out"] += row["left_out"]
            if row["oracle"] and row["variant"] == Variant.oracle:
                counts["label_words"] += len(words(row["completion"][0]["content"]))
        counts["preference_pairs"] += len(made["pairs"])
        counts["statements_left_out"] += made["statements_left_out"]
        counts["also_answers"] += made["also_answers"]
        if left_out := made["left_out"]:
            kept = "kept" if left_out["kept"] else "dropped"
            counts[f"{kept}_{left_out['reason']}"] += 1

    def counts(
        self,
        selected: Selection,
        rejected: Sequence[Rejected],
        unknown: Sequence[Rejected],
    ) -> dict[str, Any]:
        """Everything that was counted, by split, and what no split has.

        Args:
            selected: the questions that rows were made of, and those left out before.
            rejected: records of the question file that could not be used.
            unknown: questions of which nothing tells whether they are answerable.
        """
        for one in selected.left_out:
            self._counts[one.split][f"dropped_{one.reason}"] += 1
        counts: dict[str, Any] = {
            "rejected_questions": len(rejected),
            "unknown_questions": len(unknown),
        }
        train = _asked(selected.training)  # all that shared passages may be asked
        for split, found in self._counts.items():
            counts[split] = {name: found[name] for name in _MEANING if name not in _SHARED}
            labels = found["rows_oracle"]
            mean = round(found["label_words"] / labels, 1) if labels else 0.0
            counts[split]["label_words"] = mean
            if split != "train":
                shared = leaks(train, _asked(selected.splits[split]))
                counts[split] |= {
                    name: len(some) for name, some in zip(_SHARED, shared, strict=True)
                }
        return counts


def _asked(examples: Sequence[Example]) -> list[tuple[str, Sequence[str]]]:
    return [(example.question, example.documents) for example in examples]


_SHARED = ("questions_shared_with_train", "documents_shared_with_train")
_MEANING = {
    "rows": "all rows",
    "rows_oracle": "the passage with the answer is among the passages; the label cites it",
    "rows_withheld": "it was taken out; the label is the refusal",
    "rows_near_miss": "one thing in it was swapped, so that it is **false on purpose**",
    "rows_unanswerable": "no document answers; the label is the refusal",
    "rows_unsupported": "no passage bears out the reference answer; no label, test only",
    "rows_shared": "of these, other questions about the passages of a row",
    "documents_unknown": "answerable, but the question names no document of the index",
    "contexts": "passages in all rows",
    "contexts_left_out": "passages that did not fit the prompt budget",
    "also_answers": "passages that were no distractors, because they bear out the label too",
    "label_words": "mean length of the label of a row with the oracle",
    "statements_left_out": "statements of answers that the passage does not say, or that many say",
    "preference_pairs": "a better and a worse reply to the prompt of a row",
    **{
        f"dropped_{reason}": meaning
        for reason, meaning in {
            Reason.near_duplicate: "left out: nearly the same question is in the dataset",
            Reason.contaminated: "left out: shares 8 words in a row with an evaluation set",
            Reason.unsupported: "left out: no passage bears out the answer, or there is none",
            Reason.not_found: "left out: the question does not find the passage of its answer",
            Reason.too_long: "left out: the prompt is too long with a single passage",
        }.items()
    },
    "kept_contaminated": "kept, because it is in the test split, but shares 8 words in a row",
    "questions_shared_with_train": "questions with the words of one in train; 0 proves no leak",
    "documents_shared_with_train": "gold documents that train has too; 0 proves no leak",
}


def write_card(
    directory: Path, counts: Mapping[str, Any], config: DatasetConfig, index: Parent
) -> None:
    """Write `README.md` into the dataset directory."""
    table = []
    for name, meaning in _MEANING.items():
        values = " | ".join(str(counts[split].get(name, "")) for split in SPLITS)
        table.append(f"| {name} | {values} | {meaning} |\n")
    against = ", ".join(f"`{path}`" for path in config.decontaminate) or "none"
    text = f"""\
# QA dataset made by medrag

Questions from `{config.questions or f"the index, written by {config.writer}"}`, passages from
the index `{index.path}` (fingerprint `{index.fingerprint}`). For research; not medical advice.

**Some passages are false on purpose.** Rows of the variant `near-miss` have one thing swapped
in a passage: a dose, a unit, a comparator, the people, a negation. `altered` says what. Never
index them, and never show them as information.

Each row holds the answering prompt (`prompt`), the reply to learn (`completion`), and the
passages with their exact position in the documents (`contexts`). Load it with
`datasets.load_from_disk`, or read the JSONL files. `preferences` has a better and a worse reply
to prompts of training rows. The method is RAFT (Zhang et al. 2024, arXiv:2403.10131): the
passage with the answer stands at a place drawn by chance among {config.num_distractors} hard
distractors, which do not answer. In {1 - config.oracle_probability:.0%} of the rows it is withheld,
and the label is the refusal. Every statement of a label was checked against the passage it cites.

Splits are grouped by document and by the words of the question. Passages of test documents may be
distractors in training rows: splits separate what is asked and answered, not what is read.

| | {" | ".join(SPLITS)} | meaning |
|---|{"---:|" * len(SPLITS)}---|
{"".join(table)}
Compared with these evaluation sets: {against}.

Not in the dataset:

- Records of the question file that could not be used: {counts["rejected_questions"]}
- Questions of which nothing tells whether they are answerable: {counts["unknown_questions"]}

`rejected.jsonl` lists these, and `left_out.jsonl` every other question that is left out, with the
reason.

The texts come from your documents and questions, and their licences hold for this dataset, too.
Those that the documents of its passages state: {told(counts["licences"]) or "none"}. Check them,
and that of the questions, before you share it.
"""
    (directory / "README.md").write_text(text, encoding="utf-8")
