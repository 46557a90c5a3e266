"""Make question sets that test abstention: from a part of the questions, the documents are removed.

    python scripts/abstention_sets.py BENCHMARK OUT [--removed 0.35] [--share 1.0]

BENCHMARK is what `evaluation.benchmark` takes: a BEIR folder, a PubMedQA or a MedQuAD file. Its
questions are split by a hash: half of them into `report`, for numbers; of the others two thirds
into `train`, to train and choose on, and one third into `fit`, to calibrate on. For each part, OUT
gets a folder with `corpus.jsonl` and `questions.jsonl`: of a share of its questions all documents
are missing. A question that loses only a part of its documents is left out. To use one:

    python -m medrag.build_index 'corpus.paths=[OUT/report/corpus.jsonl]' index.dir=OUT/report/index
    python -m medrag.evaluate evaluation.questions=OUT/report/questions.jsonl \\
        index.dir=OUT/report/index evaluation.dir=OUT/report/evaluation

Whether an answer is right is told by its text, also where the documents are missing: another one
may answer.
"""

from __future__ import annotations

import argparse
import json
from hashlib import md5, sha256
from pathlib import Path

from medrag.dataset.benchmarks import open_benchmark
from medrag.types import Example


def part_of(name: str) -> str:
    """The part that a question is in; those of one MedQuAD file ("0000001_1-2") are together."""
    group = name.rsplit("-", 1)[0]
    # The same half as in scripts/bench_answers.py.
    if int(md5(group.encode(), usedforsecurity=False).hexdigest(), 16) % 2:
        return "report"
    return "fit" if drawn(group, "fit") < 1 / 3 else "train"


def drawn(name: str, salt: str) -> float:
    """A number in [0, 1) that depends on a name alone."""
    return int(sha256(f"{salt}\0{name}".encode()).hexdigest()[:8], 16) / 2**32


def row(example: Example, is_removed: bool) -> dict[str, object]:
    """A question as a line of JSON, with all that tells a right answer."""
    return {
        "id": example.id,
        "question": example.question,
        "answer": example.answer,
        "answers": list(example.alternatives),
        "kind": example.kind.value,
        "exact": [list(names) for names in example.exact],
        "documents": [] if is_removed else list(example.documents),
        "answerable": True,
        "removed": is_removed,
    }


def main() -> None:
    """Read the options, and write the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--removed", type=float, default=0.35, help="share without documents")
    parser.add_argument("--share", type=float, default=1.0, help="of the questions to use")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    benchmark = open_benchmark(options.benchmark)
    corpus = benchmark.corpus(options.out)
    used = [one for one in benchmark.examples if drawn(one.id, "use") < options.share]
    for part in ("train", "fit", "report"):
        folder = options.out / part
        folder.mkdir(exist_ok=True)
        asked = [one for one in used if part_of(one.id) == part]
        without = {one.id for one in asked if drawn(one.id, "removed") < options.removed}
        gone = {name for one in asked if one.id in without for name in one.documents}
        kept = [one for one in asked if one.id in without or not gone & {*one.documents}]
        with (
            corpus.open(encoding="utf-8") as lines,
            (folder / "corpus.jsonl").open("w", encoding="utf-8") as file,
        ):
            for line in lines:
                name = json.loads(line)
                if str(name.get("_id", name.get("id"))) not in gone:
                    file.write(line)
        with (folder / "questions.jsonl").open("w", encoding="utf-8") as file:
            for one in kept:
                file.write(json.dumps(row(one, one.id in without), ensure_ascii=False) + "\n")
        print(f"{part}: {len(kept)} questions, {len(without)} without documents")


if __name__ == "__main__":
    main()
