"""The confidence is fitted on one half of the questions, kept with the index, and used."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag import Example, IndexConfig, RAGPipeline
from medrag.config import Config
from medrag.dataset import question_key
from medrag.errors import ConfigError
from medrag.evaluate import run
from medrag.evaluation.calibrating import halves
from tests.evaluation.conftest import MakeConfig, answers, build_index, make_config, write_rows

COUNT = 90
SYLLABLES = ["ba", "lu", "dor", "mi", "ten", "ka", "sol", "fe", "rin", "go"]


def name(number: int, ending: str) -> str:
    return "".join(SYLLABLES[int(digit)] for digit in f"{number:03}").capitalize() + ending


DOCUMENTS = [
    {"id": f"d{n}", "title": name(n, "itis"),
     "text": f"{name(n, 'itis')} is treated with {name(n, 'ol')}. It is a rare disease."}
    for n in range(COUNT)
]  # fmt: skip
# What there is to learn: answers to short questions are mostly wrong, to long ones mostly right.
SHORT = [n % 3 == 0 for n in range(COUNT)]
RIGHT = [n % 11 > 0 if not SHORT[n] else n % 15 == 0 for n in range(COUNT)]
ROWS: list[dict[str, Any]] = [
    {
        "id": f"q{n}",
        "documents": [f"d{n}"],
        "question": f"{name(n, 'itis')} drug"
        if SHORT[n]
        else f"Which drug is {name(n, 'itis')} treated with?",
        "answer": name(n, "ol") if RIGHT[n] else "Something else.",
    }
    for n in range(COUNT)
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("calibrating")
    write_rows(root / "corpus" / "drugs.jsonl", DOCUMENTS)
    return build_index(root / "corpus", root / "index")


@pytest.fixture
def index(built: str, tmp_path: Path) -> Path:
    """An index of the test's own."""
    return Path(shutil.copytree(built, tmp_path / "index"))


