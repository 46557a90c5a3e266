"""An adapter from the stage `train`: its plan, its model card, and preferences on top of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medrag import build_dataset, train
from medrag.config import Config, TrainTarget
from medrag.errors import ArtefactError, ConfigError, PreflightError
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import read_manifest
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
