"""The train and ask stages, on a real index and a dataset made from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import ClassVar

import pytest
from hydra import compose, initialize_config_dir
from rich.console import Console

from medrag import IndexConfig, RAGPipeline, ask, build_dataset, train
from medrag.cli import conf_dir, register_schema, to_config
from medrag.config import Backend, Config, Device, EmbedderConfig, TrainTarget
from medrag.errors import ArtefactError, MismatchError, PreflightError
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import read_manifest
from tests.conftest import NOTES

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = [
    ("What calms an acute attack of gout?", "Colchicine or naproxen.", "gout.txt"),
    ("What lowers uric acid?", "Allopurinol lowers uric acid.", "gout.txt"),
    ("What opens the airways?", "Salbutamol opens the airways.", "asthma.md"),
    ("What prevents asthma attacks?", "Inhaled steroids.", "asthma.md"),
    ("Who carries malaria?", "Anopheles mosquitoes.", "sub/malaria.txt"),
    ("How is severe malaria treated?", "With artesunate.", "sub/malaria.txt"),
]
SMALL = [
    "finetune.tiny.vocab_size=512",
    "finetune.tiny.hidden_size=64",
    "finetune.tiny.intermediate_size=128",
    "finetune.tiny.layers=2",
    "finetune.tiny.heads=4",
    "finetune.tiny.kv_heads=2",
    "finetune.max_steps=3",
    "finetune.eval_steps=3",
    "finetune.warmup_steps=1",
]


def composed(root: Path, *overrides: str) -> Config:
    """The settings that a command line gives, with everything below `root`."""
    here = [
        f"corpus.paths=[{root}/corpus]",
        f"index.dir={root}/index",
        "retriever.k=2",
        f"dataset.questions={root}/questions.jsonl",
        f"dataset.dir={root}/dataset",
        "dataset.test_share=0",
        "dataset.validation_share=0.34",
        "dataset.seed=1",
        "dataset.near_miss_share=0",
        f"finetune.dataset={root}/dataset",
        f"finetune.dir={root}/models/smoke",
        f"retriever_tuning.dataset={root}/dataset",
        f"retriever_tuning.dir={root}/models/retriever",
        f"reranker_tuning.dataset={root}/dataset",
        f"reranker_tuning.dir={root}/models/reranker",
        "tracking.wandb=disabled",
        f"tracking.dir={root}/runs",
    ]
    register_schema()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return to_config(compose("config", overrides=[*overrides, *here]))


def write_questions(root: Path, count: int) -> None:
    lines = (
        json.dumps({"question": question, "answer": answer, "documents": [document]})
        for question, answer, document in ROWS[:count]
    )
    (root / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Path:
    """Three notes, their index, six questions and a dataset."""
    root = tmp_path_factory.mktemp("stages")
    for name, text in NOTES.items():
        path = root / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_questions(root, len(ROWS))
    config = composed(root)
    IndexBuilder(config, embedder).mirror()
    counts = build_dataset.run(config).counts
    assert [counts[split]["rows"] for split in ("train", "validation", "test")] == [4, 2, 0]
    return root


def state(directory: str) -> dict[str, tuple[int, bytes]]:
    files = (path for path in Path(directory).rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def shown(report: train.TrainReport) -> str:
    """The summary in one line."""
    console = Console(width=300)  # wide enough for every path
    with console.capture() as captured:
        console.print(train.summary_table(report))
    return " ".join(captured.get().split())


# ------------------------------------------------------------------ train


def test_the_dry_run_trains_once_and_again_when_its_dataset_changes(root: Path) -> None:
    config = composed(root, "+experiment=qlora_smoke", *SMALL)
    folder = Path(config.finetune.dir)
    report = train.run(config)
    assert (report.kind, report.directory, report.up_to_date) == ("adapter", folder, False)
    assert report.dry_run
    assert report.counts["steps"] == 3
    assert (report.counts["train_rows"], report.counts["validation_rows"]) == (4, 2)
    assert report.counts["skipped_rows"] == 0
    assert report.counts["eval_loss"] is not None
    assert "dry run" in shown(report)
    assert "up to date" not in shown(report)

    names = {path.name for path in folder.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "manifest.json"} <= names
    assert not {"checkpoints"} & names
    manifest = read_manifest(folder, "adapter")
    dataset = read_manifest(Path(config.finetune.dataset), "dataset")
    assert manifest.parents["dataset"].path == config.finetune.dataset
    assert manifest.parents["dataset"].fingerprint == dataset.fingerprint
    assert manifest.files["adapter_model.safetensors"].size > 10_000
    assert set(manifest.files) == names - {"manifest.json"}
    assert dict(manifest.counts) == json.loads(json.dumps(report.counts))
    assert manifest.settings["tiny"]["hidden_size"] == 64

    before = state(config.finetune.dir)
    again = train.run(config)
    assert (again.up_to_date, again.counts) == (True, report.counts)
    assert state(config.finetune.dir) == before
    assert "up to date" in shown(again)

    write_questions(root, 5)
    try:
        build_dataset.run(config)
        changed = train.run(config)
        assert changed.up_to_date is False
        dataset_now = read_manifest(Path(config.finetune.dataset), "dataset")
        after = read_manifest(folder, "adapter")
        assert after.parents["dataset"].fingerprint == dataset_now.fingerprint
        assert after.fingerprint != manifest.fingerprint
        assert dataset_now.fingerprint != dataset.fingerprint
        config.finetune.lora_r = 8
        assert train.run(config).up_to_date is False
    finally:
        write_questions(root, len(ROWS))
        build_dataset.run(config)


def test_training_stops_if_its_dataset_is_missing_or_damaged(root: Path, tmp_path: Path) -> None:
    config = composed(root, "+experiment=qlora_smoke", *SMALL, "finetune.lora_alpha=7")
    config.finetune.dataset = str(tmp_path / "none")
    with pytest.raises(PreflightError, match=r"build_dataset dataset\.dir="):
        train.run(config)
    config.retriever_tuning.dataset = str(tmp_path / "none")
    config.reranker_tuning.dataset = str(tmp_path / "none")
    for target in (TrainTarget.retriever, TrainTarget.reranker):
        config.train.target = target
        with pytest.raises(ArtefactError, match="build_dataset"):
            train.run(config)

    config = composed(root, "+experiment=qlora_smoke", *SMALL, "finetune.lora_alpha=7")
    rows = root / "dataset" / "train.jsonl"
    good = rows.read_bytes()
    rows.write_bytes(good + b"\n")
    with pytest.raises(ArtefactError, match=r"damaged .*train\.jsonl"):
        train.run(config)
    rows.write_bytes(good)


def test_a_dry_run_is_refused_if_the_index_has_changed(root: Path, embedder: TextEmbedder) -> None:
    config = composed(root, "+experiment=qlora_smoke", *SMALL, "finetune.lora_alpha=7")
    note = root / "corpus" / "tin.txt"
    note.write_text("Tin\n\nTin is a soft metal.", encoding="utf-8")
    IndexBuilder(config, embedder).mirror()
    with pytest.raises(MismatchError, match=r"changed since.*build_dataset"):
        train.run(config)
    note.unlink()
    IndexBuilder(config, embedder).mirror()  # only the content of the index counts
    dataset = read_manifest(root / "dataset", "dataset")
    assert [*train.corpus_texts(dataset)]


def test_the_tuned_retriever_fits_a_new_index_and_is_refused_on_the_old(
    root: Path, tmp_path: Path
) -> None:
    config = composed(
        root,
        "+experiment=retriever",
        "retriever_tuning.max_steps=2",
        "retriever_tuning.batch_size=2",
        "retriever_tuning.learning_rate=3e-4",
        "retriever_tuning.negatives=0",  # the other passages all answer questions
        "retriever_tuning.written_questions=0",
        "retriever_tuning.held_out_questions=0",  # so few that the base would be kept
    )
    folder = config.retriever_tuning.dir
    report = train.run(config)
    assert (report.kind, report.dry_run, report.up_to_date) == ("retriever", False, False)
    assert (report.counts["steps"], report.counts["asked"]) == (2, 4)
    card = (Path(folder) / "README.md").read_text(encoding="utf-8")
    assert "not measured: no test question names documents of the index" in card
    assert f"embedder.model={folder}" in shown(report)
    manifest = read_manifest(Path(folder), "retriever")
    dataset = read_manifest(Path(config.retriever_tuning.dataset), "dataset")
    assert manifest.parents["dataset"].fingerprint == dataset.fingerprint
    assert "model.safetensors" in manifest.files
    before = state(folder)
    assert train.run(config).up_to_date
    assert state(folder) == before

    # In torch: converting a model has tests of its own.
    tuned, untuned = (
        TextEmbedder(EmbedderConfig(model=model, backend=Backend.torch, device=Device.cpu))
        for model in (folder, "")
    )
    question = [ROWS[0][0]]
    assert tuned.embed(question).shape == (1, 384)
    assert 0.5 < float(tuned.embed(question)[0] @ untuned.embed(question)[0]) < 0.99999
    assert tuned.fingerprint != untuned.fingerprint

    other = deepcopy(config)
    other.embedder = EmbedderConfig(model=folder, backend=Backend.torch, device=Device.cpu)
    with RAGPipeline(other) as rag, pytest.raises(MismatchError, match=r"embedder\.model="):
        rag.query(ROWS[0][0])
    with pytest.raises(MismatchError):
        build_dataset.run(other)
    other.index = IndexConfig(dir=str(tmp_path / "index"))
    IndexBuilder(other).mirror()
    with RAGPipeline(other) as rag:
        assert rag.retrieve(ROWS[0][0])[0].document == "gout.txt"
    # and the new index refuses the old embedder
    other.embedder.model = ""
    with RAGPipeline(other) as rag, pytest.raises(MismatchError):
        rag.query(ROWS[0][0])
    # a stage takes the embedder of the index
    other.dataset.dir = str(tmp_path / "dataset")
    assert build_dataset.run(other).counts["train"]["rows"]


def test_the_tuned_reranker_serves_the_index_of_its_dataset(root: Path) -> None:
    config = composed(root, "+experiment=reranker", "reranker_tuning.max_steps=2")
    config.reranker_tuning.device = Device.cpu
    folder = config.reranker_tuning.dir
    report = train.run(config)
    assert (report.kind, report.dry_run, report.up_to_date) == ("reranker", False, False)
    assert report.counts["steps"] == 2
    assert f"retriever.reranker={folder}" in shown(report)
    manifest = read_manifest(Path(folder), "reranker")
    dataset = read_manifest(Path(config.reranker_tuning.dataset), "dataset")
    assert manifest.parents["dataset"].fingerprint == dataset.fingerprint
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(manifest.files)
    before = state(folder)
    assert train.run(config).up_to_date
    assert state(folder) == before

    config.retriever.reranker = folder
    with RAGPipeline(config) as rag:
        assert rag.retrieve(ROWS[0][0])[0].document == "gout.txt"
    # another base, another fingerprint
    config.reranker_tuning.base_model = folder
    config.reranker_tuning.dir = f"{folder}-2"
    assert not train.run(config).up_to_date
    assert read_manifest(Path(f"{folder}-2"), "reranker").fingerprint != manifest.fingerprint


def test_a_finished_training_is_kept_when_the_tracker_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable server must not cost hours of training at the end."""

    class Lost:
        enabled = False
        reports_to: ClassVar[list[str]] = []

        def summary(self, values: object) -> None:
            raise ConnectionError("the server is gone")

    class Tracking:
        def __init__(self, *arguments: object) -> None: ...
        def __enter__(self) -> Lost:
            return Lost()

        def __exit__(self, *error: object) -> None: ...

    config = composed(root, "+experiment=qlora_smoke", *SMALL, "finetune.max_steps=1")
    config.finetune.dir = str(root / "models" / "kept")
    monkeypatch.setattr(train, "track", Tracking)
    with pytest.raises(ConnectionError):
        train.run(config)
    monkeypatch.undo()
    assert train.run(config).up_to_date


