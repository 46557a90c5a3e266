"""Build or update an index: read → chunk → store → embed → publish; resumable at any point.

Each step commits what it finished and skips what is already there, so a build that was killed
goes on where it stood. Readers see nothing of it until the new manifest is in place.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
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
from ..errors import ArtefactError, ConfigError, CorpusError, MismatchError
from ..ingestion.chunking import Chunker
from ..ingestion.embedders import TextEmbedder
from ..ingestion.workers import ParserPool
from ..manifest import (
    MANIFEST,
    Manifest,
    atomic_write,
    fingerprint,
    fsync_path,
    read_manifest,
    write_manifest,
)
from ..progress import peak_mb
from .disk import writing
from .embedding import Embedding
from .kinds import Made, write_vectors
from .locks import build_lock, generation_folder, remove_unheld
from .reading import BuildReport, CorpusReader
from .snapshot import Snapshot
from .store import Store, open_store
from .vectors import VECTORS
from .words import WORDS, write_words

# Raise it when readers, cleaning or chunking give other text for the same input.
TEXT_VERSION = 2
QUARANTINE = "quarantine.jsonl"
_log = logging.getLogger(__name__)


class IndexBuilder:
    """Brings one index directory up to date with a corpus.

    Args:
        config: `corpus`, `chunking`, `embedder`, `cache` and `index` are used.
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
        with writing(self._directory), build_lock(self._directory):
            previous = self._previous()
            space, rebuild = self._embedder.fingerprint, self._config.index.rebuild
            with open_store(self._directory, space, rebuild) as store:
                published = int(previous.settings["generation"]) if previous else 0
                build = 1 + max(published, store.generation)  # the manifest may be lost
                self._prepare(store, build)
                report = BuildReport(self._directory, generation=published)
                parsers = ParserPool(
                    self._config.corpus,
                    self._embedder.folder / "tokenizer.json",
                    self._config.chunking.max_tokens,
                )
                reading = CorpusReader(
                    store, self._config.corpus, parsers, self._chunker, build, report
                )
                downloads = self._directory / "downloads"
                with (
                    Embedding(store, self._embedder, self._config.cache, report) as embedding,
                    closing(reading.read(paths, origin, downloads)) as stored,
                ):
                    # While these are embedded, the parsers go on in their processes.
                    for texts in stored:
                        embedding.embed(texts)
                    embedding.embed_rest(self._chunker)
                snapshot = Snapshot(store, build)
                report.counts = snapshot.counts()
                if not report.counts.documents:
                    raise CorpusError(_nothing_usable(store, paths))
                wanted = fingerprint(
                    {"recipe": self._recipe(), "corpus": snapshot.corpus_fingerprint()}
                )
                same_store = (
                    previous is not None
                    and previous.settings["store"] == store.get_meta("id")
                    and store.generation >= published  # else it is an older copy
                )
                before = Snapshot(store, published) if same_store else None
                if (
                    before is None
                    or previous is None
                    or previous.fingerprint != wanted
                    or previous.settings["kind"] != self._config.index.kind
                ):
                    made = self._publish(store, snapshot, before, wanted, report)
                else:
                    made = Made(**previous.settings["vectors"])
                report.kind, report.recall_at_10 = made.kind, made.recall_at_10
                # Without anything new, too: a build that was killed may have left it undone.
                store.purge(remove_unheld(self._directory, before=report.generation - 1))
                report.quarantined = _write_quarantine(self._directory, store)
        report.seconds = time.monotonic() - started
        report.peak_mb = peak_mb()
        return report

    def _previous(self) -> Manifest | None:
        """The manifest there is; a damaged one is no loss, the store has all it takes."""
        try:
            return read_manifest(self._directory, "index")
        except MismatchError:
            raise
        except ArtefactError as error:
            if (self._directory / MANIFEST).exists():
                _log.warning("%s", error)
            return None

    def _recipe(self) -> dict[str, Any]:
        """Everything beside the corpus that decides what the index holds."""
        return {
            "text_version": TEXT_VERSION,
            "fields": asdict(self._config.corpus.fields),
            "chunking": asdict(self._config.chunking),
            "embedder": self._embedder.fingerprint,
        }

    def _prepare(self, store: Store, build: int) -> None:
        """Make sure the store's content was, and will be, made with one recipe."""
        recipe = json.dumps(self._recipe(), sort_keys=True)
        found = store.get_meta("recipe")
        if found == recipe:
            return
        if found is not None and build > 1 and not self._config.index.rebuild:
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
            store.set_meta("recipe", recipe)

    def _publish(
        self,
        store: Store,
        snapshot: Snapshot,
        before: Snapshot | None,
        wanted: str,
        report: BuildReport,
    ) -> Made:
        """Write the generation's files, then the manifest that makes it the current one."""
        build = snapshot.generation
        folder = generation_folder(self._directory, build)
        shutil.rmtree(folder, ignore_errors=True)  # left by a build that was killed
        folder.mkdir(parents=True)
        made = write_vectors(
            folder / VECTORS,
            snapshot.identity,
            snapshot.vectors(),
            report.counts.chunks,
            self._embedder.dimension,
            IndexKind(self._config.index.kind),
        )
        base = (
            (generation_folder(self._directory, before.generation) / WORDS, before)
            if before
            else None
        )
        write_words(folder / WORDS, snapshot, base)
        fsync_path(folder)
        fsync_path(folder.parent)
        store.seal(build)
        write_manifest(self._directory, self._manifest(store, snapshot, wanted, made, report))
        report.generation, report.published = build, True
        return made

    def _manifest(
        self,
        store: Store,
        snapshot: Snapshot,
        wanted: str,
        made: Made,
        report: BuildReport,
    ) -> Manifest:
        return Manifest(
            kind="index",
            fingerprint=wanted,
            settings={
                "generation": snapshot.generation,
                "store": store.get_meta("id"),
                "corpus": snapshot.corpus_fingerprint(),
                "kind": self._config.index.kind.value,  # asked for
                "vectors": asdict(made),
                "embedder": {
                    "name": self._embedder.name,
                    "fingerprint": self._embedder.fingerprint,
                    "dimension": self._embedder.dimension,
                    **asdict(self._config.embedder),
                },
                "chunking": asdict(self._config.chunking),
                "fields": asdict(self._config.corpus.fields),
            },
            # The files of a generation can be made again, and end with checksums of their own.
            counts=asdict(report.counts),
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
