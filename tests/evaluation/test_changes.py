"""What changed since another index, evaluation or adapter: which answers, and why each one."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from medrag.config import Config, GeneratorConfig, TinyModelConfig
from medrag.errors import ArtefactError, ConfigError, FormatError
from medrag.evaluate import main, run
from medrag.evaluation.changes import changes, kind_of, read_documents, write_documents
from medrag.evaluation.records import Record
from medrag.finetuning.tiny import build_tiny_model
from medrag.manifest import Manifest, Parent, describe_files, fingerprint, write_manifest
from medrag.progress import console
from medrag.stores.local.index import Index
from tests.conftest import NOTES
from tests.evaluation.conftest import (
    MakeConfig,
    answers,
    build_index,
    make_config,
    write_corpus,
    write_rows,
)
from tests.evaluation.made_records import made, refused
from tests.ingestion.test_pubmed import record, relation

ROWS: list[dict[str, Any]] = [
    {"id": "revised", "question": "What lowers uric acid and prevents further attacks of gout?",
     "answer": "Febuxostat."},
    {"id": "removed", "question": "What opens the airways within minutes?",
     "answer": "Salbutamol."},
    {"id": "retracted", "question": "Does drug Q halve mortality in sepsis?", "answer": "Yes."},
    {"id": "added", "question": "How is scurvy treated?", "answer": "With vitamin C."},
    {"id": "same", "question": "Which mosquitoes spread malaria?", "answer": "Anopheles."},
]  # fmt: skip
REASONS = {
    "revised": "document revised: gout.txt",
    "removed": "document removed: asthma.md",
    "retracted": "document retracted: PMID:1",
    "added": "document added: scurvy.txt",
}


@dataclass
class States:
    """Two indexes of a corpus that has changed, and an evaluation of the earlier one."""

    before: str
    now: str
    evaluation: str
    configure: Callable[..., Config]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    root = tmp_path_factory.mktemp("states")
    sound = record(1, "Drug Q halves mortality in sepsis.")
    corpus = write_corpus(
        root / "corpus", NOTES | {"set.xml": f"<PubmedArticleSet>{sound}</PubmedArticleSet>"}
    )
    before = build_index(corpus, root / "before")
    gone = record(1, "Drug Q halves mortality in sepsis.", relation("RetractionIn"))
    write_corpus(
        corpus,
        {
            "gout.txt": NOTES["gout.txt"].replace("Allopurinol", "Febuxostat"),
            "set.xml": f"<PubmedArticleSet>{gone}</PubmedArticleSet>",
            "scurvy.txt": "Scurvy\n\nScurvy is treated with vitamin C.",
        },
    )
    (corpus / "asthma.md").unlink()
    now = build_index(corpus, root / "now")
    write_rows(root / "questions.jsonl", ROWS)

    def configure(index: str, name: str, **changed: Any) -> Config:
        config = make_config(root, index, dir=str(root / name), **changed)
        config.grounding.min_confidence = 0.0
        return config

    earlier = configure(before, "earlier")
    run(earlier)
    return States(before, now, earlier.evaluation.dir, configure)


@pytest.mark.parametrize("kind", ["index", "evaluation"])
def test_each_reason_is_found_in_a_corpus_that_has_changed(states: States, kind: str) -> None:
    against = states.before if kind == "index" else states.evaluation
    config = states.configure(states.now, f"against-{kind}", against=against)
    told = run(config).summary["against"]
    assert (told["directory"], told["kind"]) == (against, kind)
    assert (told["asked"], told["changed"]) == (5, 4)
    found = {change["id"]: change for change in told["changes"]}
    assert [*found] == ["revised", "removed", "retracted", "added"]
    assert found["revised"]["verdict"] == "wrong → right"
    assert found["removed"]["verdict"].startswith("right → ")
    assert found["added"]["verdict"].endswith(" → right")
    assert told["verdicts"]["wrong → right"] >= 1
    for name, reason in REASONS.items():
        assert reason in found[name]["reasons"]
    counts = told["reasons"]
    assert {*counts} == {reason.partition(":")[0] for reason in REASONS.values()}
    # The others say nothing about it, although it is among their hits.
    assert counts["document retracted"] == counts["document added"] == 1
    assert "Allopurinol" in found["revised"]["before"]
    assert "Febuxostat" in found["revised"]["now"]
    assert found["revised"]["now"] == answers(config)[0]["answer"]
    assert run(config).up_to_date


def test_the_same_index_changes_nothing(states: States) -> None:
    config = states.configure(states.before, "same", against=states.before)
    told = run(config).summary["against"]
    assert (told["asked"], told["changed"], told["reasons"], told["changes"]) == (5, 0, {}, [])


def test_the_changes_are_printed(states: States) -> None:
    config = states.configure(states.now, "printed", against=states.evaluation)
    with console.capture() as captured:
        main(config)
    shown = " ".join(captured.get().split())
    assert "4 of 5 answers changed, compared with the evaluation in" in shown
    assert "document revised: gout.txt" in shown


def test_a_baseline_is_compared_with_the_same_baseline(states: States) -> None:
    config = states.configure(
        states.now, "baseline", against=states.before, systems=["bm25-first-sentence"]
    )
    told = run(config).summary["against"]
    found = {change["id"]: change["before"] for change in told["changes"]}
    assert found["removed"] == "Salbutamol opens the airways within minutes. [1]"
    assert "revised" not in found  # the first sentence is as it was


def test_an_earlier_evaluation_may_be_the_one_that_is_replaced(states: States) -> None:
    config = states.configure(states.before, "replaced")
    run(config)
    config = states.configure(states.now, "replaced", against=config.evaluation.dir)
    assert run(config).summary["against"]["changed"] == 4


def test_refused_and_answered_now(states: States) -> None:
    config = states.configure(states.before, "refused", against=states.evaluation)
    config.grounding.min_confidence = 1.0
    told = run(config).summary["against"]
    earlier = states.configure(states.before, "earlier")
    assert told["changed"] == sum(row["shown"] for row in answers(earlier)) >= 4
    assert {*told["reasons"]} == {"refused now"}
    (reason,) = told["changes"][0]["reasons"]
    assert reason.endswith("threshold 0.00 → 1.00")
    back = states.configure(states.before, "answered", against=config.evaluation.dir)
    assert {*run(back).summary["against"]["reasons"]} == {"answered now"}


def test_questions_that_differ_are_not_compared(states: States) -> None:
    rows = [ROWS[0] | {"question": "What causes gout?"}, ROWS[4], ROWS[1] | {"id": "new"}]
    questions = write_rows(Path(states.evaluation).parent / "other.jsonl", rows)
    config = states.configure(
        states.now, "others", against=states.evaluation, questions=str(questions)
    )
    told = run(config).summary["against"]
    assert (told["asked"], told["changed"]) == (1, 0)
    write_rows(questions, rows[2:])
    config = states.configure(
        states.now, "new", against=states.evaluation, questions=str(questions)
    )
    with console.capture() as captured:
        main(config)
    shown = " ".join(captured.get().split())
    assert "Nothing to compare: the evaluation in" in shown
    assert "has no question of this run" in shown


# ------------------------------------------------------------------ reasons, one by one


def reasons(before: Record, now: Record, *removed: str) -> list[str]:
    every = {"gout.txt", "asthma.md"}
    found = list(changes({before.id: before}, [now], every, every - {*removed}))
    return [*found[0].reasons] if found else []


def hit(document: str, start: int = 0, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"document": document, "title": document, "start": start, "end": start + 9,
            "score": 0.5, "text": "…", "flags": list(flags)}  # fmt: skip


def test_other_hits_other_order_other_sentence_other_wording() -> None:
    one, other = hit("gout.txt"), hit("asthma.md")
    before = made("q", hits=[one, other])
    source = before.sources[0]
    elsewhere = [source | {"start": 60, "end": 90, "text": "Febuxostat lowers it, too."}]
    said = "Something else. [1]"
    assert reasons(before, made("q", hits=[one, other])) == []
    # A sentence that only moved, because a paragraph was added before it, is the same.
    moved = [source | {"start": 60, "end": 100}]
    assert reasons(before, made("q", hits=[hit("gout.txt", 50), other], sources=moved)) == []
    for changed, reason in (
        ({"hits": [one, hit("asthma.md", 40)], "sources": elsewhere}, "other hits"),
        ({"hits": [other, one], "sources": elsewhere}, "hits in another order"),
        ({"hits": [one, other], "sources": elsewhere}, "other sentence"),
        ({"hits": [one, other], "answer": said}, "other wording"),
    ):
        assert reasons(before, made("q", **changed)) == [reason]
    both = reasons(before, refused("q", question=before.question, hits=[one], sources=[]))
    assert both == [
        "refused now: confidence 0.80 → 0.10, threshold 0.20 → 0.20", "other hits",
    ]  # fmt: skip


def test_a_document_that_was_retracted_before_is_not_retracted_now() -> None:
    flagged, sound = hit("gout.txt", flags=("retracted",)), hit("gout.txt")
    before = made("q", hits=[sound])
    now: dict[str, Any] = {"answer": "Else.", "sources": [], "hits": [flagged]}
    assert reasons(before, made("q", **now)) == ["document retracted: gout.txt"]
    before.sources[0]["flags"] = before.hits[0]["flags"] = ["retracted"]
    assert reasons(before, made("q", **now)) == ["other sentence"]
    # Nothing rested on it, so it explains nothing.
    elsewhere = made("q", hits=[sound], sources=[], answer="Nothing.")
    assert reasons(elsewhere, made("q", **now)) == ["other wording"]


def test_a_document_is_revised_if_its_text_is_another() -> None:
    before, now = (made("q", documents={"gout.txt": text * 64}) for text in ("a", "b"))
    now.answer = "Else. [1]"
    assert reasons(before, now) == ["document revised: gout.txt"]
    assert reasons(before, now, "gout.txt") == [
        "document removed: gout.txt", "document revised: gout.txt",
    ]  # fmt: skip


# ------------------------------------------------------------------ adapters, and what is neither


def adapter(folder: Path) -> str:
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    parents = {"dataset": Parent(str(folder.parent / "dataset"), "d" * 32)}
    write_manifest(folder, Manifest("adapter", "a" * 32, parents, files=describe_files(folder)))
    return str(folder)


def test_an_adapter_needs_a_model_that_reads_it(configure: MakeConfig, tmp_path: Path) -> None:
    config = configure(ROWS, against=adapter(tmp_path / "adapter"))
    with pytest.raises(ConfigError, match=r"an adapter, which 'medrag' does not read; add gen"):
        run(config)
    config.generator = GeneratorConfig(
        kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
        base_url="http://localhost:1/v1",
        model="some-model",
    )
    with pytest.raises(ConfigError, match="add generator=hf"):
        run(config)


def test_a_model_is_compared_with_its_adapter(configure: MakeConfig, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    shape = TinyModelConfig(
        vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
    )
    base = build_tiny_model(shape, [*NOTES.values()] * 5, tmp_path / "base", seed=1)
    lora = LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False, lora_alpha=99)
    folder = tmp_path / "adapter"
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora).save_pretrained(folder)
    parents = {"dataset": Parent(str(tmp_path / "dataset"), "d" * 32)}
    write_manifest(folder, Manifest("adapter", "a" * 32, parents, files=describe_files(folder)))

    config = configure(ROWS[:2], against=str(folder), systems=["closed-book"])
    config.generator = GeneratorConfig(
        kind="hf",  # type: ignore[arg-type]  # a plain string, as people write it
        model=str(base),
        max_new_tokens=6,
    )
    told = run(config).summary["against"]
    assert (told["kind"], told["asked"], told["changed"]) == ("adapter", 2, 2)
    assert told["reasons"] == {"other wording": 2}
    assert [one["now"] for one in told["changes"]] == [row["answer"] for row in answers(config)]


@pytest.mark.parametrize("made_of", ["nothing", "empty", "file", "dataset", "unreadable"])
def test_what_is_neither_is_one_clear_error(
    configure: MakeConfig, tmp_path: Path, made_of: str
) -> None:
    other = tmp_path / "other"
    if made_of == "file":
        other.write_text("text")
    elif made_of != "nothing":
        other.mkdir()
    if made_of == "dataset":
        write_manifest(other, Manifest("dataset", "d" * 32))
    if made_of == "unreadable":
        (other / "manifest.json").write_text("{")
    config = configure(ROWS, against=str(other))
    with pytest.raises(
        ArtefactError, match="neither an index nor an evaluation nor an ada"
    ) as told:
        run(config)
    assert str(other) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_damaged_evaluation_is_told_as_such(configure: MakeConfig, tmp_path: Path) -> None:
    earlier = configure(ROWS[:1], dir=str(tmp_path / "earlier"))
    run(earlier)
    file = Path(earlier.evaluation.dir, "answers.jsonl")
    content = file.read_bytes()
    file.write_bytes(content[:-3])
    with pytest.raises(ArtefactError, match=r"earlier is damaged .*answers\.jsonl"):
        run(configure(ROWS[:1], against=earlier.evaluation.dir))
    # An evaluation of a version with other records, sealed by its own manifest.
    file.write_bytes(content.replace(b'"basis"', b'"bases"'))
    folder = file.parent
    write_manifest(folder, Manifest("evaluation", "e" * 32, files=describe_files(folder)))
    with pytest.raises(ArtefactError, match=r"answers\.jsonl:1 is no record of this version"):
        run(configure(ROWS[:1], against=str(folder)))
    (folder / "documents.txt.gz").unlink()
    file.write_bytes(content)
    write_manifest(folder, Manifest("evaluation", "e" * 32, files=describe_files(folder)))
    with pytest.raises(ArtefactError, match="made by an earlier version; run it again"):
        run(configure(ROWS[:1], against=str(folder)))


def test_another_format_is_told_as_such(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest("evaluation", "e" * 32))
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text()) | {"schema": 1}
    content.pop("checksum")
    path.write_text(json.dumps(content | {"checksum": fingerprint(content)}))
    with pytest.raises(FormatError, match="format 1"):
        kind_of(tmp_path)


def test_the_names_of_documents_are_kept_as_they_are(notes_index: str, tmp_path: Path) -> None:
    with Index(notes_index) as index:
        write_documents(tmp_path / "documents.txt.gz", index)
    assert read_documents(tmp_path / "documents.txt.gz") == {*NOTES}


def test_a_copy_of_a_configuration_is_compared_not_the_configuration(states: States) -> None:
    config = states.configure(states.now, "copied", against=states.before)
    given = deepcopy(config)
    run(config)
    assert replace(config) == given
