"""RAGPipeline from the outside: open, ask, look at the sources, add a document, ask again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from medrag import (
    Answer,
    CorpusConfig,
    EmbedderConfig,
    GeneratorConfig,
    GroundingConfig,
    IndexConfig,
    PipelineConfig,
    RAGPipeline,
    RetrieverConfig,
    pipeline,
)
from medrag.errors import ArtefactError, CorpusError, MismatchError, QuestionError
from medrag.generation.prompts import REFUSAL, Pieces, Prompt, Reply
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.stores.local.index import Index
from tests.conftest import NOTES

Build = Callable[[], BuildReport]
QUESTIONS = {
    "Which drug lowers uric acid?": "gout.txt",
    "What opens the airways within minutes?": "asthma.md",
    "How is severe malaria treated?": "sub/malaria.txt",
}
UNANSWERABLE = "Who won the football match in Paris yesterday?"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Path:
    """An index over the three notes and a PDF of two pages, for tests that only read."""
    root = tmp_path_factory.mktemp("pipeline")
    for name, text in NOTES.items():
        (root / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "corpus" / name).write_text(text, encoding="utf-8")
    two_pages(root / "corpus/anaemia.pdf")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    return root / "index"


_FORK = """
import os, sys
from medrag import EmbedderConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.ingestion import TextEmbedder
from medrag.stores.local.index import Index

directory, question, backend = sys.argv[1:]
config = EmbedderConfig(backend=backend, device="cpu")
with RAGPipeline(PipelineConfig(embedder=config, index=IndexConfig(directory))) as rag:
    # The models are loaded, the files open, and threads were used.
    embedder = TextEmbedder(config)
    vectors, expected = embedder.embed(["gout"] * 64), rag.query(question)
    if child := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    idle = os.fork()  # one that leaves without a word
    if not idle:
        sys.exit()
    assert os.waitpid(idle, 0)[1] == 0
    for own in (embedder, TextEmbedder(config)):
        assert abs(own.embed(["gout"] * 64) - vectors).max() < 1e-5
    assert rag.query(question).answer == expected.answer
    rag.close()
    assert rag.query(question).answer == expected.answer
