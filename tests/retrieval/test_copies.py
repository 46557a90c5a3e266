"""Copies of one note among the hits: one of each text, and others are seen as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medrag import CacheConfig, CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.text.duplicates import Wording, said

Ask = Callable[[dict[str, str]], RAGPipeline]


@pytest.fixture
def ask(tmp_path: Path, embedder: TextEmbedder) -> Ask:
    def build(notes: dict[str, str]) -> RAGPipeline:
        corpus = tmp_path / "corpus"
        corpus.mkdir()
        for name, text in notes.items():
            (corpus / f"{name}.md").write_text(text)
        config = PipelineConfig(
            corpus=CorpusConfig(paths=[str(corpus)], workers=1),
            index=IndexConfig(dir=str(tmp_path / "index")),
            cache=CacheConfig(embeddings=""),
        )
        IndexBuilder(config, embedder).mirror()
        return RAGPipeline(config, embedder)

    return build


OTHERS = {
    "levels": "# Teicoplanin levels\n\nThe trough of teicoplanin is kept above 15 mg/L.",
    "infusion": "# Teicoplanin by vein\n\nTeicoplanin may be given over five minutes.",
}
NOTE = "# Teicoplanin\n\nTeicoplanin is loaded with 6 mg/kg every 12 hours in adults, {}."


def test_copies_do_not_crowd_out_other_notes(ask: Ask) -> None:
    copies = {f"note-{n}": NOTE.format(f"copy {n} for the ward") for n in range(1, 9)}
    with ask({**copies, **OTHERS}) as rag:
        hits = rag.retrieve("teicoplanin dose", 5)
        (note,) = [hit for hit in hits if "note" in hit.document]
        assert {hit.document for hit in hits} == {note.document, "levels.md", "infusion.md"}
        # Which of them is the best depends on how the backend rounds.
        assert {note.document, *note.duplicates} == {f"note-{n}.md" for n in range(1, 9)}
        answer = rag.query("With what is teicoplanin loaded in adults?").answer
        assert answer.count("6 mg/kg") == 1


def test_notes_that_differ_in_a_word_stand_back_but_stay(ask: Ask) -> None:
    names = "Adams Baker Clarke Davies Evans Foster Green Harris".split()  # noqa: SIM905
    notes = {f"note-{name}": NOTE.format(f"as Dr {name} has written") for name in names}
    with ask({**notes, **OTHERS}) as rag:
        hits = rag.retrieve("teicoplanin dose", 5)
        assert {"levels.md", "infusion.md"} <= {hit.document for hit in hits}
        assert len(hits) == 5
        assert all(not hit.duplicates for hit in hits)


def test_notes_that_differ_in_a_dose_are_both_found(ask: Ask) -> None:
    low = NOTE.format("in adults").replace("6 mg/kg", "3 mg/kg")
    with ask({"low": low, "high": NOTE.format("in adults"), **OTHERS}) as rag:
        hits = rag.retrieve("teicoplanin loading dose in adults", 2)
        assert {hit.document for hit in hits} == {"low.md", "high.md"}


GUIDE = (
    "Teicoplanin is loaded with 6 mg/kg every 12 hours in adults with bone infection. The trough "
    "concentration is measured before the fourth dose and is kept above 15 mg/L. Renal function is "
    "checked twice a week, and the line is flushed after each dose of teicoplanin by the nurse. "
    "Blood counts are taken at the start of the course and at the end of it."
)
LONGER = f"{GUIDE} The pharmacist is told of each course by the team on the same day."


def test_the_text_that_says_more_stands_for_both(ask: Ask) -> None:
    notes = {
        "short": GUIDE,
        "longer": LONGER,
        "typo": GUIDE.replace("concentration", "concnetration"),
    }
    with ask({name: f"# Teicoplanin\n\n{text}" for name, text in notes.items()} | OTHERS) as rag:
        hits = rag.retrieve("teicoplanin loading in adults with bone infection", 5)
        (hit,) = [hit for hit in hits if hit.document not in ("levels.md", "infusion.md")]
        assert hit.document == "longer.md"
        assert hit.text.endswith(LONGER)
        assert set(hit.duplicates) == {"short.md", "typo.md"}
        assert [hit.score for hit in hits] == sorted((one.score for one in hits), reverse=True)


def test_a_ward_in_a_heading_keeps_both(ask: Ask) -> None:
    notes = {
        "north": f"# North\n\n## Children\n\n{GUIDE}",
        "south": f"# South\n\n## Adults\n\n{GUIDE}",
    }
    with ask(notes | OTHERS) as rag:
        hits = rag.retrieve("teicoplanin loading in adults with bone infection", 5)
        assert {"north.md", "south.md"} <= {hit.document for hit in hits}
        assert not any(hit.duplicates for hit in hits)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("Give 5 mg of iron by mouth.", "Give 5 mg of iron by mouth!", 1.0, 1.0),
        ("Seen on ward 3: give 5 mg of iron.", "Seen on ward 7: give 5 mg of iron.", 1.0, 1.0),
        ("Give 5 mg of iron by mouth.", "Give 10 mg of iron by mouth.", 0.0, 0.0),
        ("Give 5 mg of iron by mouth.", "Give 5 mL of iron by mouth.", 0.0, 0.0),
        ("Give 5 mg of iron by mouth.", "Give 5 mg of zinc by mouth.", 0.5, 0.84),
        ("Iron is given.", "Rest helps in influenza.", 0.0, 0.3),
    ],
)
def test_shared_wording(one: str, other: str, least: float, most: float) -> None:
    assert least <= Wording(said(one)).shared(Wording(said(other))) <= most
