"""A build killed with SIGKILL goes on where it stood, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medrag.index import Index

_BUILD = """
import sys
from medrag import CorpusConfig, EmbedderConfig, IndexConfig, PipelineConfig
from medrag.index import IndexBuilder
corpus, index = sys.argv[1:]
IndexBuilder(PipelineConfig(
    corpus=CorpusConfig(paths=[corpus]), index=IndexConfig(dir=index),
    embedder=EmbedderConfig(batch_size=1),
)).mirror()
"""


def start(corpus: Path, index: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(corpus), str(index)], env=environment
    )


def count(index: Path, table: str) -> int:
    try:
        with sqlite3.connect(f"file:{index}/store.sqlite?mode=ro", uri=True) as database:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.Error:
        return 0


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """SIGKILL the process as soon as the condition holds."""
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, "the build ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def state(directory: Path) -> tuple[object, ...]:
    """Everything a reader can see: ids, texts, vectors, fingerprint, and what FAISS holds."""
    with Index(directory) as index:
        snapshot = index.snapshot
        vectors = list(snapshot.vectors())
        texts = {id_: snapshot.document_text(id_) for id_ in snapshot.document_ids()}
        return texts, vectors, index.manifest.fingerprint, len(index.vectors)


@pytest.mark.slow
def test_a_killed_build_continues_to_the_same_result(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(30):
        text = " ".join(
            f"Sentence {n} of note {number} is about drug {n * number}." for n in range(24)
        )
        (corpus / f"note{number:02}.txt").write_text(text, encoding="utf-8")
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert start(corpus, undisturbed).wait() == 0

    kill_when(start(corpus, disturbed), lambda: count(disturbed, "documents") > 5)
    assert 5 < count(disturbed, "documents") < 30
    assert not (disturbed / "manifest.json").exists()
    kill_when(start(corpus, disturbed), lambda: count(disturbed, "vectors") > 0)
    assert 0 < count(disturbed, "vectors") < count(undisturbed, "vectors")
    assert not (disturbed / "manifest.json").exists()
    assert start(corpus, disturbed).wait() == 0
    assert state(disturbed) == state(undisturbed)


@pytest.mark.slow
def test_a_kill_during_an_update_leaves_the_old_index_whole(tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    for number in range(3):
        (corpus / f"old{number}.txt").write_text(f"Old note number {number}.", encoding="utf-8")
    assert start(corpus, index).wait() == 0
    before = state(index)
    (corpus / "old0.txt").unlink()
    (corpus / "old1.txt").write_text("Changed.", encoding="utf-8")
    for number in range(30):
        text = " ".join(f"New sentence {n} of note {number}." for n in range(24))
        (corpus / f"new{number:02}.txt").write_text(text, encoding="utf-8")
    kill_when(start(corpus, index), lambda: count(index, "vectors") > 3)
    assert state(index) == before
    assert start(corpus, index).wait() == 0
    texts, *_ = state(index)
    assert isinstance(texts, dict)
    assert len(texts) == 32
    assert "old0.txt" not in texts
