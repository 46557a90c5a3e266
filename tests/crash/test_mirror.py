"""After any additions, changes, removals and kills an index is what a fresh one would be."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from medrag.config import IndexKind
from medrag.stores.local.index import Index
from tests.crash.conftest import Crashes, note

pytestmark = pytest.mark.slow

_KINDS = ["Gout", "Asthma", "Malaria", "Salbutamol"]
_STEPS = 5


def change(corpus: Path, draw: random.Random) -> None:
    """Add, change and remove some files and rows; one of each pair of texts may be the same."""
    for number in range(12):
        path = corpus / f"note{number:02}.txt"
        action = draw.random()
        if action < 0.35:
            path.write_text(note(draw.randrange(6), draw.choice(_KINDS)), encoding="utf-8")
        elif action < 0.5:
            path.unlink(missing_ok=True)
    rows = [n for n in range(20) if draw.random() < 0.6]
    lines = [f'{{"id": {n}, "text": "Row {n} of {draw.choice(_KINDS)}."}}' for n in rows]
    (corpus / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")


def without_chunk_ids(state: dict[str, Any]) -> dict[str, Any]:
    """The parts of a state that must not depend on its history; equal scores have no order."""
    found = {
        question: {tuple(hit[1:4]): hit[4] for hit in hits}
        for question, hits in state["found"].items()
    }
    return {**state, "vectors": len(state["vectors"]), "found": found}


def documents_found(state: dict[str, Any]) -> set[str]:
    return {hit[1] for hits in state["found"].values() for hit in hits}


@pytest.mark.parametrize(("seed", "kind"), list(enumerate(IndexKind)))
def test_any_way_to_a_corpus_gives_the_same_index(
    crashes: Crashes, tmp_path: Path, seed: int, kind: IndexKind
) -> None:
    draw = random.Random(seed)
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "always.txt").write_text("Gout is treated with allopurinol.", encoding="utf-8")
    owners: dict[int, str] = {}
    settings = {"index": {"kind": kind.value}}
    for step in range(_STEPS):
        change(corpus, draw)
        if draw.random() < 0.4:
            moment = draw.choice(["vectors not stored", "manifest renamed", "manifest replaced"])
            crashes.build(corpus, index, settings=settings, point=moment)
        crashes.must_build(corpus, index, settings=settings)
        state = crashes.state(index)
        assert documents_found(state) <= set(state["texts"])  # no removed one, in no kind
        with Index(index) as opened:
            for document in opened.document_ids():
                text = opened.document_text(document)
                for chunk in opened.document_chunk_ids(document):
                    # An id never stands for another document, nor for another text of it.
                    assert owners.setdefault(chunk, f"{document}: {text}") == f"{document}: {text}"
        fresh = tmp_path / f"fresh{step}"
        crashes.must_build(corpus, fresh, settings=settings)
        assert without_chunk_ids(state) == without_chunk_ids(crashes.state(fresh))
