"""Compare dense, lexical and hybrid retrieval over a question set.

    python scripts/bench_fusion.py INDEX_DIR QUESTIONS.jsonl [FIELD=NAME ...]

Prints nDCG@10 and recall@1 of documents for each mode and several weights of dense retrieval. Build
the index first, with `python -m medrag.build_index`.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from medrag import RAGPipeline, RetrieverConfig
from medrag.config import DatasetFieldsConfig
from medrag.dataset.questions import DocumentNames, read_questions
from medrag.metrics import retrieval_measures

SETTINGS = [
    RetrieverConfig(mode="lexical"),  # type: ignore[arg-type]  # strings become enums
    RetrieverConfig(mode="dense"),  # type: ignore[arg-type]
    *(RetrieverConfig(dense_weight=weight) for weight in (0.5, 0.6, 0.7, 0.8, 0.9)),
]


def main(index_dir: str, questions: str, *fields: str) -> None:
    """Print one row per setting."""
    names = dict(field.split("=", 1) for field in fields)
    examples, _ = read_questions(questions, DatasetFieldsConfig(**names))
    table = Table(title=f"{questions} over {index_dir}")
    for column in ("mode", "dense weight", "nDCG@10", "recall@1"):
        table.add_column(column)
    for setting in SETTINGS:
        with RAGPipeline.open(index_dir) as rag:
            rag.config.retriever = setting
            resolver = DocumentNames(rag.index)
            ndcg = recall = count = 0.0
            for example in examples:
                gold = resolver.resolve(example.documents)
                if gold:
                    hits = rag.retrieve(example.question, 30)
                    ranked = list(dict.fromkeys(hit.document for hit in hits))
                    found = retrieval_measures(ranked, gold, [1])
                    ndcg += found["ndcg@10"]
                    recall += found["recall@1"]
                    count += 1
        weight = f"{setting.dense_weight}" if setting.mode == "hybrid" else ""
        table.add_row(setting.mode, weight, f"{ndcg / count:.4f}", f"{recall / count:.4f}")
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
