"""The dataset stage on a real index: RAFT rows, correct citations, no leaks, nothing lost."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from medrag import (
    CorpusConfig,
    DatasetConfig,
    IndexConfig,
    RAGPipeline,
    TrackingConfig,
)
from medrag.build_dataset import run, show_preview, summary_table
from medrag.config import Config, WandbMode
from medrag.dataset import SPLITS, question_key
from medrag.dataset.questions import read_questions
from medrag.errors import ArtefactError, QuestionError
from medrag.generation.prompts import REFUSAL, Pieces, Prompt, Reply, build_messages
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import read_manifest
from medrag.text.words import words
from medrag.types import Hit

# id: (title, sentences, question, answer); only this note has the answer.
NOTES = {
    "gout": ("Gout", "Uric acid crystals form in a joint. Colchicine calms an acute attack.",
             "What calms an acute attack of gout?", "Colchicine calms an acute attack."),
    "asthma": ("Asthma", "Budesonide is inhaled. Salbutamol opens the airways within minutes.",
               "What opens the airways in asthma?", "Salbutamol opens the airways."),
    "malaria": ("Malaria", "Anopheles mosquitoes carry it. Artesunate is given into a vein.",
                "How is severe malaria treated?", "Artesunate is given into a vein."),
    "scurvy": ("Scurvy", "The gums bleed. Ascorbic acid heals it within weeks.",
               "What heals scurvy?", "Ascorbic acid heals it. The gums bleed."),
    "rabies": ("Rabies", "A bite carries the virus. The wound is washed with soap at once.",
               "What is done with the wound in rabies?", "The wound is washed with soap."),
    "glaucoma": ("Glaucoma", "Pressure harms the optic nerve. Latanoprost drops lower it.",
                 "Which drops lower the pressure in glaucoma?", "Latanoprost drops lower it."),
    "anthrax": ("Anthrax", "Spores lie in wool. Ciprofloxacin is taken for 60 days.",
                "How long is ciprofloxacin taken in anthrax?", "It is taken for 60 days."),
    "leprosy": ("Leprosy", "Patches of skin lose feeling. Dapsone and rifampicin cure it.",
                "What cures leprosy?", "Dapsone and rifampicin cure it."),
}  # fmt: skip
LONG = " ".join(
    f"On day {day} of the study {day * 7} patients of ward {day % 5} came for their visit."
    for day in range(1, 60)
)
SEED = 9  # leaves no split empty
UNKNOWN = ("What is the dose of colchicine?", "Who discovered leprosy?")


def question_rows() -> list[dict[str, Any]]:
    rows = [
        {"id": id_, "question": question, "answer": answer, "documents": [f"notes.jsonl#{id_}"]}
        for id_, (_, _, question, answer) in NOTES.items()
    ]
    rows += [
        {"id": f"u{n}", "question": text, "answerable": False} for n, text in enumerate(UNKNOWN)
    ]
    rows += [
        {
            "id": f"visit{day}",
            "question": f"How many patients came on day {day} of the study?",
            "answer": f"{day * 7} patients came.",
            "documents": ["study.txt"],
        }
        for day in (3, 58)
    ]
    return rows


def write_questions(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def make_world(root: Path, embedder: TextEmbedder) -> Config:
    """An index over a few notes, and settings for a dataset from it."""
    corpus = root / "corpus"
    corpus.mkdir()
    notes = [
        {"id": id_, "title": title, "text": text} for id_, (title, text, _, _) in NOTES.items()
    ]
    (corpus / "notes.jsonl").write_text("\n".join(map(json.dumps, notes)), encoding="utf-8")
    (corpus / "study.txt").write_text(f"A study\n\n{LONG}", encoding="utf-8")
    config = Config(
        corpus=CorpusConfig(paths=[str(corpus)]),
        index=IndexConfig(dir=str(root / "index")),
        dataset=DatasetConfig(
            questions=write_questions(root / "questions.jsonl", question_rows()),
            dir=str(root / "dataset"),
            validation_share=0.2,
            test_share=0.3,
            seed=SEED,
        ),
        tracking=TrackingConfig(wandb=WandbMode.disabled, dir=str(root / "runs")),
    )
    IndexBuilder(config, embedder).mirror()
    return config


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Config:
    """The index that the tests share, with its questions."""
    return make_world(tmp_path_factory.mktemp("world"), embedder)


@pytest.fixture(scope="module")
def built(base: Config) -> Config:
    """A dataset with one rejected line and a question of no use; tests only read it."""
    config = deepcopy(base)
    with Path(config.dataset.questions).open("a", encoding="utf-8") as file:
        file.write('{oops}\n{"id": "open", "question": "Is gout painful?", "type": "yesno"}\n')
    assert run(config).up_to_date is False
    return config


@pytest.fixture
def world(base: Config, tmp_path: Path) -> Config:
    """The shared index, with questions and a dataset directory for one test."""
    config = deepcopy(base)
    config.dataset.questions = write_questions(tmp_path / "questions.jsonl", question_rows())
    config.dataset.dir = str(tmp_path / "dataset")
    return config


def rows_of(config: Config) -> dict[str, list[dict[str, Any]]]:
    return {
        split: [
            json.loads(line)
            for line in Path(config.dataset.dir, f"{split}.jsonl").read_text("utf-8").splitlines()
        ]
        for split in SPLITS
    }


def everything(config: Config) -> list[dict[str, Any]]:
    return [row for rows in rows_of(config).values() for row in rows]


def state(directory: str) -> dict[str, tuple[int, bytes]]:
    """Every file with its modification time and content."""
    files = (path for path in Path(directory).rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def left_out(config: Config) -> list[dict[str, Any]]:
    text = Path(config.dataset.dir, "left_out.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def hit_of(context: dict[str, Any]) -> Hit:
    names = ("document", "title", "text", "start", "end", "section")
    return Hit(0, page=None, url="", score=0.0, **{name: context[name] for name in names})


def reply(row: dict[str, Any]) -> str:
    (message,) = row["completion"]
    assert message["role"] == "assistant"
    return str(message["content"])


def markers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\[(\d+)\]", text)]


def test_it_loads_with_datasets_and_the_jsonl_says_the_same(built: Config) -> None:
    loaded = load_from_disk(built.dataset.dir)
    rows = rows_of(built)
    assert tuple(loaded) == SPLITS
    assert {split: loaded[split].to_list() for split in SPLITS} == rows
    assert all(rows.values())  # no split is empty, so the tests below mean something
    wanted = {row["id"]: row["question"] for row in question_rows()}
    own = [row for row in everything(built) if row["variant"] != "near-miss"]
    assert {row["id"]: row["question"] for row in own} == wanted
    assert len(own) == len(wanted)
    pairs = Path(built.dataset.dir, "preferences.jsonl").read_text("utf-8").splitlines()
    folder = Path(built.dataset.dir, "preferences")
    assert load_from_disk(str(folder)).to_list() == [json.loads(line) for line in pairs] != []


def test_rows_are_asked_in_the_words_of_answering(built: Config) -> None:
    for row in everything(built):
        contexts = [hit_of(context) for context in row["contexts"]]
        assert len(contexts) == 5
        assert row["prompt"] == build_messages(row["question"], contexts)


def test_what_is_asked_is_what_a_generator_gets(built: Config) -> None:
    """The prompt of a row, word for word, reaches the language model when the question is asked."""
    row = next(row for row in everything(built) if not row["answerable"])
    asked = []

    class Listener:
        reads_messages = True

        def generate(self, prompt: Prompt) -> Reply:
            asked.append(prompt.messages)
            return Reply(REFUSAL)

        def stream(self, prompt: Prompt) -> Pieces:
            reply = self.generate(prompt)
            yield reply.text
            return reply

        def close(self) -> None:
            pass

    config = replace(built, grounding=replace(built.grounding, min_confidence=0.0))
    with RAGPipeline(config, generator=Listener()) as rag:
        rag.query(row["question"])
    assert asked == [row["prompt"]]


def test_replies_cite_the_passage_that_holds_the_answer(built: Config) -> None:
    rows = [row for row in everything(built) if row["variant"] == "oracle"]
    assert len(rows) >= len(NOTES) / 2
    for row in rows:
        bare = re.sub(r" \[\d+\]", "", reply(row))
        assert words(bare) == words(row["answer"])
        assert {*markers(reply(row))} == {row["oracle"]}
        oracle = row["contexts"][row["oracle"] - 1]
        assert oracle == row["passage"]
        assert oracle["gold"]
        assert oracle["document"] in row["documents"]
        # the number in the reply is that of the passage in the prompt
        (question,) = row["prompt"]
        assert oracle["text"] in question["content"].split(f"[{row['oracle']}] ")[1]
        assert [context["gold"] for context in row["contexts"]].count(True) == 1


def test_the_part_of_a_long_document_with_the_answer_is_taught(world: Config) -> None:
    """Retrieval first finds another part of the right document, without the answer."""
    rows = [
        {
            "id": str(day),
            "question": f"How many patients of ward {day % 5} came on day {day} of the study?",
            "answer": f"On day {day} of the study {day * 7} patients of ward {day % 5} came.",
            "documents": ["study.txt"],
        }
        for day in (3, 21, 40, 58)
    ]
    write_questions(Path(world.dataset.questions), rows)
    world.dataset = replace(world.dataset, oracle_probability=1.0, near_miss_share=0.0)
    run(world)
    found = everything(world)
    assert {row["id"] for row in found if row["variant"] == "oracle"} == {"3", "21", "40", "58"}
    for row in found:
        assert f"On day {row['id']} of" in row["passage"]["text"]
        documents = [context["document"] for context in row["contexts"]]
        assert documents.count("study.txt") == 1  # no other part of it is a distractor


def test_unanswerable_rows_teach_the_refusal(built: Config) -> None:
    refusals = [row for row in everything(built) if not row["answerable"]]
    assert sorted(row["question"] for row in refusals) == sorted(UNKNOWN)
    for row in refusals:
        assert row["completion"] == [{"role": "assistant", "content": REFUSAL}]
        assert (row["variant"], row["oracle"], row["documents"]) == ("unanswerable", 0, [])
        assert row["passage"]["text"] == ""
        assert len(row["contexts"]) == 5  # refusing must be learnt from passages, not without them


def test_contexts_are_spans_of_their_documents(built: Config) -> None:
    seen = set()
    with RAGPipeline(built) as rag:
        for row in everything(built):
            for context in row["contexts"]:
                text = rag.index.document_text(context["document"]) or ""
                assert text[context["start"] : context["end"]] == context["text"] != ""
                seen.add((context["document"], context["start"]))
    assert any(start > 0 for _, start in seen)  # a later chunk of the long document is among them


def test_the_counts_are_those_of_the_rows(built: Config) -> None:
    counts = read_manifest(Path(built.dataset.dir), "dataset").counts
    assert (counts["rejected_questions"], counts["unknown_questions"]) == (1, 1)
    pairs = Path(built.dataset.dir, "preferences.jsonl").read_text("utf-8").count("\n")
    for split, members in rows_of(built).items():
        variants = [row["variant"] for row in members]
        wanted = {
            "rows": len(members),
            "rows_oracle": variants.count("oracle"),
            "rows_withheld": variants.count("withheld"),
            "rows_near_miss": variants.count("near-miss"),
            "rows_unanswerable": variants.count("unanswerable"),
            "contexts": sum(len(row["contexts"]) for row in members),
            "contexts_left_out": sum(row["left_out"] for row in members),
            "preference_pairs": pairs if split == "train" else 0,
        }
        if split != "train":
            wanted |= {"questions_shared_with_train": 0, "documents_shared_with_train": 0}
        assert wanted.items() <= counts[split].items()


def test_rows_that_share_passages_are_counted(world: Config) -> None:
    config = deepcopy(world)
    config.dataset.shared_questions = 2
    report = run(config)
    for split in SPLITS:
        rows = [json.loads(line) for line in (report.directory / f"{split}.jsonl").open()]
        shared = [row for row in rows if row["shares"]]
        assert report.counts[split]["rows_shared"] == len(shared)
        assert bool(shared) == (split == "train")
        assert report.counts[split].get("documents_shared_with_train", 0) == 0


def test_an_unsupported_answer_is_not_taught(world: Config) -> None:
    made_up = "Caesium melts easily in the hand of a patient."
    rows = question_rows()[: len(NOTES)]
    for row in rows:
        row["answer"] = made_up
    rows += [row for row in question_rows() if row.get("answerable") is False]
    rows.append({"id": "none", "question": "What is caesium good for?", "documents": ["study.txt"]})
    write_questions(Path(world.dataset.questions), rows)
    counts = run(world).counts
    splits = rows_of(world)
    assert {row["variant"] for row in splits["train"] + splits["validation"]} == {"unanswerable"}
    kept = [row for row in splits["test"] if row["variant"] == "unsupported"]
    assert kept
    assert all(row["completion"] == [] for row in kept)
    dropped = sum(counts[split]["dropped_unsupported"] for split in SPLITS)
    assert dropped + len(everything(world)) == len(rows)
    assert dropped == len(left_out(world)) > 1
    assert {one["reason"] for one in left_out(world)} == {"unsupported"}


def test_the_card_shows_the_counts_and_the_origin(built: Config) -> None:
    card = Path(built.dataset.dir, "README.md").read_text(encoding="utf-8")
    manifest = read_manifest(Path(built.dataset.dir), "dataset")
    table = {
        cells[1]: cells[2:5]
        for line in card.splitlines()
        if len(cells := [cell.strip() for cell in line.split("|")]) > 5
    }
    for name in manifest.counts["test"]:
        wanted = [str(manifest.counts[split].get(name, "")) for split in SPLITS]
        assert table[name] == wanted
    assert "could not be used: 1\n" in card
    assert "nothing tells whether they are answerable: 1\n" in card
    assert manifest.parents["index"].fingerprint in card
    assert built.dataset.questions in card


def test_the_manifest_names_its_index_and_every_file(built: Config) -> None:
    directory = Path(built.dataset.dir)
    manifest = read_manifest(directory, "dataset")
    index = read_manifest(Path(built.index.dir), "index")
    assert manifest.parents["index"].path == built.index.dir
    assert manifest.parents["index"].fingerprint == index.fingerprint
    names = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    assert set(manifest.files) == names - {"manifest.json"}
    lines = (directory / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    rejected = {row["id"]: row["reason"] for row in map(json.loads, lines)}
    assert list(rejected) == [f"questions.jsonl:{len(question_rows()) + 1}", "open"]
    assert '"answerable": false' in rejected["open"]


def test_a_question_that_does_not_find_its_passage_is_left_out_but_not_of_the_test_split(
    world: Config,
) -> None:
    # Every question names the document of another, so that the first hit is never the gold one.
    ids = list(NOTES)
    rows = question_rows()[: len(ids)]
    for row, other in zip(rows, ids[1:] + ids[:1], strict=True):
        row |= {"documents": [f"notes.jsonl#{other}"], "answer": NOTES[other][3]}
    rows += [row for row in question_rows() if row.get("answerable") is False]
    write_questions(Path(world.dataset.questions), rows)
    world.dataset = replace(world.dataset, round_trip=1)
    counts = run(world).counts
    splits = rows_of(world)
    assert {row["variant"] for row in splits["train"] + splits["validation"]} == {"unanswerable"}
    found = [row for row in splits["test"] if row["answerable"]]
    assert len(found) > 1
    for row in found:
        assert row["passage"]["document"] in row["documents"]
    assert counts["train"]["dropped_not_found"] > 3
    assert {one["reason"] for one in left_out(world)} == {"not_found"}
    world.dataset = replace(world.dataset, round_trip=0)
    run(world)
    assert len(rows_of(world)["train"]) >= counts["train"]["dropped_not_found"]
    assert left_out(world) == []


def test_a_refusal_that_names_a_document_stays_a_refusal(world: Config) -> None:
    rows = [
        *question_rows(),
        {"question": "What is gout?", "answerable": False, "documents": ["gout"]},
    ]
    write_questions(Path(world.dataset.questions), rows)
    run(world)
    row = next(row for row in everything(world) if row["question"] == "What is gout?")
    assert row["completion"][0]["content"] == REFUSAL
    # retriever and reranker are tuned on it, so it must not be a passage without the answer
    assert (row["oracle"], row["passage"]["document"]) == (0, "")


def test_what_may_be_answerable_or_not_is_left_out_and_shown(built: Config) -> None:
    asked = {row["question"] for row in everything(built)}
    assert "Is gout painful?" not in asked
    shown = summary_table(run(built)).caption
    first, second, third = str(shown).splitlines()
    assert first == "rejected.jsonl: 1 question that could not be used"
    assert "1 question of which nothing tells whether the corpus answers" in second
    assert third.startswith("no test row lacks the answer")


def test_a_file_of_questions_alone_is_refused(world: Config) -> None:
    write_questions(Path(world.dataset.questions), [{"question": "Why?"}, {"question": "How?"}])
    with pytest.raises(QuestionError, match=r"no question is left for training \(2 left out: "):
        run(world)


def test_a_dataset_without_a_training_row_is_not_made(world: Config) -> None:
    rows = [{"question": "Why is gout blue?", "answer": "It floats.", "documents": ["gout"]}]
    write_questions(Path(world.dataset.questions), rows)
    world.dataset.test_share = world.dataset.validation_share = 0.0
    with pytest.raises(QuestionError, match=r"gets a row: 1 unsupported"):
        run(world)
    assert not Path(world.dataset.dir).exists()


def test_a_document_that_is_not_in_the_index_stops_the_stage_at_once(world: Config) -> None:
    rows = [*question_rows(), {"question": "Why?", "answer": "So.", "documents": ["goutt", "gout"]}]
    write_questions(Path(world.dataset.questions), rows)
    with pytest.raises(QuestionError, match=r"'goutt' \(nearest: notes\.jsonl#gout\).*'Why\?'"):
        run(world)
    assert not Path(world.dataset.dir).exists()
    assert not Path(world.tracking.dir).exists()


def test_rows_of_the_test_split_can_be_judged_like_their_questions(world: Config) -> None:
    """Evaluation reads test.jsonl, and finds the kind of a question and all of its answers."""
    rows = [
        row | {"kind": "factoid", "exact": [row["answer"], "x"], "answers": ["b"], "nuggets": ["c"]}
        for row in question_rows()
        if row.get("answer")
    ]
    write_questions(Path(world.dataset.questions), rows)
    given, _ = read_questions(world.dataset.questions, world.dataset.fields)
    run(world)
    for split in ("train", "test"):
        path = Path(world.dataset.dir, f"{split}.jsonl")
        found, rejected = read_questions(path, world.dataset.fields)
        found = [one for one in found if "#" not in one.id]  # near misses
        assert rejected == []
        assert found == [one for one in given if one.id in {row.id for row in found}] != []


def test_a_beir_folder_makes_a_dataset(world: Config, tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    answered = [row for row in question_rows() if row.get("answer")]
    queries = [
        {"_id": row["id"], "text": row["question"], "metadata": {"ideal_answer": row["answer"]}}
        for row in answered
    ]
    qrels = [f"{row['id']}\t{row['documents'][0]}\t1\n" for row in answered]
    write_questions(folder / "queries.jsonl", queries)
    (folder / "qrels/test.tsv").write_text("".join(qrels), encoding="utf-8")
    world.dataset.questions = str(folder)
    assert run(world).up_to_date is False
    found = {row["id"].removesuffix("#near-miss") for row in everything(world)}
    assert found == {row["id"] for row in answered}
    assert run(world).up_to_date is True
    (folder / "qrels/test.tsv").write_text("".join(qrels[1:]), encoding="utf-8")
    assert run(world).up_to_date is False


def test_a_planted_leak_is_caught(world: Config) -> None:
    rows = question_rows()
    for row in question_rows()[: len(NOTES)]:
        name = row["documents"][0].removeprefix("notes.jsonl#")
        # the same document under its short name, and the same wording without a document
        rows.append(row | {"id": f"{name}-2", "question": f"Tell of {name}!", "documents": [name]})
        rows.append(row | {"id": f"{name}-3", "question": row["question"].upper(), "documents": []})
    # so many questions that three of them are no more than a tenth
    rows += [
        {"id": f"v{n}", "question": f"Who is nurse {n}?", "answerable": False} for n in range(9)
    ]
    write_questions(Path(world.dataset.questions), rows)
    counts = run(world).counts
    splits = rows_of(world)
    assert {one["reason"] for one in left_out(world)} <= {"near_duplicate"}
    home: dict[str, set[str]] = {}
    for split, members in splits.items():
        for row in members:
            home.setdefault(question_key(row["question"]), set()).add(split)
            for document in row["documents"]:
                home.setdefault(document, set()).add(split)
    assert len(home) > len(NOTES)
    assert all(len(where) == 1 for where in home.values()), home
    assert all(splits.values())
    assert counts["test"]["documents_shared_with_train"] == 0


def test_a_repeated_run_changes_nothing(world: Config) -> None:
    first = run(world)
    before = state(world.dataset.dir)
    again = run(world)
    assert again.up_to_date is True
    assert again.counts == first.counts
    assert state(world.dataset.dir) == before
    assert "(up to date)" in str(summary_table(again).title)


def test_a_change_rebuilds_the_dataset(tmp_path: Path, embedder: TextEmbedder) -> None:
    world = make_world(tmp_path, embedder)

    def rebuilt() -> bool:
        before = read_manifest(Path(world.dataset.dir), "dataset").fingerprint
        report = run(world)
        after = read_manifest(Path(world.dataset.dir), "dataset").fingerprint
        assert report.up_to_date is (before == after)
        assert run(world).up_to_date is True
        return not report.up_to_date

    run(world)
    rows = [*question_rows(), {"question": "Which metal is soft?", "answerable": False}]
    write_questions(Path(world.dataset.questions), rows)
    assert rebuilt()
    assert {row["id"] for row in everything(world)} >= {row["id"] for row in question_rows()}

    corpus = Path(world.corpus.paths[0])
    (corpus / "tin.txt").write_text("Tin\n\nTin is a soft metal.", encoding="utf-8")
    IndexBuilder(world, embedder).mirror()
    assert rebuilt()
    (row,) = [row for row in everything(world) if row["question"] == "Which metal is soft?"]
    assert row["contexts"][0]["document"] == "tin.txt"
    parent = read_manifest(Path(world.dataset.dir), "dataset").parents["index"]
    assert parent.fingerprint == read_manifest(Path(world.index.dir), "index").fingerprint

    world.dataset = replace(world.dataset, num_distractors=2)
    assert rebuilt()
    assert max(len(row["contexts"]) for row in everything(world)) == 3
    world.dataset = replace(world.dataset, seed=SEED + 1)
    assert rebuilt()


def test_an_empty_split_is_left_out(world: Config) -> None:
    world.dataset.validation_share = 0.0
    report = run(world)
    assert report.counts["validation"]["rows"] == 0
    assert set(load_from_disk(world.dataset.dir)) == {"train", "test"}
    assert rows_of(world)["validation"] == []
    assert run(world).up_to_date
    summary_table(report)


def test_a_damaged_dataset_is_rebuilt(world: Config) -> None:
    run(world)
    path = Path(world.dataset.dir, "train.jsonl")
    good = path.read_bytes()
    path.write_bytes(good.replace(b"gout", b"goat"))
    assert run(world).up_to_date is False
    assert path.read_bytes() == good


def test_unusable_inputs_stop_the_stage(world: Config, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="build_index"):
        run(replace(world, index=IndexConfig(dir=str(tmp_path / "none"))))
    with pytest.raises(QuestionError, match="No such file"):
        run(replace(world, dataset=replace(world.dataset, questions=str(tmp_path / "none"))))
    shares = replace(world.dataset, test_share=0.95, validation_share=0.0)
    write_questions(Path(world.dataset.questions), question_rows()[:2])
    with pytest.raises(QuestionError, match=r"no question is left.*test_share"):
        run(replace(world, dataset=shares))
    assert not Path(world.dataset.dir).exists()
    assert not list(tmp_path.glob(".dataset*"))  # nothing incomplete is left behind


def test_a_preview_shows_rows_and_writes_nothing(
    world: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    world.dataset.preview = 2
    world.finetune.base_model = "smollm2"
    show_preview(world)
    shown = capsys.readouterr().err
    assert shown.count("trained: what stands in »«") >= 2
    assert "»" in shown
    assert "finetune.max_length=2048, and training would leave them out" in " ".join(shown.split())
    assert not Path(world.dataset.dir).exists()
