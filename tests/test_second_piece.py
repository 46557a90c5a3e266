"""What is said beside the best piece of evidence, and which version of an article is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.types import Answer
from tests.ingestion.test_pubmed import record, relation


def ask(question: str, files: dict[str, str], folder: Path, embedder: TextEmbedder) -> Answer:
    corpus = folder / "corpus"
    corpus.mkdir()
    for name, text in files.items():
        (corpus / name).write_text(text, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus)]), index=IndexConfig(str(folder / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    with RAGPipeline(config, embedder) as rag:
        return rag.query(question)


def test_the_other_half_is_said_however_likely_it_is(
    tmp_path: Path, embedder: TextEmbedder
) -> None:
    files = {
        "cystitis.txt": "Cystitis\n\nThe dose of nitrofurantoin in cystitis is 100 mg twice "
        "daily.\n\nNitrofurantoin is given for 5 days.",
    }
    question = "What is the dose of nitrofurantoin in cystitis, and how long is it given?"
    answer = ask(question, files, tmp_path, embedder)
    assert "100 mg twice daily" in answer.answer and "5 days" in answer.answer
    assert (answer.status, answer.missing) == ("answered", ())


@pytest.mark.parametrize("newer", [1, 2])
def test_the_newer_version_of_an_article_is_quoted(
    tmp_path: Path, embedder: TextEmbedder, newer: int
) -> None:
    hours = {newer: 48, 3 - newer: 72}
    texts = [
        record(
            number,
            f"Oseltamivir is started within {hours[number]} hours of the first symptoms.",
            "" if number == newer else relation("UpdateIn"),
        )
        for number in (1, 2)
    ]
    files = {"set.xml": f"<PubmedArticleSet>{''.join(texts)}</PubmedArticleSet>"}
    question = "Within how many hours of the first symptoms is oseltamivir started?"
    answer = ask(question, files, tmp_path, embedder)
    assert "within 48 hours" in answer.answer
    assert "72" not in answer.answer
