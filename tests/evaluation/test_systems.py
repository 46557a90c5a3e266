"""The systems of a run: built-in ones, own settings, baselines, and what is not understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medrag import RAGPipeline
from medrag.config import Config, GeneratorConfig, RetrieverMode, TinyModelConfig
from medrag.errors import ArtefactError, ConfigError
from medrag.evaluate import run
from medrag.evaluation.systems import BUILT_IN, read_systems
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.prompts import REFUSAL
from medrag.text import split_sentences
from tests.conftest import NOTES
from tests.evaluation.conftest import MakeConfig, answers, build_index, write_corpus
from tests.generation.conftest import endpoint as endpoint
from tests.generation.endpoint import Endpoint

ROWS: list[dict[str, Any]] = [
    {"id": "1", "question": "What lowers uric acid and prevents further attacks of gout?",
     "answer": "Allopurinol.", "documents": ["gout.txt"]},
    {"id": "2", "question": "How is severe malaria treated?", "answer": "With artesunate.",
     "documents": ["sub/malaria.txt"]},
]  # fmt: skip


def own(config: Config, *names: str) -> dict[str, Config]:
    return {one.name: one.config for one in read_systems(config, names)}  # type: ignore[misc]


def test_settings_change_a_copy(configure: MakeConfig) -> None:
    config = configure([])
    found = read_systems(
        config, ["medrag", "mine: retriever.k=3 'generator.model=a b' grounding.min_support=0.75"]
    )
    assert [one.name for one in found] == ["medrag", "mine"]
    mine = found[1].config
    assert (mine.retriever.k, mine.generator.model, mine.grounding.min_support) == (3, "a b", 0.75)
    assert found[1].settings == (
        "retriever.k=3", "generator.model=a b", "grounding.min_support=0.75",
    )  # fmt: skip
    assert found[0].config.retriever.k == config.retriever.k == 5
    assert mine.index == config.index
    # As on the command line, nothing after the sign is an empty text.
    assert own(config, "rules: grounding.reader=")["rules"].grounding.reader == ""


def test_settings_of_a_built_in_system_come_on_top_of_its_own(configure: MakeConfig) -> None:
    found = own(
        configure([]), "dense: retriever.k=7", "lexical", "my-first-sentence: retriever.k=1"
    )
    assert found["dense"].retriever.mode == RetrieverMode.dense
    assert found["dense"].retriever.k == 7
    assert found["lexical"].retriever.mode == RetrieverMode.lexical
    with RAGPipeline(found["my-first-sentence"]) as rag:
        (system,) = read_systems(configure([]), ["my-first-sentence: retriever.k=1"])
        with system.open(rag) as answers_:
            assert answers_ is rag  # only the built-in name makes a baseline of it


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["medrgag"], r"'medrgag' is unknown; give one of medrag, hybrid, .*'medrgag: SETTING"),
        ([""], r"'' is unknown; .*'NAME: SETTING"),
        ([": retriever.k=3"], r"'' is unknown"),
        (["medrag", "dense", "medrag"], r"'medrag' is there twice; rename one"),
        (["a: retriever.k=3", "a: retriever.k=4"], r"'a' is there twice"),
        (["a: retriever.kk=3"], r"retriever\.kk=3: .*kk"),
        (["a: evaluation.limit=3"], r"evaluation\.limit=3: .*evaluation"),
        (["a: retriever.k=many"], r"retriever\.k=many: .*many"),
        (["a: retriever.k=0"], r"retriever\.k=0"),
        (["a: retriever.mode=fuzzy"], r"retriever\.mode=fuzzy: .*fuzzy"),
        (["a: retriever=3"], r"retriever=3: "),
        (["a: retriever"], r"retriever: write settings as NAME=VALUE"),
        (["a: =3"], r"=3: write settings as NAME=VALUE"),
        (["a: generator.model='x"], r"generator\.model='x: No closing quotation"),
        (["a" * 61 + ": retriever.k=3"], r"has 61 characters; 60 at most"),
        (["closed-book"], r"closed-book needs a language model; add generator=hf"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    configure: MakeConfig, names: list[str], told: str
) -> None:
    config = configure(ROWS, systems=names)
    with pytest.raises(ConfigError, match=told) as caught:
        run(config)
    assert "\n" not in str(caught.value)
    assert not Path(config.evaluation.dir).exists()


def test_a_system_without_an_index_is_told_before_anything_is_asked(
    configure: MakeConfig, tmp_path: Path
) -> None:
    config = configure(ROWS, systems=["medrag", f"other: index.dir={tmp_path}/none"])
    with pytest.raises(ArtefactError, match=r"no index in .*none"):
        run(config)
    assert not list(tmp_path.glob(".evaluation*"))


def test_every_retrieval_and_first_sentence_of_a_run(configure: MakeConfig) -> None:
    names = [name for name in BUILT_IN if name != "closed-book"]
    config = configure(ROWS, systems=names)
    summary = run(config).summary
    assert [*summary["systems"]] == names
    assert [*summary["differences"]] == names[1:]
    for name, (description, setting) in BUILT_IN.items():
        if name in names:
            told = summary["systems"][name]
            assert (told["description"], " ".join(told["settings"])) == (description, setting)
            assert told["latency"]["retrieve"]["p50"] > 0
    said = {(row["system"], row["id"]): row for row in answers(config)}
    for mode in ("bm25", "dense"):
        row = said[f"{mode}-first-sentence", "1"]
        (source,) = row["sources"]
        hit = row["hits"][0]
        assert source["text"] == split_sentences(hit["text"])[0].strip()  # not "Gout"
        assert (source["document"], source["start"]) == (hit["document"], hit["start"])
        assert row["answer"] == f"{source['text']} [1]"
        assert (row["shown"], row["threshold"]) == (True, 0.0)
        assert 0 < row["confidence"] <= 1
    assert summary["systems"]["dense-first-sentence"]["citations"]["resolved"]["value"] == 1.0


def test_a_baseline_that_finds_nothing_refuses(configure: MakeConfig) -> None:
    row = {"id": "1", "question": "Xyzzy?", "answer": "Plugh.", "documents": ["gout.txt"]}
    config = configure([row], systems=["bm25-first-sentence", "lexical"])
    summary = run(config).summary
    for answer in answers(config):
        assert (answer["answer"], answer["shown"], answer["hits"]) == (REFUSAL, False, [])
    told = summary["systems"]["bm25-first-sentence"]
    assert told["retrieval"]["recall@1"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 1}


def test_a_model_without_passages(configure: MakeConfig, endpoint: Endpoint) -> None:
    endpoint.says("Allopurinol lowers uric acid.")
    config = configure(ROWS, systems=["medrag", "closed-book"])
    config.generator = GeneratorConfig(
        kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
        base_url=endpoint.url,
        model="some-model",
    )
    config.grounding.min_confidence = 0.0
    summary = run(config).summary
    asked = [sent["messages"][0]["content"] for _, _, sent in endpoint.asked]
    assert len(asked) == 4
    assert "Passages:" in asked[0]
    assert [ROWS[n]["question"] in asked[2 + n] for n in (0, 1)] == [True, True]
    assert not any("Passages:" in text or "|" in text for text in asked[2:])
    told = summary["systems"]["closed-book"]
    assert told["generator"] == "openai"
    assert told["retrieval"] == {}
    assert told["latency"]["retrieve"] is None
    assert told["latency"]["query"]["p50"] > 0
    assert told["answers"]["right"] == {"value": 0.5, "low": 0.0, "high": 1.0, "n": 2}
    assert "precision" not in told["citations"]
    rows = [row for row in answers(config) if row["system"] == "closed-book"]
    assert [row["right"] for row in rows] == [True, False]
    assert all(row["confidence"] == 0.5 and not row["sources"] for row in rows)
    assert "retrieval/recall@1" not in summary["differences"]["closed-book"]
    assert summary["differences"]["closed-book"]["answers/right"]["n"] == 2


def test_a_local_model_without_passages(configure: MakeConfig, tmp_path: Path) -> None:
    shape = TinyModelConfig(
        vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
    )
    model = build_tiny_model(shape, [*NOTES.values()] * 5, tmp_path / "model", seed=1)
    config = configure(ROWS[:1], systems=["closed-book"])
    config.generator = GeneratorConfig(
        kind="hf",  # type: ignore[arg-type]  # a plain string, as people write it
        model=str(model),
        max_new_tokens=6,
    )
    summary = run(config).summary
    (row,) = answers(config)
    assert row["draft"] == row["answer"] or not row["shown"]
    assert summary["systems"]["closed-book"]["answers"]["right"]["n"] == 1


def test_a_system_may_ask_another_index(configure: MakeConfig, tmp_path: Path) -> None:
    text = NOTES["gout.txt"].replace("Allopurinol", "Febuxostat")
    other = build_index(
        write_corpus(tmp_path / "corpus", NOTES | {"gout.txt": text}), tmp_path / "other"
    )
    config = configure(ROWS[:1], systems=["medrag", f"other: index.dir={other}"])
    config.grounding.min_confidence = 0.0
    run(config)
    one, two = answers(config)
    assert "Allopurinol" in one["answer"]
    assert "Febuxostat" in two["answer"]
    assert (one["right"], two["right"]) == (True, False)
    manifest = json.loads(Path(config.evaluation.dir, "manifest.json").read_text("utf-8"))
    told = manifest["settings"]["systems"]
    assert told["medrag"]["index"] != told["other"]["index"]
