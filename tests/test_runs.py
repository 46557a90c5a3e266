"""What was made of what: lists, lineage, comparisons, and where a retracted document went."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from medrag import build_dataset, evaluate, runs, train
from medrag.cli import conf_dir, register_schema, to_config
from medrag.config import Config
from medrag.errors import ArtefactError, ConfigError
from medrag.evaluation.lineage import find_artefacts
from medrag.indexing import IndexBuilder
from tests.crash.tiny_encoder import make_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = "zorvex quilpa mintro baskel drevon plonic yertal huxmor".split()  # noqa: SIM905
COLOURS = "red blue green white black brown pink grey".split()  # noqa: SIM905


def composed(root: Path, *overrides: str) -> Config:
    here = [
        f"corpus.paths=[{root}/notes.jsonl]",
        f"index.dir={root}/out/index",
        f"dataset.questions={root}/questions.jsonl",
        f"dataset.dir={root}/out/dataset",
        "dataset.near_miss_share=0",
        "dataset.num_distractors=1",
        "dataset.round_trip=0",
        "dataset.validation_share=0.2",
        "retriever_tuning.batch_size=2",
        "retriever_tuning.negatives=0",
        "retriever_tuning.written_questions=0",
        "tracking.wandb=disabled",
        f"tracking.dir={root}/out/runs",
        f"runs.dir={root}/out",
    ]
    register_schema()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return to_config(compose("config", overrides=[*here, *overrides]))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """Eight notes, their index, a dataset, two retrievers and an evaluation."""
    root = tmp_path_factory.mktemp("runs")
    notes = [
        {"id": f"PMID:{number}", "text": f"The {colour} tablet is called {name}."}
        for number, (name, colour) in enumerate(zip(NAMES, COLOURS, strict=True), 1)
    ]
    questions = [
        {"question": f"What is {name}?", "answer": note["text"], "documents": [note["id"]]}
        for name, note in zip(NAMES, notes, strict=True)
    ]
    for file, rows in (("notes", notes), ("questions", questions)):
        (root / f"{file}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    config = composed(root, f"embedder.model={tiny}")
    IndexBuilder(config).mirror()
    build_dataset.run(config)
    for seed in (1, 2):
        train.run(
            composed(
                root,
                "+experiment=retriever",
                "retriever_tuning.max_steps=2",
                f"retriever_tuning.seed={seed}",
                f"retriever_tuning.dir={root}/out/models/seed-{seed}",
            )
        )
    train.run(
        composed(
            root,
            "+experiment=distil",
            "distil.max_steps=2",
            f"distil.teacher={make_tiny_encoder(root / 'teacher', layers=2)}",
            "distil.layers=1",
            f"distil.dir={root}/out/models/student",
        )
    )
    evaluate.run(
        composed(
            root,
            f"evaluation.questions={root}/questions.jsonl",
            f"evaluation.dir={root}/out/evaluation",
            "evaluation.resamples=10",
        )
    )
    return root


def asked(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is printed, with single spaces."""
    capsys.readouterr()
    runs.run(composed(root), words)
    return " ".join(capsys.readouterr().out.replace("\n", " ").split())


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def test_the_list_has_every_artefact_and_its_figure(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = asked(root, capsys)
    assert re.search(r"seed-1 · [-:\d ]+ · from dataset .*? seed=1\b", said)
    assert re.search(r"seed-2 · [-:\d ]+ · from dataset .*? seed=2\b", said)
    for text in (
        f"index {root}/out/index",
        "8 documents, 8 chunks",
        f"dataset {root}/out/dataset",
        f"retriever {root}/out/models/seed-1",
        f"retriever {root}/out/models/seed-2",
        f"retriever {root}/out/models/student",
        "nDCG@10",
        f"evaluation {root}/out/evaluation",
    ):
        assert text in said


def test_a_damaged_manifest_is_told_and_stops_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / "out/models/seed-1/manifest.json").write_text("{", encoding="utf-8")
    said = asked(copy, capsys)
    assert "seed-1/manifest.json cannot be read" in said
    assert f"retriever {copy}/out/models/seed-2" in said


