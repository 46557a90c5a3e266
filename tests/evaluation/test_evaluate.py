"""The evaluation stage on a real index: its numbers by hand, and the questions it leaves out."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from medrag import (
    Answer,
    Citation,
    EvaluationConfig,
    Example,
    GeneratorConfig,
    Hit,
    PipelineConfig,
    TrackingConfig,
)
from medrag.config import Config, WandbMode
from medrag.errors import ArtefactError, MismatchError, QuestionError
from medrag.evaluate import run
from medrag.evaluation import Outcome, summarise, without_leaks
from medrag.evaluation.report import metrics_table, plot
from medrag.indexing import BuildReport
from medrag.manifest import Manifest, Parent, describe_files, read_manifest, write_manifest
from medrag.stores.local.index import Index
from medrag.text.words import words

ROWS: list[dict[str, Any]] = [
    {"id": "1", "question": "What calms an acute attack of gout?",
     "answer": "Colchicine or naproxen calm an acute attack.", "documents": ["gout.txt"]},
    {"id": "2", "question": "What lowers uric acid and prevents further attacks of gout?",
     "answer": "Allopurinol.", "documents": ["gout.txt"]},
    {"id": "3", "question": "How is severe malaria treated?",
     "answer": "With intravenous artesunate.", "documents": ["sub/malaria.txt"]},
    # retrieval ranks another document first
    {"id": "4", "question": "Which mosquitoes spread malaria?",
     "answer": "Anopheles mosquitoes.", "documents": ["asthma.md"]},
    {"id": "5", "question": "What opens the airways within minutes in asthma?",
     "answer": "Salbutamol.", "documents": []},  # its documents are unknown
    {"id": "6", "question": "Who won the chess tournament in Reykjavik?", "answer": ""},
    {"id": "7", "question": "What is given for severe malaria?", "answer": ""},  # a trap
]  # fmt: skip


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def settings(config: PipelineConfig, build: Callable[[], BuildReport], tmp_path: Path) -> Config:
    """An index over three notes, and seven questions."""
    build()
    return Config(
        corpus=config.corpus,
        index=config.index,
        evaluation=EvaluationConfig(
            questions=write_rows(tmp_path / "questions.jsonl", ROWS),
            dir=str(tmp_path / "evaluation"),
            ks=[3, 1],
        ),
        tracking=TrackingConfig(wandb=WandbMode.disabled),
    )


def answers(config: Config) -> list[dict[str, Any]]:
    path = Path(config.evaluation.dir, "answers.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def f1(said: str, wanted: str) -> float:
    """Independent of medrag.metrics: by multisets of words, without articles."""
    left, right = ([w for w in words(t) if w not in ("a", "an", "the")] for t in (said, wanted))
    common = sum(min(left.count(w), right.count(w)) for w in set(left))
    return 2 * common / (len(left) + len(right))


def test_the_numbers_are_those_of_the_answers(settings: Config) -> None:
    report = run(settings)
    directory = Path(settings.evaluation.dir)
    metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    assert report.summary == metrics
    assert (report.directory, report.up_to_date) == (directory, False)
    rows = answers(settings)
    assert [row["id"] for row in rows] == [row["id"] for row in ROWS]

    placed = [row for row in rows if row["gold"]]
    assert [row["id"] for row in placed] == ["1", "2", "3", "4"]
    ranks = [row["ranked"].index(row["gold"][0]) + 1 for row in placed]
    assert ranks[:3] == [1, 1, 1]
    assert ranks[3] > 1
    retrieval = metrics["retrieval"]
    assert list(retrieval) == ["questions", "recall@1", "recall@3", "mrr", "ndcg@10"]
    assert retrieval["questions"] == 4
    assert retrieval["recall@1"] == 0.75
    assert retrieval["recall@3"] == 1.0
    assert retrieval["mrr"] == pytest.approx(mean([1 / rank for rank in ranks]))
    ndcg_of_fourth = {2: 0.6309297535714575, 3: 0.5}[ranks[3]]  # 1 / log2(rank + 1)
    assert retrieval["ndcg@10"] == pytest.approx((3 + ndcg_of_fourth) / 4)

    for row in rows:
        bare = row["answer"]
        for source in row["sources"]:
            bare = bare.replace(f"[{source['marker']}]", "")
        wanted = 0.0 if row["abstained"] else f1(bare, row["reference"])
        assert row["token_f1"] == pytest.approx(wanted)
    answered = [row for row in rows if not row["abstained"]]
    assert 4 <= len(answered) <= 6  # "chess" is refused
    assert any(row["id"] == "6" and row["abstained"] for row in rows)
    right = [
        row["answerable"] and any(s["document"] in row["gold"] for s in row["sources"])
        for row in answered
        if row["gold"] or not row["answerable"]
    ]
    refused = [row for row in rows if row["abstained"]]
    unanswerable = [row for row in rows if not row["answerable"]]
    answerable = [row for row in rows if row["answerable"]]
    assert len(answerable) == 5
    told = metrics["answers"]
    assert told["questions"] == 7
    assert told["answerable"] == 5
    assert told["answered"] == len(answered)
    assert told["coverage"] == pytest.approx(len(answered) / 7)
    assert told["token_f1"] == pytest.approx(mean([row["token_f1"] for row in answerable]))
    assert told["token_f1_when_answered"] == pytest.approx(
        mean([row["token_f1"] for row in answerable if not row["abstained"]])
    )
    assert told["right_document_when_answered"] == pytest.approx(mean(list(map(float, right))))
    assert told["abstention_precision"] == pytest.approx(
        mean([float(not row["answerable"]) for row in refused])
    )
    assert told["abstention_recall"] == pytest.approx(
        mean([float(row["abstained"]) for row in unanswerable])
    )
    citations = [source for row in rows for source in row["sources"]]
    assert told["citations"] == told["citations_resolved"] == len(citations) > 3
    with Index(settings.index.dir) as index:
        for source in citations:
            text = index.document_text(source["document"]) or ""
            assert text[source["start"] : source["end"]] == source["text"] != ""
    assert metrics["risk_coverage"][-1][0] == 1.0
    assert metrics["left_out_seen_in_training"] == metrics["lines_rejected"] == 0


def test_the_plot_is_a_picture(settings: Config) -> None:
    run(settings)
    data = Path(settings.evaluation.dir, "metrics.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    assert 800 < width < 2000
    assert 300 < height < 1000
    assert 10_000 < len(data) < 500_000


def test_a_repeated_run_changes_nothing_and_a_changed_one_is_measured(settings: Config) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        files = Path(settings.evaluation.dir).iterdir()
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    first = run(settings)
    before = state()
    assert set(before) == {"manifest.json", "metrics.json", "metrics.png", "answers.jsonl"}
    again = run(settings)
    assert (again.up_to_date, again.summary) == (True, first.summary)
    assert state() == before
    write_rows(Path(settings.evaluation.questions), ROWS[:3])
    assert run(settings).summary["answers"]["questions"] == 3
    settings.grounding.min_confidence = 1.0
    report = run(settings)
    assert (report.up_to_date, report.summary["answers"]["answered"]) == (False, 0)
    settings.evaluation.limit = 2
    assert run(settings).summary["answers"]["questions"] == 2
    manifest = read_manifest(Path(settings.evaluation.dir), "evaluation")
    assert manifest.counts == {"questions": 2, "left_out": 0}
    index = read_manifest(Path(settings.index.dir), "index")
    assert manifest.parents == {"index": Parent(settings.index.dir, index.fingerprint)}


def test_rejected_lines_are_counted(settings: Config) -> None:
    with Path(settings.evaluation.questions).open("a") as file:
        file.write("{oops}\n")
    assert run(settings).summary["lines_rejected"] == 1


# ------------------------------------------------------------------ leaks from training


def tuned(folder: Path, kind: str, seen: list[str]) -> str:
    """A model folder whose manifest names the dataset it was trained on."""
    dataset = folder / f"{kind}-dataset"
    write_rows(dataset / "train.jsonl", [{"question": question} for question in seen])
    write_rows(dataset / "test.jsonl", [{"question": ROWS[2]["question"]}])  # not trained on
    write_manifest(dataset, Manifest("dataset", "d" * 32, files=describe_files(dataset)))
    model = folder / kind
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    parents = {"dataset": Parent(str(dataset), "d" * 32)}
    write_manifest(model, Manifest(kind, "a" * 32, parents, files=describe_files(model)))
    return str(model)


def test_questions_an_adapter_was_trained_on_are_left_out_and_counted(
    settings: Config, tmp_path: Path
) -> None:
    seen = [ROWS[0]["question"].upper(), f"  {ROWS[5]['question']}!", "Another one?"]
    rows = [*ROWS, ROWS[0] | {"id": "again"}]  # asked twice, so two questions are left out
    write_rows(Path(settings.evaluation.questions), rows)
    settings.generator = GeneratorConfig(adapter=tuned(tmp_path, "adapter", seen))
    report = run(settings)
    assert [row["id"] for row in answers(settings)] == ["2", "3", "4", "5", "7"]
    assert report.summary["left_out_seen_in_training"] == 3
    assert report.summary["answers"]["questions"] == 5
    manifest = read_manifest(Path(settings.evaluation.dir), "evaluation")
    assert manifest.counts == {"questions": 5, "left_out": 3}
    assert manifest.parents["adapter"] == Parent(settings.generator.adapter, "a" * 32)
    assert run(settings).up_to_date
    settings.generator = GeneratorConfig()
    assert run(settings).summary["left_out_seen_in_training"] == 0


def examples() -> list[Example]:
    return [Example(row["id"], row["question"], row["answer"]) for row in ROWS]


def test_questions_a_retriever_or_reranker_was_tuned_on_are_left_out(tmp_path: Path) -> None:
    config = Config()
    assert without_leaks(config, examples()) == (examples(), {})
    config.embedder.model = tuned(tmp_path, "retriever", [ROWS[1]["question"]])
    kept, parents = without_leaks(config, examples())
    assert [example.id for example in kept] == ["1", "3", "4", "5", "6", "7"]
    assert parents == {"retriever": Parent(config.embedder.model, "a" * 32)}
    config.generator.adapter = tuned(tmp_path, "adapter", [ROWS[3]["question"]])
    config.retriever.reranker = tuned(tmp_path, "reranker", [ROWS[5]["question"]])
    kept, parents = without_leaks(config, examples())
    assert [example.id for example in kept] == ["1", "3", "5", "7"]
    assert set(parents) == {"retriever", "adapter", "reranker"}
    # a model from elsewhere has no manifest, so its training is unknown
    config = Config()
    config.embedder.model = str(tmp_path)
    config.retriever.reranker = "packaged"
    assert without_leaks(config, examples()) == (examples(), {})


def test_a_set_seen_entirely_in_training_is_refused(settings: Config, tmp_path: Path) -> None:
    every = [row["question"] for row in ROWS]
    settings.generator = GeneratorConfig(adapter=tuned(tmp_path, "adapter", every))
    with pytest.raises(QuestionError, match=r"seen in training.*dataset/test\.jsonl"):
        run(settings)
    assert not Path(settings.evaluation.dir).exists()


def test_nothing_is_measured_if_a_leak_cannot_be_ruled_out(tmp_path: Path) -> None:
    config = Config(generator=GeneratorConfig(adapter=tuned(tmp_path, "adapter", ["Why?"])))
    train = tmp_path / "adapter-dataset" / "train.jsonl"
    content = train.read_bytes()
    for damage in (b"", content.replace(b"Why", b"How")):
        train.write_bytes(damage)
        with pytest.raises(ArtefactError, match=r"train\.jsonl"):
            without_leaks(config, examples())
    train.unlink()
    with pytest.raises(ArtefactError, match=r"train\.jsonl"):
        without_leaks(config, examples())
    train.write_bytes(content)
    without_leaks(config, examples())
    other = Manifest("dataset", "e" * 32, files=describe_files(train.parent))
    write_manifest(train.parent, other)
    with pytest.raises(MismatchError, match="another dataset"):
        without_leaks(config, examples())
    (tmp_path / "adapter-dataset" / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match="no dataset"):
        without_leaks(config, examples())
    with pytest.raises(ArtefactError, match="no adapter"):
        without_leaks(Config(generator=GeneratorConfig(adapter=str(tmp_path))), examples())


# ------------------------------------------------------------------ the summary, by hand


def outcome(
    answer: str = "",
    *,
    reference: str = "",
    gold: str = "",
    ranked: str = "",
    cites: str = "",
    confidence: float = 0.5,
    resolved: int | None = None,
) -> Outcome:
    """The outcome of one question; documents are letters, an empty answer is a refusal."""
    sources = tuple(
        Citation(number, document, "", "", 0, 0, None, "", "", 1.0)
        for number, document in enumerate(cites, 1)
    )
    hits: tuple[Hit, ...] = ()
    return Outcome(
        Example("id", "q", reference, tuple(gold), answerable=bool(reference)),
        tuple(gold),
        tuple(ranked),
        Answer("q", answer or "I do not know.", not answer, confidence, sources, hits, ()),
        len(sources) if resolved is None else resolved,
    )


OUTCOMES = [
    # right: cites its document, all words said (2·2/(3+2) = 0.8)
    outcome("Drink plain water. [1]", reference="Drink water.", gold="a", ranked="ab", cites="a",
            confidence=0.9),
    # answered from another document, one of its two citations does not resolve; F1 0
    outcome("Nothing. [1] [2]", reference="Rest.", gold="bc", ranked="xcb", cites="xy",
            confidence=0.8, resolved=1),
    # refused, though the first hit held the answer
    outcome(reference="Salt.", gold="d", ranked="d", confidence=0.7),
    # unanswerable: one refused, one answered
    outcome(ranked="a", confidence=0.1),
    outcome("It is so. [1]", ranked="a", cites="a", confidence=0.6),
]  # fmt: skip


def test_a_summary_counted_by_hand() -> None:
    summary = summarise(OUTCOMES, [1, 2])
    gain = 1 / 1.584962500721156 + 1 / 2  # ranks 2 and 3
    ideal = 1 + 1 / 1.584962500721156
    assert summary["retrieval"] == pytest.approx(
        {
            "questions": 3,
            "recall@1": (1 + 0 + 1) / 3,
            "recall@2": (1 + 0.5 + 1) / 3,
            "mrr": (1 + 0.5 + 1) / 3,
            "ndcg@10": (1 + gain / ideal + 1) / 3,
        }
    )
    area = summary["answers"].pop("area_under_risk_coverage")
    assert summary["answers"] == pytest.approx(
        {
            "questions": 5,
            "answerable": 3,
            "answered": 3,
            "token_f1": 0.8 / 3,
            "token_f1_when_answered": 0.8 / 2,
            "gold_unknown": 0,
            "right_document_when_answered": 1 / 3,
            "coverage": 3 / 5,
            "abstention_precision": 1 / 2,
            "abstention_recall": 1 / 2,
            "citations": 4,
            "citations_resolved": 3,
            "unsupported_statements": 0,
        }
    )
    # by falling confidence: right, wrong, would be right, wrong, wrong
    curve = [(0.2, 0.0), (0.4, 1 / 2), (0.6, 1 / 3), (0.8, 2 / 4), (1.0, 3 / 5)]
    assert summary["risk_coverage"] == [pytest.approx(point) for point in curve]
    between = (0.0 + 0.5) / 2 + (1 / 2 + 1 / 3) / 2 + (1 / 3 + 1 / 2) / 2 + (1 / 2 + 3 / 5) / 2
    assert area == pytest.approx(0.2 * between)


@pytest.mark.parametrize(
    ("outcomes", "unknown"),
    [
        # no gold document is known
        (
            [outcome("So. [1]", reference="So.", ranked="a", cites="a"), outcome(ranked="a")],
            {"recall@1", "mrr", "ndcg@10", "right_document_when_answered"},
        ),
        # nothing is answered, and all should have been
        (
            [outcome(reference="So.", gold="a", ranked="ab"), outcome(reference="No.", gold="a")],
            {"token_f1_when_answered", "right_document_when_answered", "abstention_recall"},
        ),
        # everything is answered, and nothing should have been
        (
            [outcome("So. [1]", ranked="a", cites="a")],
            {"recall@1", "mrr", "ndcg@10", "token_f1", "token_f1_when_answered",
             "abstention_precision"},
        ),
    ],
)  # fmt: skip
def test_a_metric_without_data_is_none_and_shown_as_a_dash(
    outcomes: list[Outcome], unknown: set[str], tmp_path: Path
) -> None:
    summary = summarise(outcomes, [1])
    found = {
        name
        for section in ("retrieval", "answers")
        for name, value in summary[section].items()
        if value is None
    }
    assert found == unknown
    console = Console(width=100)
    with console.capture() as captured:
        console.print(metrics_table(summary, "title"))
    shown = captured.get()
    assert shown.count("–") == len(unknown) + 1  # "risk–coverage" has one
    plot(tmp_path / "plot.png", summary, "title")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_at_all_has_no_numbers() -> None:
    summary = summarise([], [1, 5])
    for name in ("recall@1", "recall@5", "mrr", "ndcg@10"):
        assert summary["retrieval"][name] is None
    assert summary["answers"]["coverage"] is None
    assert summary["risk_coverage"] == []
