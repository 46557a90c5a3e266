"""Records of a small evaluation, made by hand, and their real summary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from medrag.evaluation.records import Blame, Record
from medrag.evaluation.summary import summarise


def made(id: str, **changed: Any) -> Record:
    """A right answer with one statement, one source and two hits, but for what is changed."""
    statement = f"Allopurinol lowers uric acid, says {id}."
    source = {
        "marker": 1, "document": "gout.txt", "title": "Gout", "start": 10, "end": 50, "page": 3,
        "section": "Treatment", "text": statement, "flags": [],
    }  # fmt: skip
    hits = [
        {"document": name, "title": name, "start": 0, "end": 9, "score": 0.5, "text": f"In {name}"}
        for name in ("gout.txt", "asthma.md")
    ]
    record = Record(
        system="hybrid",
        id=id,
        question=f"What lowers uric acid in {id}?",
        kind="text",
        reference="Allopurinol.",
        exact="",
        answerable=True,
        gold=["gout.txt"],
        answer=f"{statement} [1]",
        draft=f"{statement} [1]",
        shown=True,
        status="answered",
        confidence=0.8,
        threshold=0.2,
        right=True,
        draft_right=True,
        basis="reference",
        why="it shares 100% of the reference's terms",
        blame=Blame.none.value,
        statements=[
            {"text": statement, "citations": [1], "support": 1.0, "supported": True, "reason": ""}
        ],
        sources=[source],
        hits=hits,
        ranked=[("gout.txt", 0.9), ("asthma.md", 0.4)],
        values={"answers/right": 1.0, "answers/coverage": 1.0, "retrieval/recall@1": 1.0},
        milliseconds={"retrieve": 3.25, "query": 120.0},
    )
    if "right" in changed:
        changed.setdefault("draft_right", changed["right"])
    return replace(record, **changed)


def wrong(id: str, **changed: Any) -> Record:
    """An answer that is shown and wrong."""
    values = {"answers/right": 0.0, "answers/coverage": 1.0, "retrieval/recall@1": 0.0}
    told = {
        "right": False,
        "draft_right": False,
        "why": "it shares 0%",
        "blame": Blame.not_used.value,
        "values": values,
    }
    return made(id, **(told | changed))


def refused(id: str, **changed: Any) -> Record:
    """A refusal of a question that no document answers."""
    told = {
        "answerable": False, "gold": [], "reference": "", "answer": "I do not know.",
        "shown": False, "status": "abstained", "confidence": 0.1,
        "right": True, "draft_right": False,
        "basis": "no document answers",
        "why": "rightly refused: no document answers the question",
        "values": {"answers/coverage": 0.0, "abstention/recall": 1.0},
    }  # fmt: skip
    return made(id, **(told | changed))


def summary_of(records: Iterable[Record], **changed: Any) -> dict[str, Any]:
    """What the evaluation stage keeps of records."""
    systems: dict[str, list[Record]] = {}
    for record in records:
        systems.setdefault(record.system, []).append(record)
    settings = {
        name: {"description": f"{name} retrieval", "settings": [f"retriever.mode={name}"],
               "target_risk": 0.1}
        for name in systems
    }  # fmt: skip
    return {
        "medrag": "0.1.0",
        "questions_file": "folder/gout.jsonl",
        "samples": False,
        "lines_rejected": 0,
        "left_out_seen_in_training": 0,
        "shared_documents": [],
        "calibrated_on": 0,
        "index": {
            "directory": "outputs/index", "fingerprint": "f" * 32, "documents": 3, "chunks": 7,
            "embedder": "MiniLM",
        },
        **summarise(systems, 50, settings),
        **changed,
    }  # fmt: skip
