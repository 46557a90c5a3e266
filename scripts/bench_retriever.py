"""Tune one retriever on three collections, and measure it on documents that it never saw.

    python scripts/bench_retriever.py DATA WORK write
    python -m medrag.build_index ... ; python -m medrag.build_dataset ... ;
    python -m medrag.train +experiment=retriever ...        (see docs/retriever.md)
    python scripts/bench_retriever.py DATA WORK measure [MODEL ...]

DATA has `medquad.jsonl`, `pubmedqa.jsonl`, `beir/bioasq-dev`, `covidqa.jsonl` and
`covidqa_documents.jsonl`. `write` puts the corpus and the questions to train on into WORK, without
near copies of what is held out.
`measure` asks the questions that were held out: those of 15 % of MedQuAD's files, among the answers
of these files; 30 % of PubMedQA's and of BioASQ's (questions that share a snippet stay together),
among all abstracts and snippets; and all of COVID-QA, of which nothing is trained on. It prints
nDCG@10 × 100 of the vectors alone, for the packaged MiniLM and for each MODEL, and the difference
with its 95 % interval (paired bootstrap).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medrag.config import EmbedderConfig
from medrag.dataset import question_key
from medrag.ingestion import TextEmbedder
from medrag.metrics import retrieval_measures
from medrag.statistics import Bootstrap
from medrag.text.word_runs import WordRuns

MEDQUAD_QUESTIONS = 3500  # of the train side, drawn by hash: what a CPU can use in 20 minutes
RUN, NEAR_COPY = 5, 0.8  # words of a run; share of the runs that copies have in common
WINDOW = 900  # characters of a passage of COVID-QA's articles


class Collection(NamedTuple):
    """Documents, and questions with the documents that answer them and a reference answer.

    `held_out` says which questions are only measured, and `ranked` among which documents.
    """

    name: str
    documents: dict[str, tuple[str, str]]  # title and text, by id
    questions: dict[str, tuple[str, list[str], str]]  # by id
    held_out: set[str]
    ranked: Sequence[str]


def drawn(key: str, share: float) -> bool:
    return place(key) < share


def place(key: str) -> float:
    return int(hashlib.sha1(key.encode()).hexdigest()[:8], 16) / 16**8


def records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def medquad(data: Path) -> Collection:
    """A question that stands in several rows is one, with the answers of its side."""
    documents: dict[str, tuple[str, str]] = {}
    known: dict[tuple[str, str], str] = {}
    sides: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    for number, row in enumerate(records(data / "medquad.jsonl")):
        side = drawn(row["file"], 0.15)
        content = (row["focus"] or "", " ".join(row["answer"].split()))
        id_ = known.setdefault(content, f"{'held' if side else 'train'}-{number}")
        documents[id_] = content
        if id_.startswith("held") == side:
            sides[side].setdefault(row["question"].strip(), []).append(id_)
    questions = {}
    for side, asked in sides.items():
        for text, ids in asked.items():
            if side or text not in sides[True]:
                answer = documents[ids[0]][1]
                questions[f"{side}-{text}"] = (text, [*dict.fromkeys(ids)], answer)
    held_out = {id_ for id_ in questions if id_.startswith("True")}
    ranked = [id_ for id_ in documents if id_.startswith("held")]
    return Collection("medquad", documents, questions, held_out, ranked)


def pubmedqa(data: Path) -> Collection:
    documents, questions = {}, {}
    for number, row in enumerate(records(data / "pubmedqa.jsonl")):
        parts = row["contexts"]
        documents[str(number)] = ("", " ".join(parts))
        questions[str(number)] = (row["question"], [str(number)], row["long_answer"])
    held_out = {id_ for id_ in questions if drawn(f"pubmedqa-{id_}", 0.3)}
    return Collection("pubmedqa", documents, questions, held_out, [*documents])


def bioasq(data: Path) -> Collection:
    folder = data / "beir" / "bioasq-dev"
    documents = {
        row["_id"]: (row.get("title") or "", row["text"])
        for row in records(folder / "corpus.jsonl")
    }
    relevant: dict[str, list[str]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, score = line.split("\t")
        if int(score) > 0 and document in documents:
            relevant.setdefault(question, []).append(document)
    questions = {}
    for row in records(folder / "queries.jsonl"):
        if ids := relevant.get(row["_id"]):
            questions[row["_id"]] = (row["text"], ids, row["metadata"]["ideal_answer"])
    group: dict[str, str] = {}  # of a document: the smallest id that questions tie it to
    changed = True
    while changed:
        changed = False
        for _, ids, _ in questions.values():
            least = min(group.get(id_, id_) for id_ in ids)
            changed |= any(group.get(id_) != least for id_ in ids)
            group.update(dict.fromkeys(ids, least))
    held_out = {
        id_ for id_, (_, ids, _) in questions.items() if drawn(f"bioasq-{group[ids[0]]}", 0.3)
    }
    return Collection("bioasq", documents, questions, held_out, [*documents])


def covidqa(data: Path) -> Collection:
    articles = {row["id"]: row["text"] for row in records(data / "covidqa_documents.jsonl")}
    documents = {
        f"{id_}-{start // WINDOW}": ("", text[start : start + WINDOW])
        for id_, text in articles.items()
        for start in range(0, len(text), WINDOW)
    }
    questions = {
        row["id"]: (row["question"], [f"{row['document']}-{row['start'] // WINDOW}"], row["answer"])
        for row in records(data / "covidqa.jsonl")
    }
    return Collection("covidqa", documents, questions, set(questions), [*documents])


def words(text: str) -> list[str]:
    return question_key(text).split()


def is_copy(runs: WordRuns, text: str) -> bool:
    """Whether most of a text stands in those that are held out."""
    shared = runs.shared(words(text))
    return bool(shared.size and shared.mean() >= NEAR_COPY)


def write(data: Path, work: Path) -> None:
    """Write the corpus and the questions of training."""
    corpus = work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    asked = []
    for one in (medquad(data), pubmedqa(data), bioasq(data)):
        train = sorted((id_ for id_ in one.questions if id_ not in one.held_out), key=place)
        train = train[:MEDQUAD_QUESTIONS]
        held_out = {id_ for question in one.held_out for id_ in one.questions[question][1]}
        runs = WordRuns((words(one.documents[id_][1]) for id_ in held_out), RUN)
        wanted = dict.fromkeys(id_ for question in train for id_ in one.questions[question][1])
        used = [id_ for id_ in wanted if not is_copy(runs, one.documents[id_][1])]
        kept = set(used)
        with (corpus / f"{one.name}.jsonl").open("w", encoding="utf-8") as file:
            for id_ in used:
                title, text = one.documents[id_]
                file.write(json.dumps({"id": id_, "title": title, "text": text}) + "\n")
        for id_ in train:
            question, ids, answer = one.questions[id_]
            names = [f"{one.name}.jsonl#{document}" for document in ids if document in kept]
            if names:
                asked.append({"question": question, "answer": answer, "documents": names})
        copies = len(wanted) - len(used)
        print(f"{one.name}: {len(used):,} documents to train on; {copies:,} copies left out")
    lines = (json.dumps(row) + "\n" for row in asked)
    (work / "questions.jsonl").write_text("".join(lines), encoding="utf-8")


def scores(collection: Collection, embedder: TextEmbedder) -> dict[str, float]:
    """nDCG@10 of each held-out question."""
    ids = [*collection.ranked]
    texts = ["\n".join(collection.documents[id_]).strip() for id_ in ids]
    passages = embedder.embed_documents(texts)
    asked = sorted(collection.held_out)
    questions = embedder.embed_queries([collection.questions[id_][0] for id_ in asked])
    found = {}
    for id_, vector in zip(asked, questions, strict=True):
        best = np.argsort(-(passages @ vector), kind="stable")[:10]
        ranked = [ids[place] for place in best]
        found[id_] = retrieval_measures(ranked, collection.questions[id_][1], [1])["ndcg@10"]
    return found


def measure(data: Path, models: Sequence[str]) -> None:
    """Print a row for each model and collection."""
    print("| model | collection | questions | documents | nDCG@10 | difference |")
    print("|---|---|---|---|---|---|")
    for read in (medquad, pubmedqa, bioasq, covidqa):
        collection = read(data)
        base: dict[str, float] = {}
        for model in ("", *models):
            values = scores(collection, TextEmbedder(EmbedderConfig(model=model)))
            base = base or values
            gain = Bootstrap([*base], 1000).difference(values, base)
            assert gain
            told = f"{100 * gain.difference:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
            print(
                f"| {Path(model).name or 'MiniLM'} | {collection.name} | {len(values):,} | "
                f"{len(collection.ranked):,} | {100 * np.mean([*values.values()]):.1f} | "
                f"{told if model else ''} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("step", choices=["write", "measure"])
    parser.add_argument("models", nargs="*")
    given = parser.parse_args()
    if given.step == "write":
        write(given.data, given.work)
    else:
        measure(given.data, given.models)


if __name__ == "__main__":
    main()
