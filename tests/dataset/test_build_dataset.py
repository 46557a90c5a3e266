"""The dataset stage on a real index: the answering prompt, correct citations, no leaks."""

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
    RetrieverConfig,
    TrackingConfig,
)
from medrag.build_dataset import run, summary_table
from medrag.config import Config, WandbMode
from medrag.dataset import SPLITS, question_key
from medrag.dataset.questions import read_questions
from medrag.errors import ArtefactError, QuestionError
from medrag.generation.prompts import REFUSAL, Pieces, Prompt, Reply
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import read_manifest
from medrag.text.words import words

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
        retriever=RetrieverConfig(k=3),
        dataset=DatasetConfig(
            questions=write_questions(root / "questions.jsonl", question_rows()),
            dir=str(root / "dataset"),
            validation_share=0.1,
            test_share=0.3,
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


def markers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\[(\d+)\]", text)]


def test_it_loads_with_datasets_and_the_jsonl_says_the_same(built: Config) -> None:
    loaded = load_from_disk(built.dataset.dir)
    rows = rows_of(built)
    assert tuple(loaded) == SPLITS
    assert {split: loaded[split].to_list() for split in SPLITS} == rows
    assert all(rows.values())  # no split is empty, so the tests below mean something
    wanted = {row["id"]: row["question"] for row in question_rows()}
    assert {row["id"]: row["question"] for row in everything(built)} == wanted


def test_rows_are_asked_in_the_words_of_answering(built: Config) -> None:
    with RAGPipeline(built) as rag:
        for row in everything(built):
            if not row["inserted"]:
                hits = rag.retrieve(row["question"])
                prompt = rag.prompt(row["question"], hits)
                assert row["prompt"] == prompt.messages
                assert [(c["document"], c["start"]) for c in row["contexts"]] == [
                    (hit.document, hit.start) for hit in prompt.contexts
                ]
    assert not any(row["inserted"] for row in rows_of(built)["test"])


def test_what_is_asked_is_what_a_generator_gets(built: Config) -> None:
    """The prompt of a row, word for word, reaches the language model when the question is asked."""
    row = next(row for row in rows_of(built)["test"] if row["answerable"])
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
    answerable = [row for row in everything(built) if row["answerable"] and row["gold_rank"]]
    assert len(answerable) >= len(NOTES)
    for row in answerable:
        (reply,) = row["completion"]
        assert reply["role"] == "assistant"
        bare = re.sub(r" \[\d+\]", "", reply["content"])
        assert words(bare) == words(row["answer"])
        cited = markers(reply["content"])
        assert cited, row
        for number in cited:
            context = row["contexts"][number - 1]
            assert context["gold"]
            assert context["document"] in row["documents"]
        # the number in the reply is that of the passage in the prompt
        (question,) = row["prompt"]
        assert (
            row["contexts"][cited[0] - 1]["text"] in question["content"].split(f"[{cited[0]}] ")[1]
        )
    two = next(row for row in answerable if row["id"] == "scurvy")
    assert len(markers(two["completion"][0]["content"])) == 2  # each sentence cites


def test_the_part_of_a_long_document_with_the_answer_is_taught(world: Config) -> None:
    """Retrieval first finds another part of the right document, without the answer."""
    rows = [
        {
            "id": str(day),
            "question": f"How many patients came on day {day} of the study?",
            "answer": f"{day * 7} patients.",
            "documents": ["study.txt"],
        }
        for day in (3, 21, 40, 58)
    ]
    write_questions(Path(world.dataset.questions), rows)
    world.retriever = RetrieverConfig(k=1)
    counts = run(world).counts["train"]
    assert counts["gold_inserted"] > 0
    assert counts["gold_inserted"] + counts["gold_retrieved"] == 4
    for row in rows_of(world)["train"]:
        (number,) = markers(row["completion"][0]["content"])
        assert f"On day {row['id']} of" in row["contexts"][number - 1]["text"]


def test_unanswerable_rows_teach_the_refusal(built: Config) -> None:
    refusals = [row for row in everything(built) if not row["answerable"]]
    assert [row["question"] for row in refusals] == [*UNKNOWN]
    for row in refusals:
        assert row["completion"] == [{"role": "assistant", "content": REFUSAL}]
        assert (row["gold_rank"], row["inserted"], row["documents"]) == (0, False, [])
        assert len(row["contexts"]) == 3  # refusing must be learnt from passages, not without them


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
    rows = rows_of(built)
    for split, members in rows.items():
        answerable = [row for row in members if row["answerable"]]
        found = [row for row in answerable if row["gold_rank"]]
        wanted = {
            "rows": len(members),
            "answerable": len(answerable),
            "unanswerable": len(members) - len(answerable),
            "gold_retrieved": len([row for row in found if not row["inserted"]]),
            "gold_inserted": len([row for row in found if row["inserted"]]),
            "gold_missing": len(answerable) - len(found),
            "gold_unknown": len([row for row in answerable if not row["documents"]]),
            "contexts_left_out": sum(row["left_out"] for row in members),
            "dropped_unsupported": 0,
        }
        if split != "train":
            wanted |= {"questions_shared_with_train": 0, "documents_shared_with_train": 0}
        assert counts[split] == wanted


def test_an_unsupported_answer_is_not_taught(tmp_path: Path, embedder: TextEmbedder) -> None:
    world = make_world(tmp_path, embedder)
    made_up = {"question": "Which metal is the softest of all?", "answer": "Caesium melts easily."}
    unanswered = {"question": "What is caesium good for?", "documents": ["gout"]}
    extra = [{**made_up, "id": f"m{n}", "question": f"{made_up['question']} {n}"} for n in range(9)]
    write_questions(Path(world.dataset.questions), [*question_rows(), *extra, unanswered])
    counts = run(world).counts
    kept = [row for split in ("train", "validation") for row in rows_of(world)[split]]
    assert kept
    assert not any(row["answer"].startswith("Caesium") for row in kept)
    dropped = sum(counts[split]["dropped_unsupported"] for split in ("train", "validation"))
    tested = [row for row in rows_of(world)["test"] if row["answer"].startswith("Caesium")]
    assert dropped >= 9 - len(tested) > 0


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


def test_gold_is_inserted_if_retrieval_missed_it_but_never_into_test_rows(world: Config) -> None:
    # Every question names the document of another, so that the first hit is never the gold one.
    ids = list(NOTES)
    rows = question_rows()[: len(ids)]
    for row, other in zip(rows, ids[1:] + ids[:1], strict=True):
        row |= {"documents": [f"notes.jsonl#{other}"], "answer": NOTES[other][3]}
    write_questions(Path(world.dataset.questions), rows)
    world.retriever = RetrieverConfig(k=1)
    report = run(world)
    splits = rows_of(world)
    assert len(splits["train"]) > 3
    assert len(splits["test"]) > 1
    for row in splits["train"]:
        assert (row["inserted"], row["gold_rank"]) == (True, 1)
        assert [c["document"] for c in row["contexts"]] == row["documents"]
        assert row["completion"][0]["content"].endswith(" [1]")
        assert row["contexts"][0]["text"] in row["prompt"][0]["content"]
    with RAGPipeline(world) as rag:
        for row in splits["test"]:
            assert (row["inserted"], row["gold_rank"]) == (False, 0)
            (hit,) = rag.retrieve(row["question"])
            assert [c["document"] for c in row["contexts"]] == [hit.document] != row["documents"]
    assert report.counts["train"]["gold_inserted"] == len(splits["train"])
    assert report.counts["test"]["gold_missing"] == len(splits["test"])


def test_an_inserted_passage_takes_the_last_place_and_fits_the_budget(world: Config) -> None:
    # The nearest passages of a question about the study are chunks of the study, near the limit.
    row = {"id": "x", "question": "How many patients came on day 40 of the study?"}
    rows = [row | {"answer": NOTES["gout"][3], "documents": ["gout"]}]
    write_questions(Path(world.dataset.questions), rows)
    for k, tokens, kept in ((3, 2000, 2), (5, 700, 1), (3, 128, 0)):
        world.retriever = RetrieverConfig(k=k)
        world.generator.context_tokens = tokens
        assert run(world).up_to_date is False
        (row,) = rows_of(world)["train"]
        assert row["inserted"]
        assert [c["document"] for c in row["contexts"]][-1] == "notes.jsonl#gout"
        assert row["gold_rank"] == len(row["contexts"])
        assert row["completion"][0]["content"].endswith(f" [{row['gold_rank']}]")
        with RAGPipeline(world, TextEmbedder()) as rag:
            found = rag.retrieve(row["question"])
        # Neighbours are one passage.
        days = [hit for hit in found for one in row["contexts"][:-1] if hit.text in one["text"]]
        assert len(days) >= kept
        assert TextEmbedder().count_tokens(row["prompt"][0]["content"]) <= tokens
        # every hit but the one whose place was taken is in the prompt or counted as left out
        assert len(days) + row["left_out"] in (k - 1, k)


def test_a_refusal_that_names_a_document_stays_a_refusal(world: Config) -> None:
    rows = [
        *question_rows(),
        {"question": "What is gout?", "answerable": False, "documents": ["gout"]},
    ]
    write_questions(Path(world.dataset.questions), rows)
    run(world)
    row = next(row for row in everything(world) if row["question"] == "What is gout?")
    assert row["completion"][0]["content"] == REFUSAL
    # the retriever is tuned on gold_rank, so it must not point at a passage without the answer
    assert (row["gold_rank"], row["inserted"]) == (0, False)


def test_what_may_be_answerable_or_not_is_left_out_and_shown(built: Config) -> None:
    asked = {row["question"] for row in everything(built)}
    assert "Is gout painful?" not in asked
    shown = summary_table(run(built)).caption
    assert shown == (
        "left out, see rejected.jsonl: 1 could not be used, 1 may be answerable or not"
    )


def test_a_file_of_questions_alone_is_refused(world: Config) -> None:
    write_questions(Path(world.dataset.questions), [{"question": "Why?"}, {"question": "How?"}])
    with pytest.raises(QuestionError, match=r"no question is left for training \(2 left out: "):
        run(world)


def test_a_document_that_is_not_in_the_index_stops_the_stage_at_once(world: Config) -> None:
    rows = [*question_rows(), {"question": "Why?", "answer": "So.", "documents": ["goutt", "gout"]}]
    write_questions(Path(world.dataset.questions), rows)
    with pytest.raises(QuestionError, match=r"'goutt' \(nearest: notes\.jsonl#gout\)"):
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
    for split in SPLITS:
        path = Path(world.dataset.dir, f"{split}.jsonl")
        found, rejected = read_questions(path, world.dataset.fields)
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
    assert {row["id"] for row in everything(world)} == {row["id"] for row in answered}
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
    write_questions(Path(world.dataset.questions), rows)
    counts = run(world).counts
    splits = rows_of(world)
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
    assert len(everything(world)) == len(rows)

    corpus = Path(world.corpus.paths[0])
    (corpus / "tin.txt").write_text("Tin\n\nTin is a soft metal.", encoding="utf-8")
    IndexBuilder(world, embedder).mirror()
    assert rebuilt()
    (row,) = [row for row in everything(world) if row["question"] == "Which metal is soft?"]
    assert row["contexts"][0]["document"] == "tin.txt"
    parent = read_manifest(Path(world.dataset.dir), "dataset").parents["index"]
    assert parent.fingerprint == read_manifest(Path(world.index.dir), "index").fingerprint

    world.retriever = replace(world.retriever, k=2)
    assert rebuilt()
    assert max(len(row["contexts"]) for row in everything(world)) == 2
    world.dataset = replace(world.dataset, seed=14)
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
