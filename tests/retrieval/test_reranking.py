"""The packaged reranker, run as users run it, and what else may be given in its place."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medrag import PipelineConfig, RAGPipeline
from medrag.config import RetrieverMode
from medrag.embedding.local.embedder import TextEmbedder
from medrag.errors import ModelError
from medrag.indexing import IndexBuilder
from medrag.retrieval.cross_encoder import RERANKER, load_cross_encoder
from medrag.retrieval.pairs import CrossEncoder
from medrag.retrieval.reranking import CrossEncoderReranker
from medrag.types import Hit

# Invented: each question's subject is in every passage, its answer in one.
SUBJECTS = ("zorvexin", "quilpamide", "mintrolol", "baskeline", "drevonase")
PASSAGES = (
    "In a trial, 204 adults with arthritis were randomised to {} or placebo for 12 weeks.",
    "The most common side effects of {} are nausea, headache and a dry mouth.",
    "{} is stored below 25 °C, in its original package, out of the reach of children.",
    "{} works by blocking an enzyme that breaks down cartilage in the joint.",
)
QUESTIONS = (
    ("What are the side effects of {}?", 1),
    ("What is the mechanism of action of {}?", 3),
    ("Where should {} be kept?", 2),
)


def hit(number: int, text: str, score: float) -> Hit:
    return Hit(number, f"d{number}", "", text, 0, len(text), None, "", "", score)


@pytest.fixture(scope="module")
def packaged() -> CrossEncoder:
    return CrossEncoder("packaged", RERANKER)


@pytest.fixture(scope="module")
def reranker() -> CrossEncoderReranker:
    return CrossEncoderReranker("packaged")


def test_it_tells_the_answer_from_passages_about_the_same_thing(
    packaged: CrossEncoder,
) -> None:
    right = 0
    for subject in SUBJECTS:
        texts = [passage.format(subject) for passage in PASSAGES]
        for question, answer in QUESTIONS:
            logits = packaged.logits(question.format(subject), texts)
            right += logits.index(max(logits)) == answer
    assert right >= 14  # of 15


def test_a_small_lead_is_overturned_and_a_large_one_is_not(reranker: CrossEncoderReranker) -> None:
    question = "What are the side effects of quilpamide?"
    storage, effects = (PASSAGES[place].format("quilpamide") for place in (2, 1))
    near = reranker.rerank(question, [hit(1, storage, 0.90), hit(2, effects, 0.88)])
    far = reranker.rerank(question, [hit(1, storage, 0.90), hit(2, effects, 0.30)])
    assert [one.chunk_id for one in near] == [2, 1]
    assert [one.chunk_id for one in far] == [1, 2]


def test_the_scale_of_the_scores_does_not_matter(reranker: CrossEncoderReranker) -> None:
    """BM25 gives 20 where a cosine gives 0.8."""
    texts = [passage.format("mintrolol") for passage in PASSAGES]
    orders = []
    for scale in (1.0, 25.0):
        hits = [hit(n, text, scale * (0.9 - 0.02 * n)) for n, text in enumerate(texts)]
        found = reranker.rerank("Where should mintrolol be kept?", hits)
        orders.append([one.chunk_id for one in found])
    assert orders[0] == orders[1] != [0, 1, 2, 3]


def test_hits_behind_the_first_twenty_stay_behind(reranker: CrossEncoderReranker) -> None:
    texts = [f"Note {number} on the storage of tablets." for number in range(24)]
    texts[22] = PASSAGES[1].format("baskeline")
    hits = [hit(number, text, 0.9 - 0.01 * number) for number, text in enumerate(texts)]
    found = reranker.rerank("What are the side effects of baskeline?", hits)
    assert sorted(one.chunk_id for one in found[:20]) == list(range(20))
    assert [one.chunk_id for one in found[20:]] == [20, 21, 22, 23]
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert reranker.rerank("What is it?", []) == []


def test_openvino_and_torch_agree(packaged: CrossEncoder) -> None:
    """Neither padding nor the batch a pair is in changes what the model sees."""
    question = "What is the mechanism of action of drevonase?"
    texts = [passage.format("drevonase") * times for passage in PASSAGES for times in (1, 3, 40)]
    network, tokenizer = load_cross_encoder("packaged")
    exact = []
    for text in texts:
        pair = tokenizer(
            question, text, truncation="longest_first", max_length=256, return_tensors="pt"
        )
        with torch.inference_mode():
            exact.append(float(network(**pair).logits[0, 0]))
    assert np.abs(np.array(packaged.logits(question, texts)) - exact).max() < 0.25  # bf16
    assert max(exact) - min(exact) > 2


@pytest.mark.parametrize("mode", list(RetrieverMode))
def test_the_setting_reaches_the_pipeline(
    tmp_path: Path,
    config: PipelineConfig,
    embedder: TextEmbedder,
    reranker: CrossEncoderReranker,
    mode: RetrieverMode,
) -> None:
    notes = tmp_path / "notes.jsonl"
    texts = [passage.format(subject) for subject in SUBJECTS for passage in PASSAGES]
    notes.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    config.corpus.paths = [str(notes)]
    config.retriever.mode = mode
    IndexBuilder(config, embedder).mirror()
    changed = 0
    with (
        RAGPipeline(config, embedder) as plain,
        RAGPipeline(
            replace(config, retriever=replace(config.retriever, reranker="packaged")), embedder
        ) as reranking,
    ):
        for subject in SUBJECTS[:2]:
            for question, _ in QUESTIONS:
                asked = question.format(subject)
                before = plain.retrieve(asked, k=20)
                found = [hit.chunk_id for hit in reranking.retrieve(asked, k=3)]
                assert found == [hit.chunk_id for hit in reranker.rerank(asked, before)][:3]
                changed += found != [hit.chunk_id for hit in before][:3]
    assert changed


# --- other models -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reranker's folder, as `medrag.train` writes it."""
    folder = tmp_path_factory.mktemp("saved") / "reranker"
    network, tokenizer = load_cross_encoder("packaged")
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_folder_works_like_the_packaged_one(saved: Path, packaged: CrossEncoder) -> None:
    texts = [passage.format("zorvexin") for passage in PASSAGES]
    question = "What are the side effects of zorvexin?"
    logits = CrossEncoder(str(saved), RERANKER).logits(question, texts)
    assert logits == pytest.approx(packaged.logits(question, texts), abs=1e-3)


def test_a_folder_without_a_head_is_refused(tiny: Path) -> None:
    with pytest.raises(ModelError, match="is no sequence classification model"):
        CrossEncoder(str(tiny), RERANKER).logits("What is it?", ["A drug."])


def test_weights_other_than_safetensors_are_refused(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(saved, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"retriever\.reranker=.*has no model\.safetensors"):
        CrossEncoder(str(folder), RERANKER).logits("What is it?", ["A drug."])


def test_an_unknown_name_says_which_setting_is_wrong() -> None:
    with pytest.raises(ModelError, match=r"retriever\.reranker=no-such/model"):
        CrossEncoder("no-such/model", RERANKER).logits("What is it?", ["A drug."])
