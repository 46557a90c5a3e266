"""Search a million chunks: every kind of FAISS file, tantivy beside FTS5, and hybrid retrieval.

    python scripts/bench_search.py medquad.jsonl BIOASQ WORK OUT.json OUT.png [--count N]
        [--only STAGE ...]

BIOASQ is a folder with `corpus.jsonl` and `queries.jsonl`. The million vectors are derived from
30,000 real ones, of sentences from both sets: each is a random point between a real vector and one
of its ten nearest neighbours, plus noise half as long as their distance. Chunks are 750 characters
of sentences: three that belong together, the others random. The queries are 1,000 real questions.

WORK keeps the files for the next run (9 GB for a million). A stage that is already in OUT.json runs
again only if --only names it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import faiss
import numpy as np
from more_itertools import chunked as batched

from medrag.config import EmbedderConfig, IndexKind, RetrieverConfig
from medrag.ingestion import TextEmbedder
from medrag.retrieval import Retriever
from medrag.stores.local.database import DATABASE, NEVER, ChunkRow, Database, DocumentRow
from medrag.stores.local.directory import is_sealed
from medrag.stores.local.lexical import WORDS, WordIndex, write_words
from medrag.stores.local.snapshot import Snapshot
from medrag.stores.local.store import Store
from medrag.stores.local.terms import TERMS, TermIndex, write_terms
from medrag.stores.local.vectors import VectorIndex, write_vectors
from medrag.text.words import STOPWORDS, words

SEED = 13
SENTENCES, QUESTIONS, WARM, CHUNK = 30_000, 1000, 50, 750
DIMENSION = 384
KINDS = ("flat", "hnsw", "ivfpq")
STAGES = ("ivfpq", "tantivy", "hybrid", "flat", "fts5", "hnsw")  # the slowest last


class Corpus(NamedTuple):
    sentences: list[tuple[str, str]]  # text, and the question it answers
    embedded: list[str]
    questions: list[str]


def read_corpus(medquad: Path, bioasq: Path) -> Corpus:
    sentences: dict[str, str] = {}
    questions = set()
    for row in map(json.loads, medquad.open(encoding="utf-8")):
        questions.add(row["question"].strip())
        sentences |= dict.fromkeys(short_sentences(row["answer"]), row["question"])
    for row in map(json.loads, (bioasq / "corpus.jsonl").open(encoding="utf-8")):
        sentences |= dict.fromkeys(short_sentences(row["text"]), "")
    asked = [json.loads(line)["text"] for line in (bioasq / "queries.jsonl").open(encoding="utf-8")]
    draw = random.Random(SEED)
    embedded = draw.sample(sorted(sentences), SENTENCES)
    drawn = draw.sample(sorted(questions), QUESTIONS // 2) + draw.sample(asked, QUESTIONS // 2)
    return Corpus(list(sentences.items()), embedded, drawn)


def short_sentences(text: str) -> list[str]:
    parts = (" ".join(part.split()) for part in re.split(r"(?<=[.!?])\s+|\n+", text))
    return [part for part in parts if 40 <= len(part) <= 160]


def real_vectors(corpus: Corpus, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of sentences and of questions, embedded once."""
    file = work / "real.npz"
    if not file.exists():
        embedder = TextEmbedder(EmbedderConfig())
        parts = [embedder.embed_documents(part) for part in batched(corpus.embedded, 2000)]
        asked = embedder.embed_queries(corpus.questions)
        np.savez(file, sentences=np.concatenate(parts), questions=asked)
    with np.load(file) as arrays:
        return np.unique(arrays["sentences"], axis=0), arrays["questions"]


def extended(real: np.ndarray, count: int, work: Path) -> np.ndarray:
    """`count` vectors in a mapped file: the real ones, and others derived from them."""
    file = work / "vectors.npy"
    if not file.exists():
        draw = np.random.default_rng(SEED)
        exact = faiss.IndexFlatIP(DIMENSION)
        exact.add(real)
        _, near = exact.search(real, 11)
        order = draw.permutation(count)
        out = np.lib.format.open_memmap(work / "new.npy", "w+", np.float32, (count, DIMENSION))
        out[order[: len(real)]] = real[:count]
        for start in range(len(real), count, 50_000):
            rows = order[start : start + 50_000]
            one = draw.integers(len(real), size=len(rows))
            a, b = real[one], real[near[one, draw.integers(1, 11, size=len(rows))]]
            noise = draw.standard_normal(a.shape, dtype=np.float32)
            noise *= 0.5 * np.linalg.norm(b - a, axis=1, keepdims=True)
            noise /= np.sqrt(DIMENSION)
            made = a + draw.random((len(rows), 1), dtype=np.float32) * (b - a) + noise
            faiss.normalize_L2(made)
            out[rows] = made
        out.flush()
        (work / "new.npy").rename(file)
    return np.load(file, mmap_mode="r")


