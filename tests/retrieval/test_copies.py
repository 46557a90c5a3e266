"""Copies of one note among the hits: one of each text, and others are seen as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medrag import CacheConfig, CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.retrieval.distinct import Distinct
from medrag.text.duplicates import Wording, said
from medrag.types import Hit

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
    copies = {f"note-{n}": f"{NOTE.format('says the ward')}\n\nCopy {n}" for n in range(1, 9)}
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


def test_a_text_that_says_more_stays_beside_the_shorter_one(ask: Ask) -> None:
    notes = {
        "short": GUIDE,
        "longer": f"{GUIDE} All of it has been withdrawn, because it was found to be wrong.",
        "typo": GUIDE.replace("concentration", "concnetration"),
    }
    with ask({name: f"# Teicoplanin\n\n{text}" for name, text in notes.items()} | OTHERS) as rag:
        hits = rag.retrieve("teicoplanin loading in adults with bone infection", 5)
        documents = {hit.document for hit in hits} - {"levels.md", "infusion.md"}
        assert len(documents) == 2
        assert "longer.md" in documents
        assert [hit.score for hit in hits] == sorted((one.score for one in hits), reverse=True)


def shown(*hits: Hit) -> list[str]:
    distinct = Distinct()
    for one in hits:
        distinct.add(one)
    return [one.document for one in distinct.hits()]


def hit(document: str, text: str = GUIDE, title: str = "Teicoplanin", section: str = "") -> Hit:
    return Hit(1, document, title, text, 0, len(text), None, section, "", 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Teicoplanin", "Flucytosine"),
        ("Teicoplanin", "Teicoplanin in infants"),
        ("From iron to zinc", "From zinc to iron"),
        ("CCR5 copy 2", "CCR5 copy 4"),
    ],
)
def test_one_text_under_two_titles_is_two_hits(one: str, other: str) -> None:
    for text in (GUIDE, GUIDE[:150]):
        assert len(shown(hit("a", text, one), hit("b", text, other))) == 2


@pytest.mark.parametrize(
    "other", ["TEICOPLANIN", "Teicoplanin copy", "Teicoplanin.pdf", "Teicoplanin, version 2.1"]
)
def test_a_title_may_name_the_file_or_copy(other: str) -> None:
    for text in (GUIDE, GUIDE[:150]):
        assert shown(hit("a", text), hit("b", text, other)) == ["a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Visit 3", "Visit 4"), ("June 2011", "June 2022"), ("Version 1", "Version 2")],
)
def test_every_number_of_a_section_counts(one: str, other: str) -> None:
    assert len(shown(hit("a", section=one), hit("b", section=other))) == 2


@pytest.mark.parametrize("length", range(290, 310))
def test_copies_about_as_long_as_a_short_text_are_one_hit(length: int) -> None:
    text = GUIDE[:length]
    assert shown(hit("a", text), hit("b", f"  {text}  !\n")) == ["a"]
    assert shown(hit("a", text), hit("b", text.replace("concentration", "conncentration"))) == ["a"]


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
