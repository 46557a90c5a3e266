"""Question → hits: each side finds its chunk, whatever is typed, and scores mean what they say."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import CorpusConfig, Hit, IndexConfig, PipelineConfig, RAGPipeline, RetrieverConfig
from medrag.config import RetrieverMode
from medrag.errors import ArtefactError, ConfigError, QuestionError
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.ingestion.chunking import Chunker
from medrag.retrieval import Retriever
from medrag.stores import Filter, in_documents
from medrag.stores.local.database import DATABASE, Database
from medrag.stores.local.index import Index
from medrag.stores.local.snapshot import Snapshot
from tests.conftest import NOTES

pytestmark = pytest.mark.backends  # nearly all of them search an index

MODES = list(RetrieverMode)
MORE = {
    "flu.txt": "Influenza\n\nInfluenza is a viral infection. Oseltamivir is given early.",
    "zinc.txt": "Zinc\n\nCode X17-Q stands for the zinc tablet NEAR the counter.",
    "twin-a.txt": "Iron\n\nIron tablets turn the stool black.",
    "twin-b.txt": "Iron\n\nIron tablets turn the stool black.",
    "eye.txt": "Glaucoma\n\nRaised pressure inside the eyeball harms the optic nerve.",
    "bone.txt": "Osteoporosis\n\nBones that lost their density break easily.",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Iterator[Index]:
    root = tmp_path_factory.mktemp("retriever")
    for name, text in (NOTES | MORE).items():
        (root / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "corpus" / name).write_text(text, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    with Index(config.index.dir) as opened:
        yield opened


Find = Callable[..., list[Hit]]


@pytest.fixture(scope="module")
def find(index: Index, embedder: TextEmbedder) -> Find:
    def search(
        question: str, mode: str = "hybrid", k: int | None = None, **settings: float
    ) -> list[Hit]:
        config = RetrieverConfig(mode=RetrieverMode(mode), **settings)  # type: ignore[arg-type]
        return Retriever(index, embedder, config).retrieve(question, k)

    return search


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_finds_the_chunk_that_answers(find: Find, mode: str) -> None:
    hits = find("What does oseltamivir treat?", mode)
    assert hits[0].document == "flu.txt"
    assert hits[0].text == "Influenza is a viral infection. Oseltamivir is given early."
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.chunk_id for hit in hits}) == len(hits)


def test_the_dense_side_finds_meaning_and_the_lexical_side_words(find: Find) -> None:
    meaning = "damage to sight because of high tension in the organ of vision"
    assert find(meaning, "dense")[0].document == "eye.txt"
    assert find("tension sight vision organ", "lexical") == []
    assert find("X17-Q", "lexical")[0].document == "zinc.txt"
    for mode_question in (meaning, "X17-Q"):
        assert find(mode_question, "hybrid")[0].document in {"eye.txt", "zinc.txt"}


def test_a_hit_tells_its_place(index: Index, find: Find) -> None:
    hit = find("Which drug opens the airways?")[0]
    text = index.document_text(hit.document)
    assert text is not None and text[hit.start : hit.end] == hit.text
    assert (hit.document, hit.title, hit.section) == ("asthma.md", "Asthma", "Relief")


@pytest.mark.parametrize("mode", MODES)
def test_as_many_as_there_are_may_be_asked_for_and_more(find: Find, mode: str) -> None:
    question = "iron tablets of gout, asthma and malaria"
    every = find(question, mode, 50)
    assert len(every) >= 4
    assert find(question, mode, 10**12) == every


def test_any_number_of_vectors_may_be_asked_for(index: Index) -> None:
    stored = dict(index.all_vectors())
    with Database(index.directory / DATABASE, read_only=True) as database:
        # SQLite's own default; the one that Python has here may allow for more.
        database.connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1_000_000)
        found = Snapshot(database, index.generation).chunk_vectors(range(200_000))
    assert {id_: vector.tobytes() for id_, vector in found.items()} == stored


# --- anything may be typed --------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        '"zinc',
        "zinc*",
        "zinc NOT tablet",
        "NEAR(zinc, 2)",
        "text:zinc",
        "(zinc",
        "-zinc ^",
        "zinc 0.5, 1,000",
        "zÍnc;--",
    ],
)
def test_operators_and_quotes_are_plain_words(find: Find, question: str) -> None:
    assert find(question, "lexical")[0].document == "zinc.txt"


def test_an_operator_excludes_nothing(find: Find) -> None:
    with_not = find("iron NOT tablets", "lexical", k=50)
    assert [hit.document for hit in with_not] == [
        hit.document for hit in find("iron tablets", "lexical", k=50)
    ]
    assert len(with_not) >= 2


def test_a_question_of_stop_words_only_is_searched_by_them(find: Find) -> None:
    assert find("what is it?", "lexical")


FRAGMENTS = st.sampled_from(
    [
        '"',
        "'",
        "AND",
        "OR",
        "NOT",
        "NEAR(a b, 3)",
        "zinc",
        "*",
        "^",
        "text:",
        "(",
        ")",
        "+",
        "{",
        "-",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=80),
        st.lists(FRAGMENTS, max_size=12).map(" ".join),
    ),
    st.sampled_from(MODES),
)
def test_any_text_gives_hits_or_a_question_error(find: Find, question: str, mode: str) -> None:
    try:
        hits = find(question, mode, k=3)
    except QuestionError:
        return
    assert len(hits) <= 3
    assert mode == "lexical" or hits


@pytest.mark.parametrize("mode", MODES)
def test_the_longest_question_is_searched_and_a_longer_one_refused(find: Find, mode: str) -> None:
    many = "".join(f"{chr(97 + n % 26)}{n} " for n in range(2000))
    longest = (many[:3994] + "zinc q").strip()
    assert len(longest) == 4000
    assert find(longest, mode)
    with pytest.raises(QuestionError, match="4001"):
        find(longest + "x", mode)


@pytest.mark.parametrize("question", ["", "   \n\t", "\u200b", "\ud800", "\x00"])
def test_an_empty_question_is_refused(find: Find, question: str) -> None:
    with pytest.raises(QuestionError, match="empty"):
        find(question)


# --- how many ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_k_is_respected_and_may_exceed_the_index(index: Index, find: Find, mode: str) -> None:
    chunks = index.counts.chunks
    question = " ".join((NOTES | MORE).values()).replace("\n", " ")
    for k in (1, 2, chunks, chunks + 1, 10_000):
        assert len(find(question, mode, k)) == min(k, chunks - 1)  # one is a copy
    assert len(find(question, mode)) == RetrieverConfig().k


def test_k_above_the_candidates_is_still_k(find: Find) -> None:
    assert len(find("iron", "dense", 7, candidates=1)) == 7


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_a_clear_error(find: Find, k: int) -> None:
    with pytest.raises(ConfigError, match=f"k={k}"):
        find("iron", k=k)


# --- scores -----------------------------------------------------------------------------------


def test_similarity_is_the_cosine_whichever_side_found_the_chunk(
    index: Index, find: Find, embedder: TextEmbedder
) -> None:
    question = "X17-Q iron in the eyeball"
    embedded_text = Chunker(embedder.tokenizer, 256).embedded_text
    # With one candidate a side, what the words found may not be among what the vectors found.
    for hit in find(question, k=2, candidates=1) + find(question, k=9):
        vectors = embedder.embed([question, embedded_text(hit.title, hit.text)])
        assert hit.similarity == pytest.approx(float(vectors[0] @ vectors[1]), abs=5e-3)


def test_a_chunk_that_only_the_words_found_gets_its_own_cosine(
    index: Index, embedder: TextEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "X17-Q"
    everything = Retriever(index, embedder, RetrieverConfig()).retrieve(question, k=50)
    wanted = {hit.chunk_id: hit.similarity for hit in everything}
    monkeypatch.setattr(index, "search_vectors", lambda query, k, where: [])
    (only,) = Retriever(index, embedder, RetrieverConfig()).retrieve(question, k=50)
    assert only.document == "zinc.txt"
    assert only.similarity == pytest.approx(wanted[only.chunk_id], abs=1e-5)


def test_lexical_hits_have_no_similarity(find: Find) -> None:
    assert {hit.similarity for hit in find("iron tablets", "lexical")} == {None}


@pytest.mark.parametrize("mode", MODES)
def test_of_one_text_there_is_one_hit_and_it_is_the_oldest(find: Find, mode: str) -> None:
    for k in (1, 2, 5, 9, 50):
        hits = find("iron stool black", mode, k)
        (twin,) = [hit for hit in hits if "twin" in hit.document]
        assert (twin.document, twin.duplicates) == ("twin-a.txt", ("twin-b.txt",))


def test_a_removed_document_is_found_in_no_mode(
    build: Callable[[], BuildReport], corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    def documents() -> dict[str, set[str]]:
        found = {}
        with Index(config.index.dir) as opened:
            for mode in MODES:
                settings = replace(config.retriever, mode=mode)
                hits = Retriever(opened, embedder, settings).retrieve("gout uric acid asthma", 50)
                found[mode.value] = {hit.document for hit in hits}
        return found

    build()
    assert all("gout.txt" in names for names in documents().values())
    (corpus / "gout.txt").unlink()
    build()
    after = documents()
    assert all("gout.txt" not in names for names in after.values())
    assert all("asthma.md" in names for names in after.values())


def test_an_open_index_answers_as_before_however_many_builds_come(
    build: Callable[[], BuildReport], corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    with Index(config.index.dir) as opened:
        retriever = Retriever(opened, embedder, config.retriever)
        before = retriever.retrieve("uric acid")
        for number in range(3):
            (corpus / "gout.txt").write_text(f"Uric acid, version {number}.", encoding="utf-8")
            build()
            assert retriever.retrieve("uric acid") == before


def test_a_chunk_that_the_store_has_lost_is_an_error_not_a_shorter_list(
    build: Callable[[], BuildReport], config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    with sqlite3.connect(Path(config.index.dir, "store.sqlite")) as database:
        database.execute("DELETE FROM chunks WHERE text LIKE '%uric%'")
    with Index(config.index.dir) as opened, pytest.raises(ArtefactError, match="damaged"):
        Retriever(opened, embedder, config.retriever).retrieve("uric acid")


def test_a_chunk_that_only_the_words_name_is_not_lost_in_silence(
    build: Callable[[], BuildReport], config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    question = "attack of mosquitoes carrying parasites"
    narrow = replace(config.retriever, k=1, candidates=1)
    with Index(config.index.dir) as opened:
        (dense, lexical) = (
            Retriever(opened, embedder, replace(narrow, mode=mode)).retrieve(question)[0]
            for mode in (RetrieverMode.dense, RetrieverMode.lexical)
        )
    assert (dense.document, lexical.document) == ("sub/malaria.txt", "gout.txt")
    with sqlite3.connect(Path(config.index.dir, "store.sqlite")) as database:
        database.execute("DELETE FROM chunks WHERE id = ?", (lexical.chunk_id,))
    with Index(config.index.dir) as opened, pytest.raises(ArtefactError, match="damaged"):
        Retriever(opened, embedder, narrow).retrieve(question)


# --- reranking --------------------------------------------------------------------------------


class ShortestFirst:
    """A reranker that prefers short chunks."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        self.seen.append((question, len(hits)))
        return sorted(
            (replace(hit, score=-float(len(hit.text))) for hit in hits), key=lambda hit: -hit.score
        )