def chunk_texts(corpus: Corpus, count: int) -> Iterator[tuple[str, str]]:
    """(title, text) of each chunk; the same on every run."""
    draw = random.Random(SEED)
    sentences = corpus.sentences
    for _ in range(count):
        first = draw.randrange(len(sentences) - 3)
        parts = [text for text, _ in sentences[first : first + 3]]
        while sum(map(len, parts)) < CHUNK:
            parts.append(draw.choice(sentences)[0])
        yield sentences[first][1], " ".join(parts)


def fill_store(corpus: Corpus, vectors: np.ndarray, work: Path) -> None:
    """A store like one from a build, with five chunks per document."""
    if (work / DATABASE).exists():
        return
    making = work / "store.new"
    making.unlink(missing_ok=True)
    with Store(making, "bench") as store:
        store.connection.execute("PRAGMA synchronous = OFF")
        rows = enumerate(zip(chunk_texts(corpus, len(vectors)), vectors, strict=True))
        for batch in batched(rows, 20_000):
            with store.transaction():
                for n, ((title, text), vector) in batch:
                    key, hash_ = n // 5 + 1, n.to_bytes(16)
                    if n % 5 == 0:
                        chunks = min(5, len(vectors) - n)
                        row = DocumentRow(
                            key=key,
                            id=f"d{key}",
                            file="",
                            title=title,
                            url="",
                            metadata="{}",
                            version="",
                            flags="[]",
                            left_out="{}",
                            text_key=b"",
                            content_hash="",
                            characters=0,
                            tokens=0,
                            first_chunk=n + 1,
                            chunks=chunks,
                            added=1,
                            removed=NEVER,
                        )
                        store.put("documents", row)
                    chunk = ChunkRow(n + 1, key, 0, 200, None, "", "", text, "[]", hash_, "", "[]")
                    store.put("chunks", chunk)
                    store.put("vectors", (hash_, vector.tobytes()))
        with store.transaction():
            store.set_meta("id", "bench")
        store.connection.execute("PRAGMA journal_mode = DELETE")
    making.rename(work / DATABASE)


def timed(action: Callable[[Any], object], queries: list[Any]) -> dict[str, float]:
    for query in queries[:WARM]:
        action(query)
    seconds = []
    for query in queries:
        started = time.perf_counter()
        action(query)
        seconds.append(time.perf_counter() - started)
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e3
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)}


def memory_mb() -> dict[str, float]:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    found = {name: int(rest.split()[0]) / 1e3 for name, rest in (x.split(":") for x in lines)}
    return {"rss_mb": found["Rss"], "own_mb": found["Anonymous"]}


def build_kind(kind: str, snapshot: Snapshot, count: int, work: Path) -> dict[str, Any]:
    path = work / f"{kind}.faiss"
    started = time.perf_counter()
    made = write_vectors(
        path, snapshot.identity, snapshot.all_vectors(), count, DIMENSION, IndexKind(kind)
    )
    return {
        "build_s": round(time.perf_counter() - started, 1),
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "parameters": made.parameters,
        "recall_at_build": round(made.recall_at_10, 4),
    }


def open_kind(kind: str, snapshot: Snapshot, questions: np.ndarray, work: Path) -> dict[str, Any]:
    """Memory, recall and speed of an opened file, in its own process with one thread."""
    truth = np.load(work / "truth.npy")
    if kind == "flat":  # exact and slow: fewer are enough
        questions, truth = questions[: 2 * WARM], truth[: 2 * WARM]
    path = work / f"{kind}.faiss"
    before = memory_mb()
    started = time.perf_counter()
    assert is_sealed(path, snapshot.identity)
    checked = time.perf_counter()
    index = VectorIndex(path, IndexKind(kind), snapshot.chunk_vectors)
    opened = time.perf_counter()
    after = memory_mb()
    found = [
        (index.search(question, 10)[0] >= tenth - 1e-6).mean()
        for question, tenth in zip(questions, truth, strict=True)
    ]
    return {
        "check_s": round(checked - started, 3),
        "open_s": round(opened - checked, 3),
        "own_mb_opened": round(after["own_mb"] - before["own_mb"], 1),
        "rss_mb_searched": round(memory_mb()["rss_mb"] - before["rss_mb"], 1),
        "recall_at_10": round(float(np.mean(found)), 4),
        **timed(lambda question: index.search(question, 10), list(questions)),
    }


