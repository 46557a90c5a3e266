"""Build or update an index: read → chunk → store → embed → publish; resumable at any point.

Each step commits what it finished and skips what is already there, so a build that was killed
goes on where it stood. Readers see nothing of it until the new manifest is in place.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import (
    ChunkingConfig,
    CorpusConfig,
    EmbedderConfig,
    FieldsConfig,
    IndexConfig,
    IndexKind,
    PipelineConfig,
)
from ..errors import ArtefactError, BusyError, ConfigError, CorpusError, MismatchError
from ..ingestion.chunking import Chunker
from ..ingestion.embedders import TextEmbedder
from ..manifest import (
    FileEntry,
    Manifest,
    atomic_write,
    fingerprint,
    fsync_path,
    read_manifest,
    write_manifest,
)
from ..progress import peak_mb, progress
from .reading import BuildReport, CorpusReader
from .snapshot import Snapshot
from .store import DATABASE, Store
from .vectors import write_vectors

# Raise it when readers, cleaning or chunking give other text for the same input.
TEXT_VERSION = 1
QUARANTINE = "quarantine.jsonl"
_GENERATIONS = "generations"
_EMBED_BATCHES = 16  # batches per window: sorted by length, then committed together


class IndexBuilder:
    """Brings one index directory up to date with a corpus.

    Args:
        config: `corpus`, `chunking`, `embedder` and `index` are used.
        embedder: shared with the caller when it has one loaded already.

    Raises:
        ConfigError: chunks would be longer than what the embedder reads.
    """

    def __init__(self, config: PipelineConfig, embedder: TextEmbedder | None = None) -> None:
        self._config = config
        self._embedder = embedder or TextEmbedder(config.embedder)
        if config.chunking.max_tokens > self._embedder.max_length:
            raise ConfigError(
                f"chunking.max_tokens={config.chunking.max_tokens} is more than the "
                f"{self._embedder.max_length} tokens that {self._embedder.name} reads; lower it"
            )
        self._chunker = Chunker(self._embedder.tokenizer, config.chunking.max_tokens)
        self._directory = Path(config.index.dir)

    def mirror(self) -> BuildReport:
        """Make the index hold what `corpus.paths` hold now, and what was added by hand.

        Raises:
            CorpusError: nothing usable was found; or, with `corpus.strict`, the first document
                that cannot be used.
            MismatchError: the index was made with other settings and `index.rebuild` is off.
            BusyError: another process is building into the same directory.
        """
        if not self._config.corpus.paths:
            raise CorpusError(
                "corpus.paths is empty; name files or directories: "
                "python -m medrag.build_index 'corpus.paths=[DIR]'"
            )
        return self._run(self._config.corpus.paths, origin="corpus")

    def add(self, path: str | Path) -> BuildReport:
        """Add one file or URL; it stays until it is removed by hand, whatever the corpus is.

        Raises:
            CorpusError: the document cannot be used, and why.
        """
        return self._run([str(path)], origin="added")

    def _run(self, paths: Sequence[str], origin: str) -> BuildReport:
        started = time.monotonic()
        self._directory.mkdir(parents=True, exist_ok=True)
        with _locked(self._directory):
            previous = self._previous()
            with Store(self._directory / DATABASE) as store:
                build = (int(previous.settings["generation"]) if previous else 0) + 1
                self._prepare(store, previous, build)
                report = BuildReport(self._directory, generation=build - 1)
                reading = CorpusReader(store, self._config.corpus, self._chunker, build, report)
                reading.read(paths, origin, self._directory / "downloads")
                snapshot = Snapshot(store, build)
                report.counts = snapshot.counts()
                if not report.counts.documents:
                    raise CorpusError(_nothing_usable(store, paths))
                self._embed(store, report)
                wanted = fingerprint(
                    {"recipe": self._recipe(), "corpus": snapshot.corpus_fingerprint()}
                )
                if previous is None or previous.fingerprint != wanted:
                    self._publish(store, snapshot, wanted, report)
                report.quarantined = _write_quarantine(self._directory, store)
        report.seconds = time.monotonic() - started
        report.peak_mb = peak_mb()
        return report

    def _previous(self) -> Manifest | None:
        try:
            return read_manifest(self._directory, "index")
        except MismatchError:
            raise
        except ArtefactError:
            if (self._directory / "manifest.json").exists() and not self._config.index.rebuild:
                raise
            return None

    def _recipe(self) -> dict[str, Any]:
        """Everything beside the corpus that decides what the index holds."""
        return {
            "text_version": TEXT_VERSION,
            "fields": asdict(self._config.corpus.fields),
            "chunking": asdict(self._config.chunking),
            "embedder": self._embedder.fingerprint,
        }

    def _prepare(self, store: Store, previous: Manifest | None, build: int) -> None:
        """Make sure the store's content was, and will be, made with one recipe."""
        recipe = json.dumps(self._recipe(), sort_keys=True)
        found = store.get_meta("recipe")
        if found == recipe:
            return
        if found is not None and previous is not None and not self._config.index.rebuild:
            was, now = json.loads(found), self._recipe()
            differing = ", ".join(
                f"{name}: {was.get(name)} → {now[name]}"
                for name in now
                if was.get(name) != now[name]
            )
            raise MismatchError(
                f"{self._directory} was made with other settings ({differing}); add "
                "index.rebuild=true to replace it, or choose another index.dir"
            )
        with store.transaction():
            if store.get_meta("id") is None:
                store.set_meta("id", uuid.uuid4().hex)
            for file, _, _ in list(store.files()):
                store.remove_file_documents(file, build)
                store.forget_file(file)
            store.drop_vectors()
            store.set_meta("recipe", recipe)

    def _embed(self, store: Store, report: BuildReport) -> None:
        """Give every chunk's text a vector; what was embedded before is not embedded again."""
        total = store.count_unembedded()
        if not total:
            return
        started = time.monotonic()
        truncated_before = self._embedder.truncated
        size = self._config.embedder.batch_size
        with progress("embedding", total, "chunks") as advance:
            for window in store.unembedded(size * _EMBED_BATCHES):
                texts = {
                    digest: self._chunker.embedded_text(title, text)
                    for digest, title, text, _ in window
                }
                advance(len(window) - len(texts))  # the same text again costs nothing
                vectors = self._embedder.embed(list(texts.values()), size, advance)
                with store.transaction():
                    store.put_vectors(list(texts), vectors)
                report.embedded_chunks += len(texts)
                report.embedded_tokens += sum(row[3] for row in window)
        report.truncated = self._embedder.truncated - truncated_before
        report.embed_seconds = time.monotonic() - started

    def _publish(self, store: Store, snapshot: Snapshot, wanted: str, report: BuildReport) -> None:
        """Write the generation's files, then the manifest that makes it the current one."""
        build = snapshot.generation
        name = f"{_GENERATIONS}/{build:06d}/vectors.faiss"
        path = self._directory / name
        shutil.rmtree(path.parent, ignore_errors=True)  # left by a build that was killed
        path.parent.mkdir(parents=True)
        kind = IndexKind(self._config.index.kind)
        entry = write_vectors(path, snapshot.vectors(), self._embedder.dimension, kind)
        fsync_path(path.parent)
        fsync_path(path.parent.parent)
        write_manifest(
            self._directory, self._manifest(store, snapshot, wanted, name, entry, report)
        )
        report.generation, report.published = build, True
        # One generation back is kept for readers that still hold it.
        store.purge(build - 1)
        for folder in sorted((self._directory / _GENERATIONS).iterdir())[:-2]:
            shutil.rmtree(folder)

    def _manifest(
        self,
        store: Store,
        snapshot: Snapshot,
        wanted: str,
        name: str,
        entry: FileEntry,
        report: BuildReport,
    ) -> Manifest:
        return Manifest(
            kind="index",
            fingerprint=wanted,
            settings={
                "generation": snapshot.generation,
                "store": store.get_meta("id"),
                "corpus": snapshot.corpus_fingerprint(),
                "kind": self._config.index.kind.value,
                "embedder": {
                    "name": self._embedder.name,
                    "fingerprint": self._embedder.fingerprint,
                    "dimension": self._embedder.dimension,
                    **asdict(self._config.embedder),
                },
                "chunking": asdict(self._config.chunking),
                "fields": asdict(self._config.corpus.fields),
            },
            counts=asdict(report.counts),
            files={name: entry},
        )


