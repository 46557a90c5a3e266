"""Compare dense, lexical and hybrid retrieval over a question set, and the parts of fusion.

    python scripts/bench_fusion.py INDEX_DIR QUESTIONS.jsonl [FIELD=NAME ...]

Prints nDCG@10 and recall@1 of documents for each mode, for several weights of dense retrieval, and
for hybrid retrieval without feedback or without the rarest word. Build the index first, with
`python -m medrag.build_index`. What the index has learned itself is not used.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from medrag import RetrieverConfig
from medrag.config import DatasetFieldsConfig, RetrieverMode
from medrag.dataset.questions import DocumentNames, read_questions
from medrag.embedding import open_embedder
from medrag.indexing import config_from_manifest
from medrag.metrics import retrieval_measures
from medrag.retrieval import Retriever
from medrag.retrieval.fusion import Fusion
from medrag.stores import open_index


class Setting(NamedTuple):
    """A way to search, and what the table calls it."""

    name: str
    mode: RetrieverMode
    fusion: Fusion


SETTINGS = [
    Setting("lexical", RetrieverMode.lexical, Fusion()),
    Setting("dense", RetrieverMode.dense, Fusion()),
    Setting("0.9 and neither (before)", RetrieverMode.hybrid, Fusion(0.9, 0.0, 0.0)),
    Setting("neither", RetrieverMode.hybrid, Fusion(feedback=0.0, rare_word=0.0)),
    Setting("feedback alone", RetrieverMode.hybrid, Fusion(rare_word=0.0)),
    Setting("rarest word alone", RetrieverMode.hybrid, Fusion(feedback=0.0)),
    *(
        Setting(f"hybrid {weight}", RetrieverMode.hybrid, Fusion(weight))
        for weight in (0.6, 0.7, 0.8, 0.85, 0.9)
    ),
]


def main(index_dir: str, questions: str, *fields: str) -> None:
    """Print one row per setting."""
    names = dict(field.split("=", 1) for field in fields)
    examples, _ = read_questions(questions, DatasetFieldsConfig(**names))
    table = Table(title=f"{questions} over {index_dir}")
    for column in ("search", "nDCG@10", "recall@1"):
        table.add_column(column)
    config = config_from_manifest(index_dir)
    embedder = open_embedder(config.embedder)
    with open_index(config.index) as index:
        resolver = DocumentNames(index)
        wanted = [(one.question, resolver.resolve(one.documents)) for one in examples]
        asked = [(question, gold) for question, gold in wanted if gold]
        for setting in SETTINGS:
            retriever = Retriever(index, embedder, RetrieverConfig(mode=setting.mode))
            retriever.fusion = setting.fusion
            ndcg = recall = 0.0
            for question, gold in asked:
                hits = retriever.retrieve(question, 30)
                ranked = list(dict.fromkeys(hit.document for hit in hits))
                found = retrieval_measures(ranked, gold, [1])
                ndcg += found["ndcg@10"]
                recall += found["recall@1"]
            count = len(asked)
            table.add_row(setting.name, f"{ndcg / count:.4f}", f"{recall / count:.4f}")
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