def wanted_words(question: str) -> list[str]:
    return [word for word in words(question) if word not in STOPWORDS] or words(question)


def tantivy_stage(snapshot: Snapshot, corpus: Corpus, work: Path) -> dict[str, Any]:
    started = time.perf_counter()
    write_words(work / WORDS, snapshot, None)
    built = time.perf_counter()
    index = WordIndex(work / WORDS)
    opened = time.perf_counter()
    return {
        "build_s": round(built - started, 1),
        "file_mb": round((work / WORDS).stat().st_size / 1e6, 1),
        "open_s": round(opened - built, 3),
        **timed(lambda question: index.search(wanted_words(question), 50), corpus.questions),
    }


def fts5_stage(snapshot: Snapshot, corpus: Corpus, work: Path) -> dict[str, Any]:
    path = work / "fts5.sqlite"
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    database.execute(
        "CREATE VIRTUAL TABLE words USING fts5 (title, section, text, content='', "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    database.executemany(
        "INSERT INTO words (rowid, title, section, text) VALUES (?, ?, ?, ?)",
        snapshot.texts_to_find(missing_in=None),
    )
    database.execute("COMMIT")
    built = time.perf_counter()

    def search(question: str) -> object:
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(wanted_words(question)))
        return database.execute(
            "SELECT rowid, -bm25(words, 2.0, 2.0, 1.0) AS score FROM words WHERE words MATCH ? "
            "ORDER BY score DESC, rowid LIMIT 50",
            (query,),
        ).fetchall()

    return {
        "build_s": round(built - started, 1),
        "file_mb": round(path.stat().st_size / 1e6, 1),
        **timed(search, corpus.questions[:WARM]),
    }