@pytest.mark.parametrize("mode", MODES)
def test_a_reranker_orders_all_candidates_before_the_cut(
    index: Index, embedder: TextEmbedder, mode: RetrieverMode
) -> None:
    reranker = ShortestFirst()
    config = RetrieverConfig(mode=mode, candidates=6)
    question = " Which iron tablets\tturn the stool black in gout and asthma? "
    plain = Retriever(index, embedder, config).retrieve(question, k=6)
    hits = Retriever(index, embedder, config, reranker).retrieve(question, k=2)
    ((asked, candidates),) = reranker.seen
    assert asked == "Which iron tablets turn the stool black in gout and asthma?"
    assert 2 < candidates <= 6
    assert {hit.chunk_id for hit in hits} <= {hit.chunk_id for hit in plain}
    assert [len(hit.text) for hit in hits] == sorted(len(hit.text) for hit in plain)[:2]
    assert [hit.score for hit in hits] == [-len(hit.text) for hit in hits]


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_reaches_every_search(
    index: Index, embedder: TextEmbedder, mode: RetrieverMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Filter | None] = []

    def recorded(name: str) -> None:
        real = getattr(index, name)

        def search(query: Any, k: int, where: Filter | None) -> Any:
            given.append(where)
            return real(query, k, where)

        monkeypatch.setattr(index, name, search)

    recorded("search_vectors")
    recorded("search_words")
    where = in_documents({"zinc.txt"})
    Retriever(index, embedder, RetrieverConfig(mode=mode)).retrieve("zinc tablet", where=where)
    assert given and all(one is where for one in given)
    assert len(given) >= (2 if mode is RetrieverMode.hybrid else 1)


def test_many_notes_in_nearly_the_same_words_do_not_crowd_out_others(
    build: Callable[[], BuildReport], corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    """They may differ in something that matters, so each is a hit, but not one behind the other."""
    for ward in range(8):
        text = f"Vancomycin is begun with 25 mg/kg in adults, says leaf {ward} of the ward book."
        (corpus / f"note{ward}.txt").write_text(text, encoding="utf-8")
    (corpus / "dialysis.txt").write_text(
        "In dialysis, vancomycin is given after each session by its level.", encoding="utf-8"
    )
    build()
    with RAGPipeline(config, embedder) as rag:
        documents = [hit.document for hit in rag.retrieve("vancomycin dose", 4)]
    assert "dialysis.txt" in documents
