"""Write the records of an evaluation in formats that other tools read: TREC runs, BioGen, W&B."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from ..generation.prompts import without_markers
from ..text import split_sentences
from .labels import verdict
from .records import Record

_PMID = "PMID:"
_COLUMNS = (
    "id", "question", "kind", "answerable", "reference", "answer", "draft", "verdict", "why",
    "confidence", "shown", "status", "blame", "missing", "cited", "gold",
)  # fmt: skip


def write_trec_runs(directory: Path, records: Iterable[Record]) -> list[Path]:
    """Write the ranked documents of each system, and which ones are relevant, for trec_eval.

    `run-SYSTEM.txt` has a line "qid Q0 docid rank score tag" for each document, `qrels.txt` a line
    "qid 0 docid 1" for each document that answers. Names are percent-encoded as far as they hold
    white space, control characters or "%". trec_eval ignores ranks and orders by scores in single
    precision, so a score that is not below the one before is lowered to the next number.

    Returns:
        The runs, in the order in which their systems come, and then the relevant documents.
    """
    runs: dict[str, tuple[Path, TextIO]] = {}
    judged = directory / "qrels.txt"
    placed: set[str] = set()
    with ExitStack() as files:
        qrels = files.enter_context(judged.open("w", encoding="utf-8"))
        for record in records:
            if record.system not in runs:
                path = directory / f"run-{quote(record.system, safe=' ')}.txt"
                runs[record.system] = path, files.enter_context(path.open("w", encoding="utf-8"))
            name = _token(record.id)
            if record.id not in placed:
                placed.add(record.id)
                for document in dict.fromkeys(record.gold):
                    qrels.write(f"{name} 0 {_token(document)} 1\n")
            file, tag = runs[record.system][1], _token(record.system)
            for rank, (document, score) in enumerate(_falling(record.ranked), 1):
                file.write(f"{name} Q0 {_token(document)} {rank} {score} {tag}\n")
    return [*(path for path, _ in runs.values()), judged]


def _falling(ranked: Sequence[tuple[str, float]]) -> Iterator[tuple[str, str]]:
    """The documents with scores that fall in single precision."""
    import numpy as np

    bound = np.float32(np.inf)
    for document, score in ranked:
        bound = min(np.float32(score), np.nextafter(bound, np.float32(-np.inf)))
        yield document, f"{bound:.9g}"


def _token(name: str) -> str:
    return re.sub(r"[\s%\x00-\x1f\x7f]", lambda found: quote(found[0], safe=""), name)


def write_biogen(path: Path, records: Iterable[Record]) -> None:
    """Write the answers as submissions to the answer task of TREC BioGen (2024), one a system.

    The file is a list of runs: `{"team_id", "run_name", "contact_email", "results"}`. A result is
    `{"topic_id", "answer", "references", "sentences"}`. The answer's text cites in brackets before
    each full stop, as the task wants it ("… lowers uric acid [9876, 5432]."), and `references` has
    each cited document once. `sentences` has the same again, one by one, as
    `{"text", "citations"}`. A document is its id; for "PMID:9876" it is "9876". A refusal has no
    sentences. Team and address are for whoever submits a run to fill in.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        runs.setdefault(record.system, []).append(_result(record))
    content = [
        {"team_id": "", "run_name": system, "contact_email": "", "results": results}
        for system, results in runs.items()
    ]
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _result(record: Record) -> dict[str, Any]:
    documents = {
        source["marker"]: str(source["document"]).removeprefix(_PMID) for source in record.sources
    }
    said = [(one["text"], one["citations"]) for one in record.statements if one["supported"]]
    if not record.statements:  # nothing was checked: a model that reads no passages
        plain = split_sentences(without_markers(record.answer))
        said = [(text.strip(), ()) for text in plain]
    sentences = [
        {
            "text": text,
            "citations": list(dict.fromkeys(documents[n] for n in markers if n in documents)),
        }
        for text, markers in (said if record.shown else ())
    ]
    return {
        "topic_id": record.id,
        "answer": " ".join(_cited(one["text"], one["citations"]) for one in sentences),
        "references": list(dict.fromkeys(name for one in sentences for name in one["citations"])),
        "sentences": sentences,
    }


def _cited(text: str, citations: Sequence[str]) -> str:
    """A sentence with its citations before the full stop; other brackets would be citations."""
    said = text.strip().replace("[", "(").replace("]", ")")
    if not citations:
        return said
    stop = said[-1] if said.endswith((".", "!", "?")) else "."
    return f"{said.removesuffix(stop)} [{', '.join(citations)}]{stop}"


def wandb_tables(records: Iterable[Record]) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Columns and rows of a W&B table for each system: a row for each question."""
    tables: dict[str, tuple[list[str], list[list[Any]]]] = {}
    for record in records:
        _, rows = tables.setdefault(record.system, (list(_COLUMNS), []))
        told = {
            **vars(record),
            "verdict": verdict(record),
            "missing": ", ".join(record.missing),
            "cited": ", ".join(dict.fromkeys(str(one["document"]) for one in record.sources)),
            "gold": ", ".join(record.gold),
        }
        rows.append([told[name] for name in _COLUMNS])
    return tables
