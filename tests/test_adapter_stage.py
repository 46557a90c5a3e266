"""An adapter from the stage `train`: its plan, its model card, and preferences on top of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medrag import build_dataset, train
from medrag.config import Config, TrainTarget
from medrag.errors import ArtefactError, BusyError, ConfigError, MismatchError, PreflightError
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import MANIFEST, read_manifest, write_manifest
from medrag.workplace import sole_writer
from tests.test_stages import NOTES, SMALL, composed, write_questions

pytestmark = pytest.mark.usefixtures("one_thread")

SYSTEMS = ["before", "tuned", "extractive reader", "most question words"]


def settings(root: Path, *overrides: str) -> Config:
    few = ["finetune.held_out_rows=2", *overrides]
    config = composed(root, "+experiment=qlora_smoke", *SMALL, *few)
    config.dataset.near_miss_share = 1.0
    config.dataset.test_share = 0.3
    config.dataset.validation_share = 0.2
    config.dataset.seed = 1
    config.preference_tuning.adapter = config.finetune.dir
    config.preference_tuning.dir = str(root / "models" / "dpo")
    config.preference_tuning.max_steps = 2
    return config


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Path:
    """Notes, an index, and a dataset with a row in every split."""
    root = tmp_path_factory.mktemp("adapter")
    for name, text in NOTES.items():
        path = root / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_questions(root, 6)
    config = settings(root)
    IndexBuilder(config, embedder).mirror()
    counts = build_dataset.run(config).counts
    assert all(counts[split]["rows"] for split in ("train", "test"))
    return root


@pytest.fixture(scope="module")
def trained(root: Path) -> Config:
    config = settings(root)
    train.run(config)
    return config


def test_the_card_says_what_the_adapter_is_and_can_do(trained: Config, root: Path) -> None:
    folder = Path(trained.finetune.dir)
    manifest = read_manifest(folder, "adapter")
    assert {"README.md", "loss.png", "held_out.jsonl"} <= set(manifest.files)
    assert list(manifest.counts["held_out"]) == SYSTEMS
    card = (folder / "README.md").read_text(encoding="utf-8")
    dataset = read_manifest(Path(trained.finetune.dataset), "dataset")
    assert dataset.fingerprint in card
    assert dataset.parents["index"].fingerprint in card
    assert "| extractive reader |" in card
    assert "not medical advice" in card or "no medical advice" in card
    assert str(root) not in card  # it is read elsewhere
    rows = [json.loads(line) for line in (folder / "held_out.jsonl").read_text().splitlines()]
    test = [json.loads(line) for line in (root / "dataset" / "test.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows} <= {row["id"] for row in test}
    assert all(list(row["replies"]) == SYSTEMS for row in rows)


def test_a_plan_is_printed_and_nothing_is_made(
    trained: Config, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(root, "train.preflight_only=true")
    config.finetune.dir = str(root / "models" / "planned")
    train.main(config)
    told = capsys.readouterr().err
    assert "before training" in told
    assert "time, from two steps" in told
    assert not Path(config.finetune.dir).exists()
    config.finetune.max_length = 8
    with pytest.raises(PreflightError, match=r"finetune\.max_length=8"):
        train.main(config)
    config.train.target = TrainTarget.retriever
    with pytest.raises(ConfigError, match="preflight_only"):
        train.main(config)


def test_preferences_are_learned_on_top_of_the_adapter(trained: Config, root: Path) -> None:
    config = settings(root)
    config.train.target = TrainTarget.preferences
    report = train.run(config)
    folder = Path(config.preference_tuning.dir)
    assert (report.kind, report.directory, report.counts["steps"]) == ("adapter", folder, 2)
    manifest = read_manifest(folder, "adapter")
    start = read_manifest(Path(config.finetune.dir), "adapter")
    assert manifest.parents["adapter"].fingerprint == start.fingerprint
    assert list(manifest.counts["held_out"]) == SYSTEMS
    assert train.run(config).up_to_date

    config.preference_tuning.adapter = str(root / "none")
    with pytest.raises(ArtefactError, match="no adapter in"):
        train.run(config)
    config.preference_tuning.adapter = config.preference_tuning.dir
    with pytest.raises(ConfigError, match="is the adapter that it starts from"):
        train.run(config)


def test_a_folder_with_something_else_is_not_replaced(trained: Config, root: Path) -> None:
    mine = root / "mine"
    mine.mkdir()
    (mine / "checkpoints").mkdir()
    (mine / "checkpoints" / "mine.pt").touch()
    config = settings(root)
    dataset = config.dataset.dir
    for place in (str(mine), config.index.dir, config.finetune.dir):
        config.dataset.dir = place
        with pytest.raises(ConfigError, match=r"dataset\.dir=.* would be replaced"):
            build_dataset.run(config)
    config.dataset.dir = dataset
    for place in (str(mine), dataset):
        config.finetune.dir = place
        with pytest.raises(ConfigError, match=r"finetune\.dir=.* would be replaced"):
            train.run(config)
    assert (mine / "checkpoints" / "mine.pt").exists()


def test_one_training_at_a_time_has_a_folder(trained: Config, root: Path) -> None:
    config = settings(root, "finetune.seed=2")
    config.finetune.dir = str(root / "models" / "held")
    folder = Path(config.finetune.dir)
    with sole_writer(folder, "finetune.dir"), pytest.raises(BusyError, match="another process"):
        train.run(config)
    assert not folder.exists()  # nothing came of it


def test_a_dataset_that_was_replaced_during_the_training_is_not_measured_on(
    trained: Config, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(root, "finetune.max_steps=1")
    config.finetune.dir = str(root / "models" / "late")
    config.finetune.dataset = str(root / "copy")
    shutil.copytree(root / "dataset", root / "copy")
    manifest = root / "copy" / MANIFEST
    real = train.train_generator

    def replaced_meanwhile(*args: Any, seal: Any, **options: Any) -> Any:
        def late(*made: Any) -> None:
            old = read_manifest(manifest.parent, "dataset")
            write_manifest(manifest.parent, replace(old, fingerprint="f" * 32))
            seal(*made)

        return real(*args, seal=late, **options)

    monkeypatch.setattr(train, "train_generator", replaced_meanwhile)
    with pytest.raises(MismatchError, match="was replaced during the training"):
        train.run(config)
    assert not (Path(config.finetune.dir) / MANIFEST).exists()
    monkeypatch.undo()
    shutil.copy(root / "dataset" / MANIFEST, manifest)  # put back
    report = train.run(config)
    assert report.counts["steps_before"] == 1  # it was not trained again
