"""Real contrastive tuning of a small encoder on a small index."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from medrag import CorpusConfig, IndexConfig
from medrag.config import (
    Config,
    Device,
    EmbedderConfig,
    RetrieverConfig,
    RetrieverTuneConfig,
)
from medrag.embedding import open_embedder
from medrag.embedding.local.embedder import TextEmbedder
from medrag.errors import ConfigError, DivergenceError, MismatchError, ModelError
from medrag.finetuning.retriever import RetrieverResult, train_retriever
from medrag.finetuning.retriever_material import gather
from medrag.finetuning.running import tenths
from medrag.finetuning.teachers import choose_teacher
from medrag.indexing import IndexBuilder, config_from_manifest
from medrag.retrieval import Retriever
from medrag.stores import open_index
from tests.finetuning.notes import COLOURS, SHAPES, drug, notes_with_dataset, text
from tests.finetuning.small_run import start_training, until


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    return notes_with_dataset(tmp_path_factory.mktemp("retriever"), tiny)


def settings(root: Path, folder: Path, **changes: object) -> RetrieverTuneConfig:
    config = RetrieverTuneConfig(
        dataset=str(root / "dataset"),
        dir=str(folder / "retriever"),
        device=Device.cpu,
        batch_size=8,
        negatives=1,
        written_questions=0,
        distillation=0,
        learning_rate=3e-3,
        max_steps=12,
        max_length=16,
        save_steps=5,
    )
    return replace(config, **changes)


def train(config: RetrieverTuneConfig) -> RetrieverResult:
    return train_retriever(config, report_to=[], run_name="test")


def losses(result: RetrieverResult) -> list[float]:
    return [entry["loss"] for entry in result.history if "loss" in entry]


def test_questions_move_to_their_passages(root: Path, tmp_path: Path, tiny: Path) -> None:
    config = settings(root, tmp_path, max_steps=30)
    result = train(config)
    assert result.steps == 30
    assert 20 < result.asked < 48
    assert result.written == result.skipped_rows == 0
    assert result.mean_batch > 4
    assert result.train_loss < 0.7 * result.first_loss
    assert result.base_model == str(tiny)  # that of the index
    assert [point["share"] for point in result.curve] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert {*result.curve[0]} == {"share", "notes.jsonl"}

    names = {path.name for path in Path(config.dir).iterdir()}
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    # The saved model reads whole chunks again, not the 16 tokens of the training.
    whole = TextEmbedder(EmbedderConfig(model=str(tiny))).max_tokens
    assert TextEmbedder(EmbedderConfig(model=config.dir)).max_tokens == whole
    assert SentenceTransformer(config.dir, local_files_only=True).max_seq_length == whole
    assert [path.name for path in tmp_path.iterdir()] == ["retriever"]


def test_a_stopped_run_goes_on_with_the_same_losses(root: Path, tmp_path: Path) -> None:
    config = settings(root, tmp_path / "stopped", max_steps=14, save_steps=4)
    undisturbed = replace(config, dir=str(tmp_path / "undisturbed" / "retriever"))
    wanted, found = {}, {}
    _, messages, _ = start_training(undisturbed)
    until(messages, 14, wanted)
    history = messages.recv()
    for step, number, status in (
        (2, signal.SIGINT, 130),  # before the first checkpoint
        (6, signal.SIGKILL, -9),
        (9, signal.SIGTERM, 1),
    ):
        process, messages, told = start_training(config)
        until(messages, step, found)
        assert process.pid
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == status, told.read_text()
        assert "Traceback" not in told.read_text()
    _, messages, _ = start_training(config)
    until(messages, 14, found)
    resumed = messages.recv()
    assert found == {step: pytest.approx(values, rel=1e-6) for step, values in wanted.items()}
    assert [e["loss"] for e in resumed if "loss" in e] == pytest.approx(
        [e["loss"] for e in history if "loss" in e], rel=1e-6
    )
    one, other = (load_file(Path(c.dir) / "model.safetensors") for c in (config, undisturbed))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-5, atol=1e-6)
    assert not (Path(config.dir) / "checkpoints").exists()


def test_a_run_that_was_killed_after_its_last_step_keeps_what_it_learned(
    root: Path, tmp_path: Path
) -> None:
    config = settings(root, tmp_path / "killed", max_steps=6)
    undisturbed = replace(config, dir=str(tmp_path / "undisturbed" / "retriever"))
    wanted = train(undisturbed)
    process, messages, told = start_training(config)
    until(messages, 6, {})
    last = Path(config.dir) / "checkpoints" / "step-6"
    while process.is_alive() and not last.is_dir():
        time.sleep(0.01)
    process.kill()
    process.join(60)
    result = train(config)
    assert result.train_loss == pytest.approx(wanted.train_loss, rel=1e-6), told.read_text()
    assert result.chosen == wanted.chosen
    one, other = (load_file(Path(c.dir) / "model.safetensors") for c in (config, undisturbed))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-5, atol=1e-6)


def test_a_diverging_run_leaves_the_old_model(root: Path, tmp_path: Path) -> None:
    config = settings(root, tmp_path, learning_rate=1e8)
    old = tmp_path / "retriever" / "old"
    old.parent.mkdir()
    old.touch()
    with pytest.raises(DivergenceError, match=r"lower retriever_tuning\.learning_rate \(now 1e"):
        train(config)
    assert [path.name for path in old.parent.iterdir()] == ["old"]


def test_a_loss_that_has_risen_is_a_divergence() -> None:
    def trainer(*losses: float) -> SimpleNamespace:
        state = SimpleNamespace(log_history=[{"loss": loss} for loss in losses])
        guard, args = SimpleNamespace(setting="a.b"), SimpleNamespace(learning_rate=0.5)
        return SimpleNamespace(state=state, guard=guard, args=args)

    assert tenths(trainer(*[2.0] * 10, *[1.0] * 10), 0.1) == (2.0, 1.0)
    assert tenths(trainer(0.001, 0.4), 0.5) == (0.001, 0.4)  # batches differ
    with pytest.raises(
        DivergenceError, match=r"rose from 0\.716 to 1\.258.* Lower a\.b \(now 0\.5"
    ):
        tenths(trainer(0.716, 1.258), 0.1)


def test_the_base_is_kept_when_it_is_not_beaten(root: Path, tmp_path: Path, tiny: Path) -> None:
    config = settings(root, tmp_path, learning_rate=1e-12)
    result = train(config)
    assert result.share == result.chosen == 0.0
    assert result.measured[0]["difference"] == 0.0
    one, other = (load_file(Path(f) / "model.safetensors") for f in (config.dir, str(tiny)))
    for name in other:
        assert torch.equal(one[name], other[name])


def test_nothing_of_held_out_documents_is_seen(root: Path, tmp_path: Path) -> None:
    config = settings(root, tmp_path, written_questions=40)
    material = gather(config, tmp_path)
    held_out = {
        document
        for split in ("validation", "test")
        for line in (root / "dataset" / f"{split}.jsonl").open(encoding="utf-8")
        for document in json.loads(line)["documents"]
    }
    assert held_out
    seen = {name for one in material.lists for name in one.shown | one.answers}
    assert not held_out & seen
    texts = {text(number) for number in range(48) if f"notes.jsonl#{drug(number)}" in held_out}
    assert texts
    assert not [one for one in seen for part in texts if part in one]
    assert material.test


def test_copies_of_held_out_documents_are_not_seen_either(tmp_path: Path, tiny: Path) -> None:
    root = notes_with_dataset(tmp_path, tiny, copies=True)
    config = settings(root, tmp_path, written_questions=200, negatives=2)
    material = gather(config, tmp_path)
    held_out = {
        document
        for split in ("validation", "test")
        for line in (root / "dataset" / f"{split}.jsonl").open(encoding="utf-8")
        for document in json.loads(line)["documents"]
    }
    texts = {text(number) for number in range(48) if f"notes.jsonl#{drug(number)}" in held_out}
    assert texts
    assert material.lists
    for one in material.lists:
        assert not [passage for passage in one.passages if any(part in passage for part in texts)]


def test_nothing_is_measured_without_held_out_questions(root: Path, tmp_path: Path) -> None:
    config = settings(root, tmp_path, written_questions=40, held_out_questions=0, max_steps=2)
    result = train(config)
    assert (result.measured, result.curve, result.share) == ([], [], 1.0)


def test_vectors_have_no_more_numbers_than_the_model(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the vectors have 16 numbers"):
        train(settings(root, tmp_path, dimensions=[32]))


def test_a_base_that_is_not_there_is_refused_at_once(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"retriever_tuning\.base_model"):
        train(settings(root, tmp_path, base_model="/nowhere", dataset=str(tmp_path / "none")))


def test_an_index_that_has_changed_is_refused(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    config = Config(
        corpus=CorpusConfig(paths=[str(copy / "notes.jsonl")]),
        index=IndexConfig(dir=str(copy / "index")),
        embedder=config_from_manifest(copy / "index").embedder,
    )
    with (copy / "notes.jsonl").open("a", encoding="utf-8") as notes:
        notes.write('\n{"id": "new", "text": "A new note about a tablet."}')
    IndexBuilder(config).mirror()
    with pytest.raises(MismatchError, match="rebuild the dataset"):
        train(settings(copy, tmp_path))


def test_the_teacher_is_who_finds_most(root: Path) -> None:
    """The small encoder has random weights, so words find more than its vectors."""
    settings = config_from_manifest(root / "index")
    with open_index(settings.index) as index:
        retriever = Retriever(index, open_embedder(settings.embedder), RetrieverConfig())
        trial = []
        for n in range(0, 48, 3):
            (chunk,) = index.document_chunk_ids(f"notes.jsonl#{drug(n)}")
            question = f"Which tablet is {COLOURS[n % 8]} and {SHAPES[n // 8]}?"
            trial.append((question, index.hits([chunk])[chunk]))
        teacher = choose_teacher(retriever, trial)
        assert teacher.round_trip["hybrid"] > teacher.round_trip["vectors"]
        assert teacher.name != "vectors"
        assert teacher.round_trip[teacher.name] == max(teacher.round_trip.values())
        assert teacher.rank
        question, passage = trial[0]
        scores = teacher.rank(question, [passage, *(hit for _, hit in trial[1:4])])
        assert scores[0] == max(scores)
        assert np.std(scores) == pytest.approx(2.0)


def test_a_teacher_is_learned_from(root: Path, tmp_path: Path) -> None:
    config = settings(root, tmp_path, negatives=3, written_questions=60, distillation=1.0)
    result = train(config)
    assert result.teacher in result.round_trip
    material = gather(config, tmp_path / "again")
    assert material.written == result.written > 0
    for one in material.lists:
        assert len(one.passages) == 4
        assert len(one.scores) == (4 if material.teacher != "vectors" else 0)