def test_lineage_goes_up_and_down(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = asked(root, capsys, "lineage", f"{root}/out/dataset")
    before, _, after = said.partition("used by")
    assert f"made from └── index {root}/out/index" in before.replace("│ ", "")
    assert f"retriever {root}/out/models/seed-1" in after
    assert f"retriever {root}/out/models/seed-2" in after


def test_an_index_is_made_by_the_retriever_that_embedded_it(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root, tmp_path / "copy")
    root = tmp_path / "copy"
    student = root / "out/models/student"
    config = composed(root, f"embedder.model={student}", f"index.dir={root}/out/second")
    IndexBuilder(config).mirror()
    above = asked(root, capsys, "lineage", f"{root}/out/second")
    assert f"made from └── retriever {student}" in above
    below = asked(root, capsys, "lineage", str(student))
    assert f"index {root}/out/second" in below.partition("used by")[2]
    assert f"index {root}/out/second · " in asked(root, capsys)
    rows = (root / "out/dataset/train.jsonl").read_text(encoding="utf-8").splitlines()
    (document,) = json.loads(rows[0])["documents"]
    said = asked(root, capsys, "affected", document.partition("#")[2])
    assert f"index {root}/out/second: holds {document}" in said


def test_help_says_what_can_be_asked_for() -> None:
    for stage, wanted in (("runs", "affected PMID:1"), ("export", "export.gguf")):
        done = subprocess.run(
            [sys.executable, "-m", f"medrag.{stage}", "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0
        assert wanted in done.stdout
        assert len(done.stdout.splitlines()) < 15


def test_a_parent_elsewhere_is_found_and_one_that_is_gone_is_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = find_artefacts(root / "out/models")
    assert {one.kind for one in found.found} == {"retriever", "dataset", "index"}
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    shutil.rmtree(copy / "out/index")
    said = asked(copy, capsys, "lineage", f"{copy}/out/dataset")
    assert "changed since, or not here" in said


def test_a_comparison_shows_what_differs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [f"{root}/out/models/seed-{seed}" for seed in (1, 2)]
    said = asked(root, capsys, "compare", *models)
    settings, _, results = said.partition("results")
    assert "seed │ 1 │ 2" in settings
    assert "learning_rate" not in settings
    assert "first_loss" in results
    assert re.search(r"measured, notes.jsonl \(\d\) │ 0\.\d+ → 0\.\d+ \([+-]0\.\d+ \[", results)
    folder = root / "out/comparisons/seed-1-vs-seed-2"
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "comparison.html").read_text(encoding="utf-8")
    assert "<td>1</td><td>2</td>" in page
    assert page.count("<svg") == 2  # the losses, and the mixes of weights
    assert "share of the tuned weights" in page
    assert "<script" not in page
    # Nothing comes from elsewhere.
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    for wrong, why in (
        (models[:1], "two or more"),
        ([models[0], f"{root}/out/dataset"], "of one kind"),
        ([models[0], f"{root}/out"], "is no artefact"),
    ):
        with pytest.raises(ConfigError, match=why):
            runs.run(composed(root), ["compare", *wrong])


def test_losses_of_two_kinds_are_drawn_apart(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(root, capsys, "compare", f"{root}/out/models/seed-1", f"{root}/out/models/student")
    folder = root / "out/comparisons/seed-1-vs-student"
    page = (folder / "comparison.html").read_text(encoding="utf-8")
    assert "Plot of the losses of seed-1 by optimiser step." in page
    assert "Plot of the losses of student by optimiser step." in page


def test_a_retracted_article_names_all_that_it_went_into(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        split: [*map(json.loads, (root / f"out/dataset/{split}.jsonl").open(encoding="utf-8"))]
        for split in ("train", "validation", "test")
    }
    number = rows["train"][0]["documents"][0].rpartition(":")[2]
    wanted = {
        split: [
            row["id"]
            for row in some
            if any(one["document"].endswith(f":{number}") for one in row["contexts"])
            or any(id_.endswith(f":{number}") for id_ in row["documents"])
        ]
        for split, some in rows.items()
    }
    said = asked(root, capsys, "affected", f"PMID:{number}")
    assert f"index {root}/out/index: holds notes.jsonl#PMID:{number}" in said
    for split, ids in wanted.items():
        assert not ids or f"{split}: {', '.join(ids)}" in said
    for seed in (1, 2):
        assert f"retriever {root}/out/models/seed-{seed}: learned from {root}/out/dataset" in said
    student = f"retriever {root}/out/models/student"
    assert f"{student}: learned from {root}/out/dataset" in said
    assert f"evaluation {root}/out/evaluation: asked {root}/out/index" in said
    assert asked(root, capsys, "affected", number) == said
    assert "no artefact has PMID:99" in asked(root, capsys, "affected", "PMID:99")


def test_what_cannot_be_looked_through_is_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A retraction must not come back as "no artefact has it" when there was no look."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    index, dataset = copy / "out/index", copy / "out/dataset"
    rows = (dataset / "train.jsonl").read_text(encoding="utf-8")
    for damaged in ("", rows[:100]):
        (dataset / "train.jsonl").write_text(damaged, encoding="utf-8")
        said = asked(copy, capsys, "affected", "PMID:1")
        assert f"dataset {dataset} cannot be looked through: {dataset}/train.jsonl" in said
    in_test = json.loads((dataset / "test.jsonl").open(encoding="utf-8").readline())
    number = in_test["documents"][0].rpartition(":")[2]
    said = asked(copy, capsys, "affected", f"PMID:{number}")
    assert f"test: {in_test['id']}" in said  # one damaged split does not hide another
    (index / "store.sqlite").unlink()
    for path in (dataset, copy / "out/models/seed-1"):
        (path / "manifest.json").write_text("{", encoding="utf-8")
    said = asked(copy, capsys, "affected", "PMID:1")
    assert "no artefact that can be read has PMID:1" in said
    assert f"index {index} cannot be looked through" in said
    assert f"{dataset}/manifest.json" in said
    with pytest.raises(ArtefactError, match=r"seed-1/manifest.json"):
        runs.run(composed(copy), ["lineage", f"{copy}/out/models/seed-1"])
    with pytest.raises(ConfigError, match="cannot be asked for"):
        runs.run(composed(copy), ["affected", " "])


@pytest.mark.parametrize("content", ["[1, 2]", '[{"loss": 0.1}]', "[{", "null"])
def test_a_damaged_history_is_named(root: Path, tmp_path: Path, content: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    models = [f"{copy}/out/models/seed-{seed}" for seed in (1, 2)]
    (Path(models[0]) / "history.json").write_text(content, encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"seed-1/history.json is damaged"):
        runs.run(composed(copy), ["compare", *models])


def test_a_student_has_learned_the_texts_of_the_index(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = {
        document
        for split in ("train", "validation", "test")
        for line in (root / f"out/dataset/{split}.jsonl").open(encoding="utf-8")
        for row in [json.loads(line)]
        for document in [*row["documents"], *(one["document"] for one in row["contexts"])]
    }
    copy = {f"notes.jsonl#PMID:{number}" for number in range(1, 9)} - used
    for document in copy:  # in no row of the dataset
        said = asked(root, capsys, "affected", document.partition("#")[2])
        assert f"models/student: learned passages of {root}/out/index, perhaps of it" in said
        assert "seed-1" not in said


def test_a_long_comparison_has_a_short_name(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    folders = [f"{copy}/out/models/seed-1"]
    for number in range(12):
        folders.append(f"{copy}/out/models/retriever-with-a-long-name-{number}")
        shutil.copytree(folders[0], folders[-1])
    assert "seed-1-and-12-others-" in asked(copy, capsys, "compare", *folders)


def test_what_cannot_be_asked_for(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"compare A B … . lineage A"):
        runs.run(composed(root), ["compair", "a"])
    config = composed(root)
    config.runs.dir = str(tmp_path / "nothing")
    with pytest.raises(ArtefactError, match="there is no folder"):
        runs.run(config, [])


def test_a_sweep_makes_a_model_for_each_value(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = ("2e-05", "5e-05", "0.0001")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "medrag.train", "+experiment=retriever", "+sweep=retriever"),
            f"dataset.dir={root}/out/dataset",
            f"retriever_tuning.dir={root}/sweep/lr-${{retriever_tuning.learning_rate}}",
            *("retriever_tuning.max_steps=1", "retriever_tuning.batch_size=2"),
            *("retriever_tuning.negatives=0", "retriever_tuning.written_questions=0"),
            *("tracking.wandb=disabled", f"tracking.dir={root}/sweep/runs"),
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    assert {path.name for path in (root / "sweep").iterdir()} == {
        "runs",
        *(f"lr-{rate}" for rate in rates),
    }
    config = composed(root)
    config.runs.dir = str(root / "sweep")
    runs.run(config, ["compare", *(f"{root}/sweep/lr-{rate}" for rate in rates)])
    said = " ".join(capsys.readouterr().out.split())
    assert "learning_rate │ 2e-05 │ 5e-05 │ 0.0001" in said
