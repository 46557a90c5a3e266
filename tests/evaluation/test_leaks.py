"""What a model was trained on is left out of an evaluation, counted, and named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from medrag import Example, GeneratorConfig
from medrag.config import Config, EvaluationConfig
from medrag.errors import ArtefactError, MismatchError, QuestionError
from medrag.evaluate import run
from medrag.evaluation.leaks import Unseen, without_leaks
from medrag.evaluation.systems import System
from medrag.manifest import Manifest, Parent, describe_files, read_manifest, write_manifest
from tests.evaluation.conftest import MakeConfig, answers, write_rows

ROWS: list[dict[str, Any]] = [
    {"id": "1", "question": "What calms an acute attack of gout?", "answer": "Colchicine.",
     "documents": ["gout.txt"]},
    {"id": "2", "question": "What lowers uric acid?", "answer": "Allopurinol.",
     "documents": ["gout.txt"]},
    {"id": "3", "question": "How is severe malaria treated?", "answer": "With artesunate.",
     "documents": ["sub/malaria.txt"]},
    {"id": "4", "question": "Who won the chess tournament?", "answerable": False},
]  # fmt: skip


def tuned(
    folder: Path, kind: str, seen: Iterable[str], documents: Iterable[str] = (), name: str = ""
) -> str:
    """A model folder whose manifest names the dataset it was trained on."""
    name = name or kind
    dataset = folder / f"{name}-dataset"
    rows = [{"question": question, "documents": [*documents]} for question in seen]
    write_rows(dataset / "train.jsonl", rows)
    write_rows(dataset / "test.jsonl", [{"question": ROWS[2]["question"]}])  # not trained on
    write_manifest(dataset, Manifest("dataset", "d" * 32, files=describe_files(dataset)))
    model = folder / name
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    parents = {"dataset": Parent(str(dataset), "d" * 32)}
    write_manifest(model, Manifest(kind, "a" * 32, parents, files=describe_files(model)))
    return str(model)


def examples() -> list[Example]:
    return [Example(row["id"], row["question"], row.get("answer", "")) for row in ROWS]


def unseen(*configs: Config) -> Unseen:
    systems = [System(f"s{n}", "", (), config) for n, config in enumerate(configs)]
    return without_leaks(configs[0], systems, examples())


def test_questions_that_a_model_was_trained_on_are_left_out_and_counted(
    configure: MakeConfig, tmp_path: Path
) -> None:
    seen = [ROWS[0]["question"].upper(), f"  {ROWS[3]['question']}!", "Another one?"]
    config = configure([*ROWS, ROWS[0] | {"id": "again"}])  # asked twice: two are left out
    config.generator = GeneratorConfig(adapter=tuned(tmp_path, "adapter", seen))
    report = run(config)
    assert [row["id"] for row in answers(config)] == ["2", "3"]
    assert report.summary["left_out_seen_in_training"] == 3
    assert report.summary["questions"]["all"] == 2
    manifest = read_manifest(Path(config.evaluation.dir), "evaluation")
    assert manifest.counts == {"questions": 2, "left_out": 3}
    assert manifest.parents["adapter"] == Parent(config.generator.adapter, "a" * 32)
    assert run(config).up_to_date
    config.generator = GeneratorConfig()
    assert run(config).summary["left_out_seen_in_training"] == 0


def test_documents_that_a_model_was_trained_on_are_named(
    configure: MakeConfig, tmp_path: Path
) -> None:
    config = configure(ROWS)
    trained = tuned(tmp_path, "adapter", ["What is gout?"], ["gout.txt", "other.txt"])
    config.generator = GeneratorConfig(adapter=trained)
    assert run(config).summary["shared_documents"] == ["gout.txt"]
    page = Path(config.evaluation.dir, "report.html").read_text(encoding="utf-8")
    assert "gout.txt" in page
    # Documents of questions that are left out are not asked about any more.
    other = tuned(
        tmp_path, "adapter", [ROWS[2]["question"], "Why?"], ["sub/malaria.txt"], "other"
    )  # fmt: skip
    config.generator = GeneratorConfig(adapter=other)
    summary = run(config).summary
    assert (summary["left_out_seen_in_training"], summary["shared_documents"]) == (1, [])


def test_retrievers_and_rerankers_count_too(tmp_path: Path) -> None:
    config = Config()
    assert unseen(config) == Unseen(examples())
    config.embedder.model = tuned(tmp_path, "retriever", [ROWS[1]["question"]])
    found = unseen(config)
    assert [one.id for one in found.examples] == ["1", "3", "4"]
    assert found.models == {"retriever": Parent(config.embedder.model, "a" * 32)}
    config.generator.adapter = tuned(tmp_path, "adapter", [ROWS[3]["question"]])
    config.retriever.reranker = tuned(tmp_path, "reranker", [ROWS[0]["question"]])
    found = unseen(config)
    assert [one.id for one in found.examples] == ["3"]
    assert {*found.models} == {"retriever", "adapter", "reranker"}
    # a model from elsewhere has no manifest, so its training is unknown
    config = Config()
    config.embedder.model = str(tmp_path)
    config.retriever.reranker = "packaged"
    assert unseen(config) == Unseen(examples())


def test_the_models_of_every_system_count(tmp_path: Path) -> None:
    """Else one system would be asked what it has learnt by heart."""
    plain, one, other = Config(), Config(), Config()
    one.generator.adapter = tuned(tmp_path, "adapter", [ROWS[0]["question"]])
    other.generator.adapter = tuned(tmp_path, "adapter", [ROWS[1]["question"]], name="adapter-2")
    found = unseen(plain, one, other, one)
    assert [example.id for example in found.examples] == ["3", "4"]
    assert {name: parent.path for name, parent in found.models.items()} == {
        "adapter": one.generator.adapter,
        "adapter 2": other.generator.adapter,
    }


def test_a_set_seen_entirely_in_training_is_refused(configure: MakeConfig, tmp_path: Path) -> None:
    config = configure(ROWS)
    every = [row["question"] for row in ROWS]
    config.generator = GeneratorConfig(adapter=tuned(tmp_path, "adapter", every))
    with pytest.raises(QuestionError, match=r"seen in training.*dataset/test\.jsonl"):
        run(config)
    assert not Path(config.evaluation.dir).exists()


def test_nothing_is_measured_if_a_leak_cannot_be_ruled_out(tmp_path: Path) -> None:
    config = Config(generator=GeneratorConfig(adapter=tuned(tmp_path, "adapter", ["Why?"])))
    train = tmp_path / "adapter-dataset" / "train.jsonl"
    content = train.read_bytes()
    for damage in (b"", content.replace(b"Why", b"How")):
        train.write_bytes(damage)
        with pytest.raises(ArtefactError, match=r"train\.jsonl"):
            unseen(config)
    train.unlink()
    with pytest.raises(ArtefactError, match=r"train\.jsonl"):
        unseen(config)
    train.write_bytes(content)
    unseen(config)
    write_manifest(train.parent, Manifest("dataset", "e" * 32, files=describe_files(train.parent)))
    with pytest.raises(MismatchError, match="another dataset"):
        unseen(config)
    (tmp_path / "adapter-dataset" / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match="no dataset"):
        unseen(config)
    with pytest.raises(ArtefactError, match="no adapter"):
        unseen(Config(generator=GeneratorConfig(adapter=str(tmp_path))))


def test_a_benchmark_is_named_if_all_of_it_was_seen() -> None:
    config = Config(evaluation=EvaluationConfig(benchmark="beir/bioasq"))
    with pytest.raises(QuestionError, match="beir/bioasq"):
        without_leaks(config, [], [])
