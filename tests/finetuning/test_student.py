"""A smaller encoder learns the vectors of a larger one, and says what it is worth."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from medrag.config import Config, Device, DistilConfig, EmbedderConfig, TrainTarget
from medrag.embedding.local.embedder import TextEmbedder
from medrag.errors import ConfigError, DivergenceError
from medrag.finetuning.student import StudentResult, train_student
from medrag.manifest import open_artefact
from medrag.train import run, summary_table
from tests.crash.tiny_encoder import make_tiny_encoder
from tests.finetuning.notes import notes_with_dataset
from tests.finetuning.small_run import start_training, until


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_encoder(tmp_path_factory.mktemp("teacher"), layers=2, spread=0.3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, teacher: Path) -> Path:
    return notes_with_dataset(tmp_path_factory.mktemp("student"), teacher)


def settings(root: Path, folder: Path, **changes: object) -> DistilConfig:
    config = DistilConfig(
        dataset=str(root / "dataset"),
        dir=str(folder / "student"),
        device=Device.cpu,
        layers=1,
        batch_size=8,
        learning_rate=3e-3,
        max_steps=40,
        max_length=32,
    )
    return replace(config, **changes)


def train(config: DistilConfig) -> StudentResult:
    return train_student(config, report_to=[], run_name="test")


def test_a_student_has_fewer_layers_and_learns_the_teachers_vectors(
    root: Path, tmp_path: Path, teacher: Path
) -> None:
    config = settings(root, tmp_path)
    result = train(config)
    assert (result.layers, result.teacher_layers) == (1, 2)
    assert result.parameters < result.teacher_parameters
    assert result.base_model == str(teacher)
    assert result.train_loss < 0.5 * result.first_loss
    assert result.speed > 0 < result.teacher_speed
    (row, *_) = result.measured
    assert row["questions"] > 0
    assert row["low"] <= row["difference"] <= row["high"]
    # The plain library loads it, and so does medrag; both give the teacher's vectors nearly.
    texts = ["Zorvex is a red round tablet.", "How does zorvex look?"]
    student = SentenceTransformer(config.dir, local_files_only=True, device="cpu")
    assert len(student[0].model.encoder.layer) == 1
    whole = SentenceTransformer(str(teacher), local_files_only=True, device="cpu")
    wanted = whole.encode(texts, normalize_embeddings=True)
    close = (student.encode(texts, normalize_embeddings=True) * wanted).sum(axis=1)
    assert close.min() > 0.9
    mine = TextEmbedder(EmbedderConfig(model=config.dir)).embed_documents(texts)
    assert (mine * wanted).sum(axis=1).min() > 0.9


def test_nothing_of_held_out_documents_is_learned(root: Path, tmp_path: Path) -> None:
    few = train(settings(root, tmp_path, max_steps=1))
    with_held_out = 48
    held_out = {
        line
        for split in ("validation", "test")
        for line in (root / "dataset" / f"{split}.jsonl").read_text("utf-8").splitlines()
    }
    assert few.passages == with_held_out - len(held_out)


def test_a_stopped_run_goes_on_with_the_same_losses(root: Path, tmp_path: Path) -> None:
    config = settings(root, tmp_path / "stopped", max_steps=14, save_steps=4)
    undisturbed = replace(config, dir=str(tmp_path / "undisturbed" / "student"))
    wanted: dict[int, float] = {}
    found: dict[int, float] = {}
    _, messages, _ = start_training(undisturbed)
    until(messages, 14, wanted)
    messages.recv()
    for step, number, status in ((6, signal.SIGKILL, -9), (9, signal.SIGINT, 130)):
        process, messages, told = start_training(config)
        until(messages, step, found)
        assert process.pid
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == status, told.read_text()
    _, messages, _ = start_training(config)
    until(messages, 14, found)
    messages.recv()
    assert found == {step: pytest.approx(values, rel=1e-6) for step, values in wanted.items()}
    one, other = (load_file(Path(c.dir) / "model.safetensors") for c in (config, undisturbed))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-5, atol=1e-6)


def test_a_teacher_with_too_few_layers_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 2 layers, and distil\.layers=2; give fewer than 2"):
        train(settings(root, tmp_path, layers=2))


def test_a_diverging_run_leaves_nothing(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match=r"(?i)lower distil\.learning_rate"):
        train(settings(root, tmp_path, learning_rate=1e8))
    assert not [*tmp_path.rglob("*.safetensors")]


def test_nothing_is_measured_without_held_out_questions(root: Path, tmp_path: Path) -> None:
    assert train(settings(root, tmp_path, max_steps=2, held_out_questions=0)).measured == []


def test_a_student_does_not_replace_its_teacher(root: Path, tmp_path: Path) -> None:
    config = Config(distil=settings(root, tmp_path, max_steps=3))
    config.train.target = TrainTarget.student
    config.tracking.wandb = "disabled"
    run(config)
    config.distil = replace(config.distil, teacher=config.distil.dir)
    with pytest.raises(ConfigError, match="choose another folder"):
        run(config)


def test_the_stage_seals_it_with_a_card_and_a_lineage(root: Path, tmp_path: Path) -> None:
    config = Config(distil=settings(root, tmp_path, max_steps=3))
    config.train.target = TrainTarget.student
    config.tracking.wandb = "disabled"
    report = run(config)
    manifest = open_artefact(tmp_path / "student", "retriever")
    assert manifest.parents["dataset"].path == str(root / "dataset")
    card = (tmp_path / "student" / "README.md").read_text(encoding="utf-8")
    assert "distilled with medrag" in card
    assert "| passages per second |" in card
    assert "no medical advice" in " ".join(card.split())
    assert (tmp_path / "student" / "loss.png").is_file()
    rows = [str(cell) for column in summary_table(report).columns for cell in column.cells]
    assert "1 of 2" in rows
    assert run(config).up_to_date