def config_from_manifest(directory: str | Path) -> PipelineConfig:
    """The settings an index was built with, for opening it again, maybe on another machine.

    Raises:
        ArtefactError: no index there.
    """
    settings = read_manifest(Path(directory), "index").settings
    return PipelineConfig(
        corpus=CorpusConfig(fields=FieldsConfig(**settings["fields"])),
        chunking=ChunkingConfig(**settings["chunking"]),
        # The model, not the device it ran on.
        embedder=EmbedderConfig(model=settings["embedder"]["model"]),
        index=IndexConfig(dir=str(directory), kind=settings["kind"]),
    )


def _nothing_usable(store: Store, paths: Sequence[str]) -> str:
    rejected = list(store.rejected())
    first = "".join(f"; first of {len(rejected)}: {r[1]}: {r[2]}" for r in rejected[:1])
    return f"no usable document under {', '.join(paths)}{first}"


def _write_quarantine(directory: Path, store: Store) -> int:
    """Write `quarantine.jsonl`, one line per rejected document; returns how many."""
    lines = [
        json.dumps({"file": file, "id": id_, "reason": reason}, ensure_ascii=False) + "\n"
        for file, id_, reason in store.rejected()
    ]
    atomic_write(directory / QUARANTINE, "".join(lines))
    return len(lines)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's build lock; the system lets go of it when the process ends."""
    path = directory / ".lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"{directory} is being built by process {holder}; wait for it, or stop it"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