@pytest.fixture(scope="module")
def calibrated(built: str, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The settings of a calibration that has been done."""
    root = tmp_path_factory.mktemp("calibrated")
    write_rows(root / "questions.jsonl", ROWS)
    config = make_config(root, str(shutil.copytree(built, root / "index")), calibrate=True)
    assert not run(config).up_to_date
    return config


def summary_of(config: Config) -> dict[str, Any]:
    content = Path(config.evaluation.dir, "metrics.json").read_bytes()
    found: dict[str, Any] = json.loads(content)
    return found


def test_the_fitted_confidence_is_kept_and_used(calibrated: Config, built: str) -> None:
    summary = summary_of(calibrated)
    fitted = summary["calibrated_on"]
    rows = answers(calibrated)
    assert fitted >= 40
    assert summary["questions"]["all"] == len(rows) == COUNT - fitted
    assert Path(calibrated.index.dir, "calibration.json").is_file()
    question = ROWS[1]["question"]
    with RAGPipeline(calibrated) as rag:
        calibration, is_own = rag.calibration
        assert (calibration.questions, is_own) == (f"{fitted} questions of questions.jsonl", True)
        assert len(calibration.scores) == fitted
        sure = rag.draft(question).answer.confidence
        for row in rows[:20]:  # of the half that is reported on
            assert row["confidence"] == pytest.approx(
                calibration.probability(row["signals"]), abs=1e-3
            )
    with RAGPipeline(replace(calibrated, index=IndexConfig(dir=built))) as rag:
        assert rag.draft(question).answer.confidence != pytest.approx(sure, abs=1e-3)
    page = Path(calibrated.evaluation.dir, "report.html").read_text(encoding="utf-8")
    assert f"fitted on {fitted} other questions" in " ".join(page.split())


def test_questions_unlike_those_of_the_calibration_are_announced(
    calibrated: Config, configure: MakeConfig, built: str
) -> None:
    told = run(configure(ROWS, built)).summary["unlike"]
    assert "bioasq" in told  # the packaged calibration
    assert summary_of(calibrated)["unlike"] == ""
    config = configure(ROWS, built)
    page = Path(config.evaluation.dir, "report.html").read_text(encoding="utf-8")
    assert "The questions are unlike those that the confidence was calibrated on" in page


def test_it_tells_right_from_wrong_on_questions_that_it_was_not_fitted_on(
    calibrated: Config,
) -> None:
    right, wrong = (
        [row["confidence"] for row in answers(calibrated) if row["right"] is value]
        for value in (True, False)
    )
    assert min(len(right), len(wrong)) > 5
    assert sum(right) / len(right) > 0.2 + sum(wrong) / len(wrong)


def test_a_repeated_calibration_is_up_to_date_unless_it_is_gone(calibrated: Config) -> None:
    again = run(calibrated)
    assert (again.up_to_date, again.summary) == (True, summary_of(calibrated))
    path = Path(calibrated.index.dir, "calibration.json")
    kept = path.read_bytes()
    path.unlink()
    assert not run(calibrated).up_to_date
    assert path.read_bytes() == kept


def test_another_evaluation_is_measured_again_once_the_confidence_is_calibrated(
    calibrated: Config, configure: MakeConfig
) -> None:
    path = Path(calibrated.index.dir, "calibration.json")
    kept = path.read_bytes()
    path.unlink()
    plain = configure(ROWS[:5], calibrated.index.dir)
    run(plain)
    assert run(plain).up_to_date
    before = [row["confidence"] for row in answers(plain)]
    path.write_bytes(kept)
    assert not run(plain).up_to_date
    assert [row["confidence"] for row in answers(plain)] != before


def test_a_calibration_belongs_to_its_settings(calibrated: Config, configure: MakeConfig) -> None:
    config = configure(
        ROWS[:2], calibrated.index.dir, systems=["medrag", "one: generator.max_sentences=1"]
    )
    told = run(config).summary["calibrations"]
    assert told["medrag"] == summary_of(calibrated)["calibrations"]["medrag"]
    assert told["medrag"] != told["one"]
    config.generator.max_sentences = 1
    with RAGPipeline(config) as rag:
        assert "questions.jsonl" not in rag.calibration[0].questions


def test_a_risk_can_be_wanted_once_it_is_calibrated(
    configure: MakeConfig, calibrated: Config
) -> None:
    index = Path(calibrated.index.dir)
    kept = json.loads((index / "calibration.json").read_bytes())
    config = configure(ROWS, str(index))
    config.grounding.target_risk = 0.3
    config.generator.max_sentences = 3  # so that no packaged calibration fits
    with pytest.raises(ConfigError, match=r"target_risk=0\.3 cannot be used.*calibrate=true") as no:
        run(config)
    assert "\n" not in str(no.value)
    config.evaluation.calibrate = True
    summary = run(config).summary["systems"]["medrag"]
    with RAGPipeline(config) as rag:
        assert summary["threshold"] == rag.threshold > 0
        assert summary["target_risk"] == 0.3
    # That of the other settings is still there.
    assert {*kept} < {*json.loads((index / "calibration.json").read_bytes())}
    shown = [row for row in answers(config) if row["shown"]]
    assert shown and all(row["confidence"] >= row["threshold"] for row in shown)


# ------------------------------------------------------------------ what cannot be used


def fails(config: Config, match: str) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        run(config)
    assert "\n" not in str(caught.value)
    assert not Path(config.evaluation.dir).exists()


def test_too_few_questions(configure: MakeConfig, index: Path) -> None:
    fails(configure(ROWS[:20], str(index), calibrate=True), r"too few to calibrate on; give 100")
    assert not (index / "calibration.json").exists()


def test_one_question_or_one_document_cannot_be_halved(configure: MakeConfig, index: Path) -> None:
    fails(configure(ROWS[:1], str(index), calibrate=True), "cannot be halved")
    same = [row | {"documents": ["d0"]} for row in ROWS]
    fails(configure(same, str(index), calibrate=True), "90 questions cannot be halved")


@pytest.mark.parametrize("known", [{}, {"answer": "Nothing like it."}], ids=["unknown", "wrong"])
def test_nothing_to_learn_from(configure: MakeConfig, index: Path, known: dict[str, str]) -> None:
    rows = [{"id": row["id"], "question": row["question"], **known} for row in ROWS]
    fails(configure(rows, str(index), calibrate=True), r"0 of them answered rightly, are too few")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"key": 5}', b'{"key": {}}', b'{"key": {"a": 1}}'],
)
def test_a_damaged_calibration_is_told(configure: MakeConfig, index: Path, content: bytes) -> None:
    (index / "calibration.json").write_bytes(content)
    for calibrate in (False, True):
        config = configure(ROWS, str(index), calibrate=calibrate)
        fails(config, r"calibration\.json cannot be read .*delete it, or calibrate again")


letters = st.sampled_from("abcdefghij")


@given(st.lists(st.tuples(letters, st.lists(letters, max_size=2)), min_size=2, max_size=30))
def test_halves_share_no_question_and_no_document(rows: list[tuple[str, list[str]]]) -> None:
    examples = [
        Example(str(n), f"What is {word}?", "", tuple(documents))
        for n, (word, documents) in enumerate(rows)
    ]
    try:
        one, other = halves(examples)
    except ConfigError:
        return
    assert sorted(e.id for e in one + other) == sorted(e.id for e in examples)
    assert {question_key(e.question) for e in one}.isdisjoint(
        question_key(e.question) for e in other
    )
    assert {d for e in one for d in e.documents}.isdisjoint(d for e in other for d in e.documents)
