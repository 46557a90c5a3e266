"""How an index fuses is learned on half of the questions, and kept if it gains on the others."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medrag import Example, RAGPipeline
from medrag.config import Config, RetrieverMode
from medrag.errors import ConfigError
from medrag.evaluate import run
from medrag.evaluation.tuning import tune_fusion
from medrag.indexing import IndexBuilder, config_from_manifest
from medrag.stores import FusionRecord, open_store
from tests.embedding.test_protocol import HashEmbedder
from tests.evaluation.conftest import MakeConfig, answers, build_index, write_rows

SYLLABLES = ["ba", "lu", "dor", "mi", "ten", "ka", "sol", "fe", "rin", "go"]
COUNT = 50


def name(number: int) -> str:
    return "".join(SYLLABLES[int(digit)] for digit in f"{number:03}")


# The words of a shelf are in its document, whose meaning is far from the question; the others mean
# what is asked.
SHELVES = [
    {"id": f"s{n}", "text": f"Shelf {name(n)} {name(500 + n)} {name(900 - n)}: rent is due in May."}
    for n in range(COUNT)
]
OTHERS = [
    {"id": f"w{n}", "text": f"Wounds are dressed with gauze and a bandage, said {name(n)}."}
    for n in range(COUNT)
]
ROWS: list[dict[str, Any]] = [
    {
        "id": f"q{n}",
        "question": f"Gauze and bandages for wounds: {name(n)} {name(500 + n)} {name(900 - n)}",
        "answer": "",
        "documents": [f"s{n}"],
    }
    for n in range(COUNT)
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("tuning")
    write_rows(root / "corpus" / "shelves.jsonl", SHELVES + OTHERS)
    return build_index(root / "corpus", root / "index")


@pytest.fixture
def index(built: str, tmp_path: Path) -> Path:
    """An index of the test's own."""
    return Path(shutil.copytree(built, tmp_path / "index"))


def examples(rows: list[dict[str, Any]]) -> list[Example]:
    return [Example(row["id"], row["question"], "", tuple(row["documents"])) for row in rows]


def tuned(config: Config) -> FusionRecord | None:
    return open_store(config.index).manifest().fusion


def test_what_gains_is_kept_used_and_reported(configure: MakeConfig, index: Path) -> None:
    config = configure(ROWS, str(index), tune_fusion=True)
    report = run(config)
    learned = report.summary["fusion"]
    assert learned["is_kept"] and learned["after"] > learned["before"] + 0.2
    assert learned["fitted"] + learned["tested"] == 50
    assert min(learned["fitted"], learned["tested"]) > 15
    assert f"fusion learned from {learned['fitted']} questions" in learned["told"]
    # The other half is asked with it.
    assert len(answers(config)) == learned["tested"]
    found = report.summary["systems"]["medrag"]["retrieval"]["ndcg@10"]["value"]
    assert found == pytest.approx(learned["after"], abs=0.05)
    kept = tuned(config)
    assert kept is not None and kept.fitted_on["fitted"] == learned["fitted"]
    assert kept.fitted_on["questions"] == "questions.jsonl"
    assert kept.dense_weight == learned["best"]["dense_weight"]
    with RAGPipeline.open(index) as rag:
        assert rag.retrieve(ROWS[0]["question"], 1)[0].document.endswith("#s0")
    assert run(config).up_to_date


def test_a_set_weight_goes_before_what_was_learned(index: Path) -> None:
    config = config_from_manifest(index)
    open_store(config.index).keep_fusion(FusionRecord(0.0, 0.0, 0.0, {}))
    with RAGPipeline(config) as rag:
        assert rag.retrieve(ROWS[0]["question"], 1)[0].document.endswith("#s0")
    config.retriever = replace(config.retriever, dense_weight=1.0)
    with RAGPipeline(config) as rag:
        assert "#w" in rag.retrieve(ROWS[0]["question"], 1)[0].document


def test_without_a_gain_the_index_goes_back_to_the_default(
    configure: MakeConfig, index: Path
) -> None:
    easy = [
        {"id": f"e{n}", "question": f"What did {name(n)} say of wounds?", "documents": [f"w{n}"]}
        for n in range(COUNT)
    ]
    config = configure(ROWS, str(index))
    open_store(config.index).keep_fusion(FusionRecord(0.2, 0.0, 0.0, {}))
    done = tune_fusion(config, examples(easy)[::2], examples(easy)[1::2])
    assert not done.is_kept and "fusion stays as it is" in done.line()
    assert tuned(config) is None


def test_later_generations_keep_it_and_another_embedder_drops_it(
    index: Path, tmp_path: Path
) -> None:
    config = config_from_manifest(index)
    config.corpus.paths = [str(write_rows(tmp_path / "shelves.jsonl", SHELVES[:3]))]
    learned = FusionRecord(0.6, 0.2, 0.1, {"fitted": 25})
    store = open_store(config.index)
    before = store.manifest()
    store.keep_fusion(learned)
    assert store.manifest() == replace(before, fusion=learned)
    (tmp_path / "more.txt").write_text("Gout: allopurinol is given.", encoding="utf-8")
    IndexBuilder(config).add(tmp_path / "more.txt")
    after = store.manifest()
    assert after.generation > before.generation and after.fusion == learned
    manifest = json.loads((index / "manifest.json").read_bytes())
    assert manifest["settings"]["fusion"]["fitted_on"] == {"fitted": 25}
    config.index.rebuild, config.chunking.max_tokens = True, 64
    IndexBuilder(config, HashEmbedder()).mirror()
    rebuilt = store.manifest()
    assert rebuilt.settings.embedder.fingerprint != after.settings.embedder.fingerprint
    assert rebuilt.fusion is None


def test_what_cannot_be_tuned(configure: MakeConfig, index: Path) -> None:
    config = configure(ROWS, str(index))
    with pytest.raises(ConfigError, match=r"a half has 19 questions .* and 20 are needed"):
        tune_fusion(config, examples(ROWS)[:30], examples(ROWS)[31:])
    unknown = [row | {"documents": []} for row in ROWS]
    with pytest.raises(ConfigError, match="a half has 0 questions"):
        tune_fusion(config, examples(ROWS)[:25], examples(unknown)[25:])
    config.retriever = replace(config.retriever, mode=RetrieverMode.dense)
    with pytest.raises(ConfigError, match=r"needs retriever\.mode=hybrid, not dense"):
        tune_fusion(config, examples(ROWS)[:25], examples(ROWS)[25:])