"""


@pytest.mark.backends
def test_a_forked_process_answers_too(directory: Path, backend_config: EmbedderConfig) -> None:
    """As the workers of a web server that was loaded before they were forked."""
    question = next(iter(QUESTIONS))
    command = [sys.executable, "-c", _FORK, str(directory), question, backend_config.backend.value]
    environment = {k: v for k, v in os.environ.items() if k != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def rag(directory: Path) -> Iterator[RAGPipeline]:
    with RAGPipeline.open(directory) as pipeline:
        yield pipeline


def two_pages(path: Path) -> None:
    canvas = Canvas(str(path))
    canvas.setTitle("Anaemia")
    for line in (
        "Iron deficiency is the most common cause of anaemia in the world.",
        "Ferrous sulfate tablets are taken on alternate days.",
    ):
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()


def check_sources(rag: RAGPipeline, result: Answer) -> None:
    assert result.sources
    for number, source in enumerate(result.sources, 1):
        text = rag.index.document_text(source.document)
        assert text is not None and text[source.start : source.end] == source.text
        assert source.marker == number
        assert f"[{number}]" in result.answer
        assert 0.0 < source.score <= 1.0


# --- asking -----------------------------------------------------------------------------------


def test_as_the_readme_shows_it(directory: Path) -> None:
    rag = RAGPipeline.open(str(directory))
    r = rag.query("Which drug lowers uric acid?")
    assert r.answer.startswith("Allopurinol lowers uric acid and prevents further attacks. [1]")
    assert r.abstained is False
    source = r.sources[0]
    assert source.text == "Allopurinol lowers uric acid and prevents further attacks."
    assert (source.title, source.document, source.page) == ("Gout", "gout.txt", None)
    assert NOTES["gout.txt"].removeprefix("Gout\n\n")[source.start : source.end] == source.text
    assert source.score == 1.0
    hits = rag.retrieve("uric acid", k=3)
    assert (len(hits), hits[0].document) == (3, "gout.txt")
    rag.close()


def test_spelled_out_it_is_the_same(directory: Path, rag: RAGPipeline) -> None:
    config = PipelineConfig(
        index=IndexConfig(dir=str(directory)),
        generator=GeneratorConfig(kind="extractive"),  # type: ignore[arg-type]  # a plain string
    )
    with RAGPipeline(config) as spelled_out:
        for question in QUESTIONS:
            assert spelled_out.query(question) == rag.query(question)


@pytest.mark.backends
@pytest.mark.parametrize(("question", "document"), QUESTIONS.items())
def test_answers_rest_on_exact_spans_of_the_right_document(
    rag: RAGPipeline, question: str, document: str
) -> None:
    result = rag.query(question)
    check_sources(rag, result)
    assert result.sources[0].document == document
    assert (result.question, result.unsupported) == (question, ())
    assert rag.config.grounding.min_confidence <= result.confidence <= 1.0
    assert result.hits == tuple(rag.retrieve(question))


@pytest.mark.parametrize(
    ("question", "stance"),
    [
        ("Is ramolor safe in pregnancy?", "no"),
        ("Is methadol safe in pregnancy?", "yes"),
        ("Which drug is safe in pregnancy?", ""),
        ("Is aspirin safe in pregnancy?", ""),  # refused: no document says
    ],
)
def test_yes_no_questions_get_a_stance(
    config: PipelineConfig, tmp_path: Path, question: str, stance: str
) -> None:
    note = tmp_path / "note.md"
    note.write_text(
        "# Blood pressure\n\nMethadol is safe in pregnancy. Ramolor is not safe in pregnancy.",
        encoding="utf-8",
    )
    with RAGPipeline(config) as rag:
        rag.ingest_document(note)
        answer = rag.query(question)
        assert (answer.stance, answer.abstained) == (stance, "aspirin" in question)


def test_a_list_is_quoted_whole_and_cited_as_it_stands(
    config: PipelineConfig, tmp_path: Path
) -> None:
    note = tmp_path / "scurvy.md"
    note.write_text(
        "# Scurvy\n\nSigns of scurvy:\n\n- bleeding gums [4]\n- bruises\n- slow wounds\n",
        encoding="utf-8",
    )
    with RAGPipeline(config) as rag:
        rag.ingest_document(note)
        answer = rag.query("What are the signs of scurvy?")
        check_sources(rag, answer)
        said = "Signs of scurvy: - bleeding gums (4) - bruises - slow wounds"
        assert answer.answer == f"{said} [1]"
        assert answer.sources[0].text.startswith("Signs of scurvy:\n")


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("What is the most common cause of anaemia in the world?", 1),
        ("When are ferrous sulfate tablets taken?", 2),
    ],
)
def test_a_source_in_a_pdf_names_its_page(rag: RAGPipeline, question: str, page: int) -> None:
    result = rag.query(question)
    check_sources(rag, result)
    source = result.sources[0]
    assert (source.document, source.page) == ("anaemia.pdf", page)
    assert len({hit.chunk_id for hit in result.hits if hit.document == "anaemia.pdf"}) == 1


@pytest.mark.backends
def test_it_abstains_when_the_documents_do_not_hold_the_answer(rag: RAGPipeline) -> None:
    result = rag.query(UNANSWERABLE)
    assert (result.answer, result.abstained, result.sources) == (REFUSAL, True, ())
    assert 0.0 <= result.confidence < rag.config.grounding.min_confidence
    assert result.hits


def test_the_threshold_decides_when_to_abstain(directory: Path) -> None:
    config = PipelineConfig(index=IndexConfig(str(directory)))
    for threshold, abstains in ((1.0, True), (0.0, False)):
        config.grounding = GroundingConfig(min_confidence=threshold)
        with RAGPipeline(config) as rag:
            assert rag.query("Which drug lowers uric acid?").abstained is abstains


def test_odd_spaces_and_invisible_characters_in_a_question_change_nothing(
    rag: RAGPipeline,
) -> None:
    plain = "Which drug lowers uric acid?"
    odd = "  Which\u00a0drug \ud800lowers\turic\u200b acid?\n"
    assert rag.query(odd) == rag.query(plain)
    hits = rag.retrieve(plain)
    assert rag.prompt(odd, hits) == rag.prompt(plain, hits)


def test_the_prompt_counts_tokens_of_the_embedder(rag: RAGPipeline) -> None:
    question = "Which drug lowers uric acid?"
    hits = rag.retrieve(question)
    prompt = rag.prompt(question, hits)
    assert (prompt.contexts, prompt.left_out) == (tuple(hits), 0)
    tokenizer = TextEmbedder().tokenizer
    tokens = len(tokenizer.encode(prompt.messages[0]["content"], add_special_tokens=False).ids)
    with RAGPipeline(PipelineConfig(generator=GeneratorConfig(context_tokens=tokens))) as exact:
        assert exact.prompt(question, hits).left_out == 0
    with RAGPipeline(PipelineConfig(generator=GeneratorConfig(context_tokens=tokens - 1))) as less:
        assert less.prompt(question, hits).left_out == 1


@pytest.mark.parametrize("question", ["", " \n", "\ud800"])
def test_an_empty_question_is_a_clear_error(rag: RAGPipeline, question: str) -> None:
    for ask in (rag.query, rag.retrieve):
        with pytest.raises(QuestionError, match="empty"):
            ask(question)


@pytest.mark.backends
def test_threads_get_the_answers_that_one_gets(
    directory: Path, backend_config: EmbedderConfig
) -> None:
    questions = [*QUESTIONS, UNANSWERABLE] * 6
    config = PipelineConfig(embedder=backend_config, index=IndexConfig(str(directory)))
    with RAGPipeline(config) as rag, ThreadPoolExecutor(4) as threads:
        together = list(threads.map(rag.query, questions))  # the very first use is shared too
        assert together == [rag.query(question) for question in questions]


class Quoting:
    """A generator that says the first sentence of the best passage."""

    reads_messages = True
    closed = 0

    def generate(self, prompt: Prompt) -> Reply:
        return Reply(f"{prompt.contexts[0].text.split('. ')[0]}. [1]")

    def stream(self, prompt: Prompt) -> Pieces:
        reply = self.generate(prompt)
        yield reply.text
        return reply

    def close(self) -> None:
        self.closed += 1


def test_threads_share_one_index_and_one_generator(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    together = threading.Barrier(8)  # so that all first uses meet

    construct = Index.__init__

    def count(self: Index, path: str | Path) -> None:
        opened.append("index")
        time.sleep(0.05)
        construct(self, path)

    def open_quoting(config: GeneratorConfig) -> Quoting:
        opened.append(config.kind)
        time.sleep(0.05)
        return Quoting()

    monkeypatch.setattr(Index, "__init__", count)
    monkeypatch.setattr(pipeline, "open_generator", open_quoting)

    def ask(question: str) -> Answer:
        together.wait(30)
        return rag.query(question)

    config = PipelineConfig(
        index=IndexConfig(str(directory)),
        generator=GeneratorConfig(kind="hf", model="none"),  # type: ignore[arg-type]
    )
    with RAGPipeline(config) as rag, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, ["Which drug lowers uric acid?"] * 8))
        assert sorted(opened) == ["hf", "index"]
        assert {answer.answer for answer in answers} == {
            "Gout is caused by crystals of uric acid in a joint. [1]"
        }


def test_a_generator_can_be_shared_and_is_not_closed(directory: Path) -> None:
    generator = Quoting()
    with RAGPipeline(PipelineConfig(index=IndexConfig(str(directory))), None, generator) as rag:
        result = rag.query("Which drug lowers uric acid?")
        check_sources(rag, result)
        assert result.answer == "Gout is caused by crystals of uric acid in a joint. [1]"
    assert generator.closed == 0


def test_an_embedder_without_calibration_is_warned_of_once(
    build: Build, config: PipelineConfig, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config.embedder = EmbedderConfig(model=str(tiny))
    with RAGPipeline(config) as rag:
        IndexBuilder(config, TextEmbedder(config.embedder)).mirror()
        for _ in range(2):
            rag.query("Which drug lowers uric acid?")
        rag.close()
        rag.query("Which drug lowers uric acid?")
    warnings = [line for line in caplog.messages if "calibrated" in line]
    assert len(warnings) == 1
    assert str(tiny) in warnings[0] and "evaluation.calibrate=true" in warnings[0]


def test_a_generator_that_was_passed_in_has_no_calibration(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RAGPipeline(PipelineConfig(index=IndexConfig(str(directory))), None, Quoting()) as rag:
        _, is_own = rag.calibration
    assert not is_own
    assert "calibrated" in caplog.text


@pytest.mark.parametrize("mode", ["dense", "lexical"])
def test_a_calibration_holds_for_every_way_to_search(
    directory: Path, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    config = PipelineConfig(
        index=IndexConfig(str(directory)),
        retriever=RetrieverConfig(mode=mode),  # type: ignore[arg-type]  # a plain string
    )
    with RAGPipeline(config) as rag:
        answer = rag.query("Which drug lowers uric acid?")
        _, is_own = rag.calibration
    assert is_own and 0.2 < answer.confidence < 0.95  # BM25's scores have no upper bound
    assert "calibrated" not in caplog.text


def test_sources_that_disagree_leave_an_even_chance_at_most(
    tmp_path: Path, embedder: TextEmbedder
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, dose in ("old", "1.5 g"), ("new", "1 g"):
        text = f"Naproxen\n\nThe maximum dose of naproxen is {dose} per day. It is for gout.\n"
        (corpus / f"{name}.txt").write_text(text, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus)]), index=IndexConfig(str(tmp_path / "index"))
    )
    question = "What is the maximum dose of naproxen per day?"
    IndexBuilder(config, embedder).mirror()
    with RAGPipeline(config, embedder) as rag:
        both = rag.query(question)
    assert both.status == "conflict"
    assert 0 < both.confidence <= 0.5
    (corpus / "old.txt").unlink()
    IndexBuilder(config, embedder).mirror()
    with RAGPipeline(config, embedder) as rag:
        one = rag.query(question)
    assert (one.status, one.contradicting) == ("answered", ())
    assert one.confidence > 0.5


def test_the_packaged_embedder_needs_no_warning(
    rag: RAGPipeline, caplog: pytest.LogCaptureFixture
) -> None:
    rag.query("Which drug lowers uric acid?")
    assert "calibrated" not in caplog.text


def test_threads_that_add_documents_take_turns(
    build: Build, config: PipelineConfig, tmp_path: Path
) -> None:
    build()
    notes = [tmp_path / f"note{number}.txt" for number in range(4)]
    for note in notes:
        note.write_text(f"The dose of {note.stem} is 5 mg a day.", encoding="utf-8")
    with RAGPipeline(config) as rag, ThreadPoolExecutor(4) as threads:
        before = rag.index.counts.documents
        list(threads.map(rag.ingest_document, notes))
        assert rag.index.counts.documents == before + len(notes)


# --- opening and closing ----------------------------------------------------------------------


def test_constructing_loads_nothing(directory: Path) -> None:
    code = (
        "import sys\nfrom medrag import RAGPipeline, PipelineConfig\n"
        "RAGPipeline(PipelineConfig()).close()\n"
        f"RAGPipeline.open({str(directory)!r})\n"
        "heavy = 'torch', 'transformers', 'faiss', 'datasets', 'sentence_transformers'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_constructing_opens_no_file(tmp_path: Path) -> None:
    RAGPipeline(PipelineConfig(index=IndexConfig(str(tmp_path / "none")))).close()
    assert list(tmp_path.iterdir()) == []


def test_the_context_manager_closes_and_a_later_query_opens_again(directory: Path) -> None:
    with RAGPipeline.open(directory) as rag:
        before = rag.query("Which drug lowers uric acid?")
        first = weakref.ref(rag.index)
    assert first() is None
    rag.close()
    assert rag.query("Which drug lowers uric acid?") == before
    rag.close()


@pytest.mark.parametrize("let_go", [lambda rag: rag.close(), lambda rag: rag.index.close()])
def test_closing_does_not_disturb_queries_in_other_threads(
    directory: Path, let_go: Callable[[RAGPipeline], None]
) -> None:
    """SQLite does not survive that a connection is closed in the middle of a statement."""
    with RAGPipeline.open(directory) as rag:
        expected = rag.retrieve("uric acid", 10)
        found: list[object] = []

        def ask() -> None:
            while len(found) < 100:
                try:
                    found.append(rag.retrieve("uric acid", 10) == expected)
                except sqlite3.ProgrammingError as error:  # the index itself was closed under it
                    found.append("closed" in str(error))
                    rag.close()

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        while len(found) < 100:
            let_go(rag)
        for thread in threads:
            thread.join()
    assert all(found)


def test_without_an_index_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"python -m medrag\.build_index"):
        RAGPipeline.open(tmp_path)
    with (
        RAGPipeline(PipelineConfig(index=IndexConfig(str(tmp_path / "no")))) as rag,
        pytest.raises(ArtefactError, match=r"python -m medrag\.build_index"),
    ):
        rag.query("Which drug lowers uric acid?")
    assert not (tmp_path / "no").exists()


def test_an_index_of_another_embedder_is_refused(directory: Path, tmp_path: Path) -> None:
    packaged = TextEmbedder().folder
    for path in (p for p in packaged.rglob("*") if p.is_file()):
        twin = tmp_path / path.relative_to(packaged)
        twin.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in {".json", ".txt"}:
            twin.write_bytes(path.read_bytes())
    weights = (packaged / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    config = PipelineConfig(
        index=IndexConfig(str(directory)), embedder=EmbedderConfig(model=str(tmp_path))
    )
    with RAGPipeline(config) as rag:
        for _ in range(2):
            with pytest.raises(MismatchError, match=r"all-MiniLM.*index\.rebuild=true"):
                rag.query("Which drug lowers uric acid?")


# --- adding -----------------------------------------------------------------------------------


@pytest.fixture
def scurvy(tmp_path: Path) -> Path:
    path = tmp_path / "scurvy.txt"
    path.write_text(
        "Scurvy\n\nScurvy is caused by a lack of vitamin C. Oranges cure it.", encoding="utf-8"
    )
    return path


@pytest.mark.backends
def test_an_added_document_is_searchable_at_once_and_stays(
    build: Build, config: PipelineConfig, corpus: Path, scurvy: Path
) -> None:
    build()
    question = "What causes scurvy?"
    with RAGPipeline.open(config.index.dir) as rag:
        assert rag.query(question).abstained
        report = rag.ingest_document(scurvy)
        assert (report.added, report.embedded_chunks, report.published) == (1, 1, True)
        result = rag.query(question)
        check_sources(rag, result)
        assert result.sources[0].document == "scurvy.txt"
        assert rag.query("Which drug lowers uric acid?").sources[0].document == "gout.txt"
        again = rag.ingest_document(scurvy)
        assert (again.added, again.embedded_chunks, again.published) == (0, 0, False)
        assert rag.query(question) == result
    (corpus / "gout.txt").unlink()
    assert build().removed == 1
    with RAGPipeline.open(config.index.dir) as fresh:
        assert fresh.query(question).sources[0].text == result.sources[0].text
        assert fresh.query("Which drug lowers uric acid?").abstained


def test_a_document_that_changed_is_replaced(
    build: Build, config: PipelineConfig, scurvy: Path
) -> None:
    build()
    with RAGPipeline.open(config.index.dir) as rag:
        rag.ingest_document(scurvy)
        scurvy.write_text("Scurvy\n\nLemons heal bleeding gums in scurvy.", encoding="utf-8")
        assert rag.ingest_document(scurvy).changed == 1
        assert rag.index.document_text("scurvy.txt") == ("Lemons heal bleeding gums in scurvy.")


def test_what_was_added_by_hand_is_removed_by_hand(
    build: Build, config: PipelineConfig, corpus: Path, scurvy: Path
) -> None:
    build()
    with RAGPipeline.open(config.index.dir) as rag:
        before = rag.retrieve("What causes scurvy?")
        rag.ingest_document(scurvy)
        report = rag.remove_document(os.path.relpath(scurvy))
        assert (report.removed, report.published, report.counts.documents) == (1, True, 3)
        assert rag.retrieve("What causes scurvy?") == before
        with pytest.raises(CorpusError, match="was not added by hand"):
            rag.remove_document(corpus / "gout.txt")


def test_the_last_document_cannot_be_removed(tmp_path: Path, scurvy: Path) -> None:
    with RAGPipeline(PipelineConfig(index=IndexConfig(str(tmp_path / "new")))) as rag:
        rag.ingest_document(scurvy)
        with pytest.raises(CorpusError, match="all that the index holds"):
            rag.remove_document(scurvy)
        assert rag.query("What causes scurvy?").sources[0].title == "Scurvy"


def test_ingesting_does_not_disturb_queries_in_other_threads(
    config: PipelineConfig, build: Build, scurvy: Path
) -> None:
    build()
    with RAGPipeline.open(config.index.dir) as rag, ThreadPoolExecutor(3) as threads:
        rag.query("What is gout?")  # the index is open before the threads start
        asked = [threads.submit(rag.query, question) for question in [*QUESTIONS] * 10]
        rag.ingest_document(scurvy)
        for question, query in zip([*QUESTIONS] * 10, asked, strict=True):
            assert query.result().question == question
        assert rag.query("What causes scurvy?").sources[0].title == "Scurvy"


def test_a_first_document_makes_the_index(tmp_path: Path, scurvy: Path) -> None:
    with RAGPipeline(PipelineConfig(index=IndexConfig(str(tmp_path / "new")))) as rag:
        rag.ingest_document(str(scurvy))
        assert rag.query("What causes scurvy?").sources[0].title == "Scurvy"


BAD = {
    "empty.txt": (b"", "no text"),
    "broken.pdf": (b"%PDF-1.4 this is no PDF", "PDF"),
    "binary.md": (b"abc\x00def", "byte 3"),
    "picture.png": (b"\x89PNG", "unsupported"),
    "missing.txt": (None, "not exist"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_document_that_cannot_be_used_is_an_error_and_changes_nothing(
    build: Build, config: PipelineConfig, tmp_path: Path, name: str
) -> None:
    content, reason = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    build()
    manifest = Path(config.index.dir, "manifest.json").read_bytes()
    with RAGPipeline.open(config.index.dir) as rag:
        before = rag.query("Which drug lowers uric acid?")
        for _ in range(2):  # the second time the file is known already
            with pytest.raises(CorpusError, match=reason) as failure:
                rag.ingest_document(tmp_path / name)
            assert name in str(failure.value)
        assert rag.query("Which drug lowers uric acid?") == before
    assert Path(config.index.dir, "manifest.json").read_bytes() == manifest


def test_a_namesake_never_takes_the_place_of_another_document(
    build: Build, config: PipelineConfig, tmp_path: Path
) -> None:
    build()
    namesake = tmp_path / "gout.txt"
    namesake.write_text("Gout\n\nA poem about Hippocrates and podagra.", encoding="utf-8")
    with RAGPipeline.open(config.index.dir) as rag:
        before = rag.index.document_text("gout.txt")
        with pytest.raises(CorpusError, match="same name"):
            rag.ingest_document(namesake)
        # not even when size and time of change are the same by chance
        original = Path(config.corpus.paths[0], "gout.txt")
        namesake.write_bytes(b"x" * original.stat().st_size)
        os.utime(namesake, ns=(1, original.stat().st_mtime_ns))
        with pytest.raises(CorpusError, match="same name"):
            rag.ingest_document(namesake)
        assert rag.index.document_text("gout.txt") == before
