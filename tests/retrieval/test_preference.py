"""`retriever.prefer`: a preferred type of evidence comes first among hits that match as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RetrieverConfig
from medrag.config import RetrieverMode
from medrag.errors import ConfigError
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.retrieval import Retriever
from medrag.stores import IndexReader, open_index

NOTES = {
    "report": "# Zinc for colds: a case report\n\nZinc shortened a common cold of a man.",
    "trial": "# Zinc for colds: a randomized trial\n\nZinc shortened common colds by a day.",
    "review": "# Zinc for colds: a systematic review\n\nCommon colds under zinc were shorter.",
    "gout": "# Gout: a randomized trial\n\nAllopurinol lowered uric acid.",
}
QUESTION = "Did zinc shorten a common cold of a man?"


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder
) -> Iterator[IndexReader]:
    root = tmp_path_factory.mktemp("preference")
    (root / "corpus").mkdir()
    for name, text in NOTES.items():
        (root / "corpus" / f"{name}.md").write_text(text, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    with open_index(config.index) as opened:
        yield opened


@pytest.mark.backends
@pytest.mark.parametrize("mode", list(RetrieverMode))
def test_a_preferred_type_rises_but_not_over_a_much_better_match(
    index: IndexReader, embedder: TextEmbedder, mode: RetrieverMode
) -> None:
    def ranked(*types: str) -> dict[str, float]:
        config = RetrieverConfig(mode=mode, prefer=list(types))
        hits = Retriever(index, embedder, config).retrieve(QUESTION, 4)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        return {hit.document.removesuffix(".md"): hit.score for hit in hits}

    plain, preferred = ranked(), ranked("systematic review", "randomized trial")
    assert next(iter(plain)) == "report"
    best = plain["report"]
    raised = {name: (preferred[name] - plain[name]) / best for name in plain}
    assert raised["review"] == pytest.approx(0.05) and raised["trial"] == pytest.approx(0.025)
    assert raised["report"] == 0.0
    if "gout" in preferred:
        assert list(preferred)[-1] == "gout"


@pytest.mark.backends
def test_one_of_two_that_match_as_well_comes_first(
    index: IndexReader, embedder: TextEmbedder
) -> None:
    found = {
        name: Retriever(index, embedder, RetrieverConfig(prefer=[name])).retrieve(
            "zinc for the common cold", 1
        )[0]
        for name in ("systematic review", "randomized trial", "case report")
    }
    assert {name: hit.evidence for name, hit in found.items()} == {name: name for name in found}


@pytest.mark.backends
def test_an_unknown_type_is_one_clear_error(index: IndexReader, embedder: TextEmbedder) -> None:
    with pytest.raises(ConfigError, match=r"retriever.prefer: 'RCT' is no type of evidence; the"):
        Retriever(index, embedder, RetrieverConfig(prefer=["guideline", "RCT"]))