def hybrid_stage(snapshot: Snapshot, corpus: Corpus, count: int, work: Path) -> dict[str, Any]:
    """`Retriever.retrieve` with its defaults: embed, search vectors and words, fuse, fetch."""
    embedder = TextEmbedder(EmbedderConfig())
    words = WordIndex(work / WORDS)
    faiss_index = VectorIndex(work / "ivfpq.faiss", IndexKind.ivfpq, snapshot.chunk_vectors)
    write_terms(work / TERMS, snapshot, None)
    terms = TermIndex(work / TERMS)

    def search_vectors(query: np.ndarray, k: int, where: None = None) -> list[tuple[int, float]]:
        scores, ids = faiss_index.search(query, k)
        return list(zip(ids.tolist(), scores.tolist(), strict=True))

    # The part of an `IndexReader` that retrieval uses, over files that no build has published.
    index: Any = SimpleNamespace(
        location=str(work),
        counts=SimpleNamespace(chunks=count),
        embedder=SimpleNamespace(dimension=DIMENSION),
        fusion=None,
        hits=snapshot.hits,
        chunk_vectors=snapshot.chunk_vectors,
        search_words=lambda wanted, k, where=None: words.search(wanted, k),
        search_vectors=search_vectors,
        word_frequency=words.frequency,
        phrase_frequency=words.frequency_of_all,
        near_words=terms.near_words,
        meanings=terms.meanings,
        names_of=terms.names_of,
    )
    retriever = Retriever(index, embedder, RetrieverConfig())
    vectors = dict(zip(corpus.questions, embedder.embed_queries(corpus.questions), strict=True))
    return {
        **timed(retriever.retrieve, corpus.questions),
        "embedding": timed(lambda question: embedder.embed_queries([question]), corpus.questions),
        "dense": timed(lambda question: search_vectors(vectors[question], 50), list(vectors)),
        "lexical": timed(lambda q: words.search(wanted_words(q), 50), corpus.questions),
    }


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def plot(results: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colours = dict(zip(KINDS, ("#7f8c8d", "#2471a3", "#c0392b"), strict=True))
    figure, ((quality, speed), (space, lexical)) = pyplot.subplots(2, 2, figsize=(10, 7.5))
    for kind in KINDS:
        row = results[kind]
        quality.scatter(row["p50_ms"], row["recall_at_10"], s=90, color=colours[kind], zorder=3)
        quality.annotate(
            f"{kind}\n{row['recall_at_10']:.3f}, {row['p50_ms']:.1f} ms",
            (row["p50_ms"], row["recall_at_10"]),
            xytext=(9, -4),
            textcoords="offset points",
        )
    quality.axhline(0.95, color="black", lw=0.8, ls="--")
    quality.axvline(5, color="black", lw=0.8, ls="--")
    quality.set(xscale="log", xlim=(0.5, 2000), ylim=(0.9, 1.01))
    quality.set(xlabel="p50 of one query, ms (one thread)", ylabel="recall@10 (real questions)")
    quality.set(title="Dense; goal: above and left of the lines")
    bars = speed.bar(KINDS, [results[k]["build_s"] for k in KINDS], color=list(colours.values()))
    speed.bar_label(bars, fmt="%.0f s")
    speed.margins(y=0.15)
    speed.set(ylabel="seconds", title="Writing the file, including the recall check")
    places = np.arange(len(KINDS))
    for shift, field, label, alpha in (
        (-0.2, "file_mb", "file", 1.0),
        (0.2, "own_mb_opened", "private memory when opened", 0.5),
    ):
        values = [max(results[kind][field], 0.1) for kind in KINDS]
        bars = space.bar(
            places + shift, values, 0.4, label=label, color=list(colours.values()), alpha=alpha
        )
        space.bar_label(bars, fmt=number)
    space.set(xticks=places, xticklabels=KINDS, yscale="log", ylabel="MB", title="Space")
    space.legend(loc="upper right")
    space.set_ylim(top=20_000)
    names = ["SQLite FTS5", "tantivy", "hybrid, whole"]
    rows = [results["fts5"], results["tantivy"], results["hybrid"]]
    for shift, field, label, alpha in ((-0.2, "p50_ms", "p50", 1.0), (0.2, "p99_ms", "p99", 0.5)):
        bars = lexical.bar(
            np.arange(3) + shift, [row[field] for row in rows], 0.4, label=label, alpha=alpha,
            color="#1e8449",
        )  # fmt: skip
        lexical.bar_label(bars, fmt=number)
    lexical.margins(y=0.15)
    lexical.axhline(25, color="black", lw=0.8, ls="--")
    lexical.set(
        xticks=range(3), xticklabels=names, yscale="log", ylabel="ms",
        title="Lexical and hybrid (line: goal of 25 ms)",
    )  # fmt: skip
    lexical.legend()
    figure.suptitle(f"Search over {results['count']:,} chunks, 384 dimensions")
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def measure(stage: str, options: argparse.Namespace) -> dict[str, Any]:
    corpus = read_corpus(options.medquad, options.bioasq)
    _, questions = real_vectors(corpus, options.work)
    with Database(options.work / DATABASE, read_only=True) as database:
        snapshot = Snapshot(database, 1)
        if stage in KINDS:
            if not options.opened:
                return build_kind(stage, snapshot, options.count, options.work)
            faiss.omp_set_num_threads(1)
            return open_kind(stage, snapshot, questions, options.work)
        if stage == "hybrid":
            return hybrid_stage(snapshot, corpus, options.count, options.work)
        lexical = {"tantivy": tantivy_stage, "fts5": fts5_stage}[stage]
        return lexical(snapshot, corpus, options.work)


def prepare(options: argparse.Namespace) -> None:
    corpus = read_corpus(options.medquad, options.bioasq)
    real, questions = real_vectors(corpus, options.work)
    vectors = extended(real, options.count, options.work)
    fill_store(corpus, vectors, options.work)
    if not (options.work / "truth.npy").exists():
        best = np.full((len(questions), 10), -np.inf, dtype=np.float32)
        for start in range(0, len(vectors), 50_000):
            scores = questions @ vectors[start : start + 50_000].T
            best = np.sort(np.hstack([best, np.partition(scores, -10)[:, -10:]]))[:, -10:]
        np.save(options.work / "truth.npy", best[:, 0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("medquad", "bioasq", "work", "json", "png"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", choices=STAGES, default=[])
    parser.add_argument("--stage", help=argparse.SUPPRESS)  # run one stage in this process
    parser.add_argument("--opened", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(options.stage, options)))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    results = json.loads(options.json.read_text()) if options.json.exists() else {}
    results["count"] = options.count
    prepare(options)
    for stage in STAGES:
        if stage in results and stage not in options.only:
            continue
        row: dict[str, Any] = {}
        for extra in ([], ["--opened"]) if stage in KINDS else ([],):
            # Each stage has its own process, so that their memory is apart.
            done = subprocess.run(
                [sys.executable, *sys.argv, "--stage", stage, *extra],
                stdout=subprocess.PIPE,
                check=True,
                env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            )
            row |= json.loads(done.stdout)
        results[stage] = row
        print(stage, json.dumps(row), flush=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    plot(results, options.png)


if __name__ == "__main__":
    main()
