"""Write the dataset's card: what it was made from, and its counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..manifest import Parent
from .splits import SPLITS

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