# ------------------------------------------------------------------ ask


@pytest.mark.parametrize(
    ("arguments", "question", "settings"),
    [
        (["dose of x=5?"], "dose of x=5?", []),
        (["Is p=0.05 enough?", "retriever.k=3"], "Is p=0.05 enough?", ["retriever.k=3"]),
        (["index.dir=a b", "why"], "why", ["index.dir=a b"]),  # a value can have spaces
        (["+experiment=qlora", "why?"], "why?", ["+experiment=qlora"]),
        (["generator=openai", "why?"], "why?", ["generator=openai"]),
        (["corpus.fields.text=body", "hydra/job_logging=none"], None, [...]),
        (["++a.b=1", "~c=2", "-m"], None, [...]),
        (["What", "is", "gout", "index.dir=x", "?"], "What is gout ?", ["index.dir=x"]),
        ([""], "", []),  # asked, but empty: not a conversation
        ([], None, []),
    ],
)
def test_a_question_is_found_among_settings(
    arguments: list[str], question: str | None, settings: list[str]
) -> None:
    told, others = ask.split_question(arguments)
    assert told == question
    assert sorted(others) == sorted(arguments if settings == [...] else settings)


def asked(root: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m medrag.ask` in its own directory, with an empty home and no terminal."""
    home = root / "elsewhere"
    home.mkdir(exist_ok=True)
    settings = [f"index.dir={root}/index", "tracking.wandb=disabled"]
    return subprocess.run(
        [sys.executable, "-m", "medrag.ask", *arguments, *settings],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "HF_HUB_OFFLINE": "1",
            "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],  # where models are converted already
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        },
        check=False,
    )


def test_an_answer_with_its_sources_goes_to_standard_output(root: Path) -> None:
    done = asked(root, "What lowers uric acid and prevents gout attacks?")
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    assert "Allopurinol lowers uric acid and prevents further attacks. [1]" in said
    assert "[1] Gout “Allopurinol lowers uric acid" in said
    assert "gout.txt · characters " in said
    assert "confidence 0." in said


def test_questions_can_be_piped_in(root: Path) -> None:
    typed = "How is severe malaria treated?\nWho won the chess tournament?\n\nWhat is gout?\n"
    done = asked(root, typed=typed)
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    assert said.startswith("? How is severe malaria treated? ")
    assert "intravenous artesunate. [1]" in said
    assert "The documents do not say." in said
    assert said.count("confidence ") == 3


def test_an_empty_question_is_a_clear_error(root: Path) -> None:
    for question in ("", "  "):
        done = asked(root, question)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("error: the question is empty; ask e.g. ")
        assert done.stderr.count("\n") == 1
